package porttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// publishes is a publisher that may be broken.
type publishes func(ctx context.Context, r eventsourcing.Record) error

func (p publishes) Publish(ctx context.Context, r eventsourcing.Record) error { return p(ctx, r) }

// publisherHarness returns the harness of a publisher. It does not use the store.
func publisherHarness(broken func(p *memory.Publisher) publishes) func(*memory.Store) PublisherHarness {
	return func(*memory.Store) PublisherHarness {
		var p memory.Publisher
		return PublisherHarness{
			Publisher: broken(&p),
			Published: func(testing.TB) []eventsourcing.Record { return p.Published() },
			Close:     p.Close,
		}
	}
}

func TestPublisher_IsProved(t *testing.T) {
	t.Parallel()
	const (
		atOnce    = "a record is in the target when publish returns"
		inOrder   = "records of one aggregate arrive in order"
		types     = "records of every aggregate type arrive with it"
		parallel  = "aggregates published at the same time all arrive"
		again     = "a record may be published again"
		cancelled = "an ended context stops a call before it does anything"
		closed    = "a closed publisher refuses, and what was published stays"
	)
	sound := publisherHarness(func(p *memory.Publisher) publishes { return p.Publish })
	prove(t, publisherScenarios(), sound, []proof[PublisherHarness]{
		{broken: "publishes with the next record", scenario: atOnce, says: "published", adapter: publisherHarness(late)},
		{
			broken: "loses the time", scenario: atOnce, says: "CreatedAt",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				return func(ctx context.Context, r eventsourcing.Record) error {
					r.CreatedAt = day
					return p.Publish(ctx, r)
				}
			}),
		},
		{
			broken: "forgets types", scenario: types, says: "AggregateType", adapter: publishesAs(forgotten),
		},
		{
			broken: "takes every record for one of an order", scenario: types, says: "AggregateType", adapter: publishesAs(legacy),
		},
		{broken: "exchanges records", scenario: inOrder, says: "published", adapter: publisherHarness(exchanged)},
		{
			broken: "loses records at the same time", scenario: parallel, says: "published",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				var count atomic.Int64
				return func(ctx context.Context, r eventsourcing.Record) error {
					if count.Add(1)%9 == 0 {
						return nil
					}
					return p.Publish(ctx, r)
				}
			}),
		},
		{
			broken: "refuses a record that it knows", scenario: again, says: "version conflict",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				var known sync.Map
				return func(ctx context.Context, r eventsourcing.Record) error {
					if _, again := known.LoadOrStore(r.EventID, true); again {
						return ports.ErrVersionConflict
					}
					return p.Publish(ctx, r)
				}
			}),
		},
		{
			broken: "gives a record another id the second time", scenario: again, says: "published",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				var known sync.Map
				return func(ctx context.Context, r eventsourcing.Record) error {
					if _, again := known.LoadOrStore(r.EventID, true); again {
						r.EventID = uuid.New()
					}
					return p.Publish(ctx, r)
				}
			}),
		},
		{
			broken: "cuts payloads", scenario: "a large payload arrives", says: "Payload",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				return func(ctx context.Context, r eventsourcing.Record) error {
					r.Payload = r.Payload[:min(len(r.Payload), 1<<16)]
					return p.Publish(ctx, r)
				}
			}),
		},
		{broken: "keeps the caller's slices", scenario: "memory is not shared with callers", says: "published", adapter: keepsSlices},
		{
			broken: "publishes although the context has ended", scenario: cancelled, says: "Publish with an ended context: error <nil>",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				return func(ctx context.Context, r eventsourcing.Record) error {
					return p.Publish(context.WithoutCancel(ctx), r)
				}
			}),
		},
		{
			broken: "publishes and then looks at the context", scenario: cancelled, says: "published",
			adapter: publisherHarness(func(p *memory.Publisher) publishes {
				return func(ctx context.Context, r eventsourcing.Record) error {
					return errors.Join(p.Publish(context.WithoutCancel(ctx), r), ctx.Err())
				}
			}),
		},
		{
			broken: "can be used after close", scenario: closed, says: "Publish after close: error <nil>",
			adapter: func(s *memory.Store) PublisherHarness {
				h := sound(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "drops what it published", scenario: closed, says: "published",
			adapter: func(s *memory.Store) PublisherHarness {
				h := sound(s)
				closed, published := false, h.Published
				h.Close = func() error { closed = true; return sound(s).Close() }
				h.Publisher = publishes(func(context.Context, eventsourcing.Record) error {
					if closed {
						return ports.ErrClosed
					}
					return nil
				})
				h.Published = func(t testing.TB) []eventsourcing.Record { return published(t) }
				return h
			},
		},
	})
}

// late delays each record until the next one comes.
func late(p *memory.Publisher) publishes {
	var held []eventsourcing.Record
	return func(ctx context.Context, r eventsourcing.Record) error {
		held = append(held, r)
		if len(held) < 2 {
			return nil
		}
		first := held[0]
		held = held[1:]
		return p.Publish(ctx, first)
	}
}

// exchanged publishes four records at a time, the last one first.
func exchanged(p *memory.Publisher) publishes {
	var held []eventsourcing.Record
	return func(ctx context.Context, r eventsourcing.Record) error {
		held = append(held, r)
		if len(held) < 4 {
			return nil
		}
		var err error
		for _, r := range slices.Backward(held) {
			err = errors.Join(err, p.Publish(ctx, r))
		}
		held = nil
		return err
	}
}

// keepsSlices keeps the slices that it is given.
func keepsSlices(*memory.Store) PublisherHarness {
	var kept []eventsourcing.Record
	return PublisherHarness{
		Publisher: publishes(func(_ context.Context, r eventsourcing.Record) error {
			kept = append(kept, r)
			return nil
		}),
		Published: func(testing.TB) []eventsourcing.Record { return kept },
		Close:     func() error { return nil },
	}
}
