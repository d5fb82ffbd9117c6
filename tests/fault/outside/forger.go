package outside

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Forgeries counts what forgers have delivered.
type Forgeries struct {
	// Hints name an event of the event store and say something else about it. Foreign name no event
	// of the event store. Unknown are those of them that name an unknown order.
	Hints, Foreign, Unknown atomic.Int64
}

// Forger is a feed that others write to as well. One of so many deliveries comes with a record that
// the event store does not have, or has with other contents.
type Forger struct {
	ports.ChangeFeed
	seed  uint64
	share int
	count *Forgeries
}

// NewForger returns a Forger.
func NewForger(feed ports.ChangeFeed, seed uint64, share int, count *Forgeries) *Forger {
	return &Forger{feed, seed, share, count}
}

// Subscribe implements ports.ChangeFeed.
func (f *Forger) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	subscription, err := f.ChangeFeed.Subscribe(ctx, consumer)
	if err != nil {
		return nil, err
	}
	name := fnv.New64a()
	name.Write([]byte(consumer))
	return &forged{Subscription: subscription, forger: f, random: rand.New(rand.NewPCG(f.seed, name.Sum64()))}, nil
}

// forged is a subscription with forged records in between. A forged record has the position of the
// delivery before it. So its commit commits nothing else.
type forged struct {
	ports.Subscription
	forger *Forger
	random *rand.Rand
	last   *ports.Position
	queue  []ports.Delivery
}

// Next implements ports.Subscription.
func (f *forged) Next(ctx context.Context) (ports.Delivery, error) {
	if len(f.queue) == 0 {
		delivery, err := f.Subscription.Next(ctx)
		if err != nil || !delivery.Beat.IsZero() {
			return delivery, err
		}
		if f.last != nil && f.random.IntN(f.forger.share) == 0 {
			f.queue = append(f.queue, ports.Delivery{Record: f.forge(delivery.Record), Position: *f.last})
		}
		f.queue = append(f.queue, delivery)
		f.last = &delivery.Position
	}
	delivery := f.queue[0]
	f.queue = f.queue[1:]
	return delivery, nil
}

// forge returns a record that resembles the next one.
func (f *forged) forge(of eventsourcing.Record) eventsourcing.Record {
	record := of.Clone()
	kind := f.random.IntN(9)
	switch kind {
	case 0: // the same event with another payload
		record.Payload = []byte(`{"items":[]}`)
	case 1: // the same event with another type
		record.EventType, record.EventVersion, record.Payload = "order.cancelled", 2, []byte(`{"reason":"forged"}`)
	case 2: // the same event, which cannot be read
		record.EventType, record.Payload = "forged", []byte("\x00")
	case 3: // another event in its place
		record.EventID = uuid.New()
	case 4: // another event in its place, which cannot be read
		record.EventID, record.Payload = uuid.New(), []byte("\x00")
	case 5: // an event that is far ahead
		record.EventID, record.SequenceNumber = uuid.New(), record.SequenceNumber+1000
	case 6: // the same event of another type of aggregate
		record.AggregateType = "invoice"
	case 7: // the first event of an order that does not exist
		record.EventID, record.AggregateID, record.SequenceNumber = uuid.New(), uuid.New(), 1
	case 8: // an event of an aggregate of another type that does not exist
		record.AggregateType, record.AggregateID = "invoice", uuid.New()
	}
	switch {
	case kind < 3:
		f.forger.count.Hints.Add(1)
	case kind > 6:
		f.forger.count.Unknown.Add(1)
		f.forger.count.Foreign.Add(1)
	default:
		f.forger.count.Foreign.Add(1)
	}
	return record
}
