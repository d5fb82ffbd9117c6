package outside

import (
	"fmt"
	"hash/fnv"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

// newerBy is how far the versions of newer events are above those that this program knows.
const newerBy = 100

// Codec is the codec of a newer program. It writes some events in a version that only such a
// program can read. The codec of an older program is that of orderjson as it is.
type Codec struct {
	ports.Codec[order.Event]
	share int
}

// NewerCodec returns a Codec that writes one of so many events in a newer version.
func NewerCodec(share int) Codec { return Codec{orderjson.New(), share} }

// Encode implements ports.Codec.
func (c Codec) Encode(e eventsourcing.Envelope[order.Event]) (eventsourcing.Record, error) {
	record, err := c.Codec.Encode(e)
	if err == nil && chosen("newer", e.AggregateID, e.SequenceNumber, c.share) {
		record.EventVersion += newerBy
	}
	return record, err
}

// Decode implements ports.Codec.
func (c Codec) Decode(record eventsourcing.Record) (eventsourcing.Envelope[order.Event], error) {
	return c.Codec.Decode(known(record))
}

// Decoder is the decoder of a newer program.
type Decoder struct{ ports.Decoder }

// NewerDecoder returns a Decoder.
func NewerDecoder() Decoder { return Decoder{orderjson.NewMux()} }

// Decode implements ports.Decoder.
func (d Decoder) Decode(record eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	return d.Decoder.Decode(known(record))
}

// known gives a record of a newer version the real version of its payload.
func known(record eventsourcing.Record) eventsourcing.Record {
	if record.EventVersion > newerBy {
		record.EventVersion -= newerBy
	}
	return record
}

// chosen reports whether an event is one of so many. The answer for an event is always the same. A
// share of 0 chooses none.
func chosen(salt string, id uuid.UUID, sequence uint64, share int) bool {
	if share == 0 {
		return false
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %d", salt, id, sequence)
	return h.Sum64()%uint64(share) == 0
}

// Poison makes a consumer fail on some events, until the cause is removed.
type Poison struct {
	plan.Poison
	mended atomic.Bool
}

// Mend removes the cause.
func (p *Poison) Mend() { p.mended.Store(true) }

// Hits reports whether a consumer fails on an event.
func (p *Poison) Hits(consumer string, record eventsourcing.Record) bool {
	return !p.mended.Load() && consumer == p.Consumer && chosen("poison", record.AggregateID, record.SequenceNumber, p.Share)
}

// err fails on an event.
func (p *Poison) err(record eventsourcing.Record) error {
	if p.Panics {
		panic(fmt.Sprintf("event %d of %s is poison", record.SequenceNumber, record.AggregateID))
	}
	return fmt.Errorf("event %d of %s is poison: %w", record.SequenceNumber, record.AggregateID, ports.ErrCorrupt)
}

// Decoder makes a consumer fail on what it decodes.
func (p *Poison) Decoder(consumer string, d ports.Decoder) ports.Decoder {
	return poisoned{d, p, consumer}
}

type poisoned struct {
	ports.Decoder
	poison   *Poison
	consumer string
}

// Decode implements ports.Decoder.
func (p poisoned) Decode(record eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	if p.poison.Hits(p.consumer, record) {
		return eventsourcing.Envelope[any]{}, p.poison.err(record)
	}
	return p.Decoder.Decode(record)
}
