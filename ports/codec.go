package ports

import "orderflow/domain/eventsourcing"

// Codec maps the typed form of the events of one aggregate type to the stored form and back.
type Codec[E any] interface {
	// Encode always writes the newest version of the event's schema.
	Encode(eventsourcing.Envelope[E]) (eventsourcing.Record, error)
	// Decode reads every version ever written. What it cannot read, a record of another aggregate type included, is a
	// *DecodeError.
	Decode(eventsourcing.Record) (eventsourcing.Envelope[E], error)
}

// Decoder reads the stored form of events of several aggregate types, as Codec.Decode does for one.
type Decoder interface {
	Decode(eventsourcing.Record) (eventsourcing.Envelope[any], error)
}
