package porttest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenLot replaces the functions that are set.
type brokenLot struct {
	*memory.Store
	park   func(ctx context.Context, parked ports.ParkedAggregate) error
	unpark func(ctx context.Context, consumer string, aggregateID uuid.UUID) error
	list   func(consumer string) pager[ports.ParkedAggregate]
}

func (b brokenLot) Park(ctx context.Context, parked ports.ParkedAggregate) error {
	if b.park == nil {
		return b.Store.Park(ctx, parked)
	}
	return b.park(ctx, parked)
}

func (b brokenLot) Unpark(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	if b.unpark == nil {
		return b.Store.Unpark(ctx, consumer, aggregateID)
	}
	return b.unpark(ctx, consumer, aggregateID)
}

func (b brokenLot) Parked(ctx context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	if b.list == nil {
		return b.Store.Parked(ctx, consumer, after, limit)
	}
	aggregates, next, err := b.list(consumer)(ctx, after, limit)
	return ports.ParkedPage{Aggregates: aggregates, Next: next}, err
}

func soundLot(s *memory.Store) ParkingLotHarness {
	return ParkingLotHarness{
		Lot: s, Close: s.Close,
		Reopen: func(testing.TB) ParkingLotHarness { return soundLot(s.Reopen()) },
	}
}

// parksAs returns the factory of a broken parking lot.
func parksAs(broken func(s *memory.Store) brokenLot) func(*memory.Store) ParkingLotHarness {
	return func(s *memory.Store) ParkingLotHarness {
		h := soundLot(s)
		lot := broken(s)
		lot.Store = s
		h.Lot = lot
		return h
	}
}

// parking breaks Park, unparking breaks Unpark.
func parking(broken func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error) func(*memory.Store) ParkingLotHarness {
	return parksAs(func(s *memory.Store) brokenLot {
		return brokenLot{park: func(ctx context.Context, parked ports.ParkedAggregate) error { return broken(s, ctx, parked) }}
	})
}

func unparking(broken func(s *memory.Store, ctx context.Context, consumer string, id uuid.UUID) error) func(*memory.Store) ParkingLotHarness {
	return parksAs(func(s *memory.Store) brokenLot {
		return brokenLot{unpark: func(ctx context.Context, consumer string, id uuid.UUID) error { return broken(s, ctx, consumer, id) }}
	})
}

// parksOther stores another entry than the given one.
func parksOther(spoil func(*ports.ParkedAggregate)) func(*memory.Store) ParkingLotHarness {
	return parking(func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error {
		spoil(&parked)
		return s.Park(ctx, parked)
	})
}

// mislistsParked gets the pages wrong.
func mislistsParked(scenario, way, says string) proof[ParkingLotHarness] {
	return proof[ParkingLotHarness]{broken: way, scenario: scenario, says: says, adapter: parksAs(func(s *memory.Store) brokenLot {
		return brokenLot{list: func(consumer string) pager[ports.ParkedAggregate] { return misreads(soundLot(s).parked(consumer), way) }}
	})}
}

// countsParked lists all entries at once, lets arrange change the list, and returns pages with
// cursors that count.
func countsParked(arrange func([]ports.ParkedAggregate) []ports.ParkedAggregate) func(*memory.Store) ParkingLotHarness {
	return parksAs(func(s *memory.Store) brokenLot {
		return brokenLot{list: func(consumer string) pager[ports.ParkedAggregate] {
			return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.ParkedAggregate, ports.Cursor, error) {
				page, err := s.Parked(ctx, consumer, "", 1<<20)
				aggregates, next := paged(arrange(page.Aggregates), after, limit)
				return aggregates, next, err
			}
		}}
	})
}

func TestParkingLot_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, parkingLotScenarios(), soundLot, slices.Concat(proofsOfEntries(), proofsOfParkedPages(), proofsOfParkingLifecycle()))
}

func proofsOfEntries() []proof[ParkingLotHarness] {
	const (
		fields   = "every field of a parked aggregate comes back"
		again    = "parking again replaces the entry"
		out      = "an aggregate that was taken out is not listed"
		rapidly  = "an aggregate can be parked as soon as it was taken out"
		separate = "parked aggregates of consumers are separate"
	)
	proofs := []proof[ParkingLotHarness]{
		{
			broken: "mixes consumers", scenario: "a consumer without parked aggregates has none", says: "1 entries, want 0",
			adapter: parksOther(func(p *ports.ParkedAggregate) { p.Consumer = "a" }),
		},
		{
			broken: "keeps the first entry", scenario: again, says: "parked aggregates: entry",
			adapter: parking(func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error {
				if there(s, parked) != nil {
					return nil
				}
				return s.Park(ctx, parked)
			}),
		},
		{
			broken: "keeps the time of a retry that was taken away", scenario: again, says: "RetriedAt",
			adapter: parking(func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error {
				if old := there(s, parked); old != nil && parked.RetriedAt.IsZero() {
					parked.RetriedAt = old.RetriedAt
				}
				return s.Park(ctx, parked)
			}),
		},
		{
			broken: "takes nothing out", scenario: out, says: "2 entries, want 1",
			adapter: unparking(func(_ *memory.Store, ctx context.Context, _ string, _ uuid.UUID) error { return ctx.Err() }),
		},
		{
			broken: "wants something to take out", scenario: out, says: "not found",
			adapter: unparking(func(s *memory.Store, ctx context.Context, consumer string, id uuid.UUID) error {
				if there(s, ports.ParkedAggregate{Consumer: consumer, AggregateID: id}) == nil {
					return ports.ErrNotFound
				}
				return s.Unpark(ctx, consumer, id)
			}),
		},
		{
			broken: "takes all out", scenario: out, says: "entries, want 2",
			adapter: unparking(func(s *memory.Store, ctx context.Context, consumer string, _ uuid.UUID) error {
				page, _ := s.Parked(ctx, consumer, "", 100)
				for _, p := range page.Aggregates {
					_ = s.Unpark(ctx, consumer, p.AggregateID)
				}
				return nil
			}),
		},
		{broken: "lets a deletion win that is of the same moment", scenario: rapidly, says: "0 entries, want 1", adapter: byTheClock},
		{
			broken: "cuts names at a slash", scenario: separate, says: "parked aggregates",
			adapter: parksOther(func(p *ports.ParkedAggregate) { p.Consumer, _, _ = strings.Cut(p.Consumer, "/") }),
		},
		{
			broken: "takes aggregates out for all consumers", scenario: separate, says: "0 entries, want 1",
			adapter: unparking(func(s *memory.Store, ctx context.Context, _ string, id uuid.UUID) error {
				return errors.Join(s.Unpark(ctx, "a", id), s.Unpark(ctx, "a/b", id))
			}),
		},
		{broken: "loses entries at the same time", scenario: "aggregates are parked at the same time", says: "15 entries, want 16", adapter: losesOne},
	}
	for field, spoil := range map[string]func(*ports.ParkedAggregate){
		"SequenceNumber": func(p *ports.ParkedAggregate) { p.SequenceNumber = uint64(uint32(p.SequenceNumber)) },
		"EventID":        func(p *ports.ParkedAggregate) { p.EventID = uuid.Nil },
		"EventType":      func(p *ports.ParkedAggregate) { p.EventType = "" },
		"Kind":           func(p *ports.ParkedAggregate) { p.Kind = ports.FailureBug },
		"Error":          func(p *ports.ParkedAggregate) { p.Error = p.Error[:min(len(p.Error), 1_000)] },
		"Attempts":       func(p *ports.ParkedAggregate) { p.Attempts = min(p.Attempts, 1_000) },
		"FailedAt":       func(p *ports.ParkedAggregate) { p.FailedAt = p.ParkedAt },
		"ParkedAt":       func(p *ports.ParkedAggregate) { p.ParkedAt = p.ParkedAt.Truncate(time.Second) },
		"RetriedAt": func(p *ports.ParkedAggregate) {
			if p.RetriedAt.IsZero() {
				p.RetriedAt = time.Unix(0, 0).UTC()
			}
		},
	} {
		proofs = append(proofs, proof[ParkingLotHarness]{
			broken: "loses " + field, scenario: fields, says: field, adapter: parksOther(spoil),
		})
	}
	return append(proofs, proof[ParkingLotHarness]{
		broken: "gives times in another zone", scenario: fields, says: "is not in UTC",
		adapter: parksOther(func(p *ports.ParkedAggregate) { p.FailedAt = p.FailedAt.In(time.FixedZone("elsewhere", 3600)) }),
	})
}

// there returns the entry that parked would replace.
func there(s *memory.Store, parked ports.ParkedAggregate) *ports.ParkedAggregate {
	page, _ := s.Parked(context.Background(), parked.Consumer, "", 1<<20)
	for _, p := range page.Aggregates {
		if p.AggregateID == parked.AggregateID {
			return &p
		}
	}
	return nil
}

// byTheClock loses an entry that is parked right after it was unparked. Stores that order writes by
// a coarse clock do that.
func byTheClock(s *memory.Store) ParkingLotHarness {
	var unparked sync.Map
	return parksAs(func(s *memory.Store) brokenLot {
		return brokenLot{
			park: func(ctx context.Context, parked ports.ParkedAggregate) error {
				if _, justNow := unparked.LoadAndDelete(parked.AggregateID); justNow {
					return ctx.Err()
				}
				return s.Park(ctx, parked)
			},
			unpark: func(ctx context.Context, consumer string, id uuid.UUID) error {
				unparked.Store(id, nil)
				return s.Unpark(ctx, consumer, id)
			},
		}
	})(s)
}

// losesOne loses the third entry that is parked.
func losesOne(s *memory.Store) ParkingLotHarness {
	var mu sync.Mutex
	count := 0
	return parking(func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == 3 {
			return nil
		}
		return s.Park(ctx, parked)
	})(s)
}

func proofsOfParkedPages() []proof[ParkingLotHarness] {
	const (
		pages     = "parked aggregates are listed once, in an order that stays"
		meanwhile = "aggregates that come and go meanwhile do not hide others"
	)
	listings := 0
	return []proof[ParkingLotHarness]{
		mislistsParked(pages, "returns one entry too many", "where the limit is"),
		mislistsParked(pages, "skips an entry at the end of a page", "parked aggregates:"),
		mislistsParked(pages, "repeats an entry at the end of a page", "a listing has no end"),
		mislistsParked(pages, "ends after the first page", "1 entries, want 13"),
		{
			broken: "changes its order", scenario: pages, says: "two listings have different orders",
			adapter: countsParked(func(aggregates []ports.ParkedAggregate) []ports.ParkedAggregate {
				if listings++; listings > 13 { // the first listing has one page for each entry
					slices.Reverse(aggregates)
				}
				return aggregates
			}),
		},
		{
			broken: "counts entries", scenario: meanwhile, says: "parked aggregates: ",
			adapter: countsParked(func(aggregates []ports.ParkedAggregate) []ports.ParkedAggregate { return aggregates }),
		},
		mislistsParked("a bad cursor is refused", "takes a bad cursor for the beginning", "error <nil>, want bad cursor"),
		mislistsParked("an ended context stops a call before it does anything", "lists although the context has ended", "Parked with an ended context: error <nil>"),
	}
}

func proofsOfParkingLifecycle() []proof[ParkingLotHarness] {
	const (
		cancelled = "an ended context stops a call before it does anything"
		restart   = "everything is there after a restart"
	)
	return []proof[ParkingLotHarness]{
		{
			broken: "parks although the context has ended", scenario: cancelled, says: "Park with an ended context: error <nil>",
			adapter: parking(func(s *memory.Store, ctx context.Context, parked ports.ParkedAggregate) error {
				return s.Park(context.WithoutCancel(ctx), parked)
			}),
		},
		{
			broken: "takes out and then looks at the context", scenario: cancelled, says: "0 entries, want 1",
			adapter: unparking(func(s *memory.Store, ctx context.Context, consumer string, id uuid.UUID) error {
				return errors.Join(s.Unpark(context.WithoutCancel(ctx), consumer, id), ctx.Err())
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "Park after close: error <nil>",
			adapter: func(s *memory.Store) ParkingLotHarness {
				h := soundLot(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: restart, says: "entries, want 5",
			adapter: func(s *memory.Store) ParkingLotHarness {
				h := soundLot(s)
				h.Reopen = func(testing.TB) ParkingLotHarness {
					return countsParked(func([]ports.ParkedAggregate) []ports.ParkedAggregate { return nil })(s.Reopen())
				}
				return h
			},
		},
		{
			broken: "forgets cursors", scenario: restart, says: "bad cursor",
			adapter: func(s *memory.Store) ParkingLotHarness {
				h := soundLot(s)
				h.Reopen = func(testing.TB) ParkingLotHarness {
					return mislistsParked("", "forgets cursors", "").adapter(s.Reopen())
				}
				return h
			},
		},
	}
}
