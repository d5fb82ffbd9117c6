package ports

import "orderflow/domain/eventsourcing"

// Codec maps the typed form of the events of one aggregate type to the stored form and back.
type Codec[E any] interface {
	// Encode always writes the newest version of the event's schema.
	Encode(eventsourcing.Envelope[E]) (eventsourcing.Record, error)
	// Decode reads every version that was ever written. It returns a *DecodeError for a record that
	// it cannot read, and for a record of another aggregate type. It returns ErrUnavailable while
	// the keys of sealed fields cannot be had.
	Decode(eventsourcing.Record) (eventsourcing.Envelope[E], error)
}

// Decoder reads stored events of several aggregate types. It does for all of them what Codec.Decode
// does for one.
type Decoder interface {
	Decode(eventsourcing.Record) (eventsourcing.Envelope[any], error)
}
