package command

import (
	"time"
	"unsafe"

	"orderflow/domain/eventsourcing"
)

// folded is what the history of an aggregate amounts to, for a command handler.
type folded[S any] struct {
	state S
	// head is the sequence number of the last event, and at its time.
	head uint64
	at   time.Time
	// commands are the commands of the history up to head.
	commands index
	// unreadable says why the state is not known: an event cannot be decoded.
	unreadable error
}

// add adds the next event, except for its effect on the state.
func (f *folded[S]) add(h *eventsourcing.Header) {
	f.head, f.at = h.SequenceNumber, h.CreatedAt
	f.commands.add(h.CommandID, h.SequenceNumber)
}

// bytes returns about how much memory f takes. size is that of what the state refers to.
func (f *folded[S]) bytes(size func(S) int) int {
	return int(unsafe.Sizeof(*f)) + f.commands.bytes() + size(f.state)
}

// fold adds records. After one that cannot be decoded, the state is not known any more.
func fold[C eventsourcing.Command, S, E any](f *folded[S], a Aggregate[C, S, E], records []eventsourcing.Record) {
	f.commands.grow(len(records))
	envelopes := make([]eventsourcing.Envelope[E], 0, len(records))
	for i := range records {
		f.add(&records[i].Header)
		if f.unreadable == nil {
			var e eventsourcing.Envelope[E]
			e, f.unreadable = a.Codec.Decode(records[i])
			envelopes = append(envelopes, e)
		}
	}
	if f.unreadable == nil {
		f.state = eventsourcing.Fold(f.state, a.Decider.Evolve, envelopes)
	}
}
