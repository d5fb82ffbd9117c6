package ports

import "orderflow/domain/eventsourcing"

// Codec maps the typed form of an event to the stored form and back.
type Codec[E any] interface {
	// Encode always writes the newest version of the event's schema.
	Encode(eventsourcing.Envelope[E]) (eventsourcing.Record, error)
	// Decode reads every version ever written. What it cannot read is a *DecodeError.
	Decode(eventsourcing.Record) (eventsourcing.Envelope[E], error)
}
