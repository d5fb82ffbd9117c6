package porttest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func soundTypes(s *memory.Store) AggregateTypesHarness {
	return AggregateTypesHarness{
		Store: s, Scanner: s, Lister: s, Feed: s, Close: s.Close,
		Reopen: func(testing.TB) AggregateTypesHarness { return soundTypes(s.Reopen()) },
	}
}

// typed breaks a correct store.
func typed(broken func(s *memory.Store, h *AggregateTypesHarness)) func(*memory.Store) AggregateTypesHarness {
	return func(s *memory.Store) AggregateTypesHarness {
		h := soundTypes(s)
		broken(s, &h)
		return h
	}
}

// retyped returns records with other types.
func retyped(records []eventsourcing.Record, rename func(string) string) []eventsourcing.Record {
	for i := range records {
		records[i].AggregateType = rename(records[i].AggregateType)
	}
	return records
}

// Ways to lose a type.
func forgotten(string) string      { return "" }
func legacy(string) string         { return ports.LegacyAggregateType }
func cut(name string) string       { return name[:min(len(name), 32)] }
func firstWord(s string) string    { word, _, _ := strings.Cut(s, "-"); return word }
func underscore(s string) string   { return strings.ReplaceAll(s, "-", "_") }
func shortOnly(s string) string    { return strings.TrimSuffix(s, "9") }
func unchanged(name string) string { return name }

// loadsAs makes Load rename the types.
func loadsAs(rename func(string) string) func(s *memory.Store, h *AggregateTypesHarness) {
	return func(s *memory.Store, h *AggregateTypesHarness) {
		h.Store = brokenEvents{EventStore: s, load: func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
			records, err := s.Load(ctx, id, after)
			return retyped(records, rename), err
		}}
	}
}

// unchecked accepts appends that must be refused.
func unchecked(accepts func(a ports.Append) bool) func(s *memory.Store, h *AggregateTypesHarness) {
	return func(s *memory.Store, h *AggregateTypesHarness) {
		h.Store = brokenEvents{EventStore: s, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			if a.Check() == nil || !accepts(a) {
				return s.Append(ctx, a)
			}
			return ports.Appended{Records: a.Records}, nil
		}}
	}
}

func TestAggregateTypes_IsProved(t *testing.T) {
	t.Parallel()
	const (
		back     = "records come back with their aggregate types"
		repeated = "a repeated command is answered with its aggregate type"
		wrong    = "an append of a wrong aggregate type is refused"
		heads    = "heads are of their aggregate types"
		listings = "listings show aggregate types"
		feed     = "records are delivered with their aggregate types"
		restart  = "aggregate types are there after a restart"
	)
	var proofs []proof[AggregateTypesHarness]
	for broken, rename := range map[string]func(string) string{
		"forgets types": forgotten, "takes every type for an order": legacy, "cuts types": cut, "reads a type up to a hyphen": firstWord,
		"changes hyphens": underscore, "loses the last byte of the longest type": shortOnly,
	} {
		proofs = append(proofs, proof[AggregateTypesHarness]{broken: broken, scenario: back, says: "AggregateType", adapter: typed(loadsAs(rename))})
	}
	prove(t, aggregateTypeScenarios(), soundTypes, append(proofs, []proof[AggregateTypesHarness]{
		{
			broken: "answers a repeated command without the type", scenario: repeated, says: "AggregateType",
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Store = brokenEvents{EventStore: s, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
					appended, err := s.Append(ctx, a)
					if appended.Duplicate {
						retyped(appended.Records, forgotten)
					}
					return appended, err
				}}
			}),
		},
		{
			broken: "looks at the type of the first record only", scenario: wrong, says: "with records of two types was accepted",
			adapter: typed(unchecked(func(a ports.Append) bool { return eventsourcing.CheckType(a.Records[0].AggregateType) == nil })),
		},
		{
			broken: "accepts records without a type", scenario: wrong, says: "with no type was accepted",
			adapter: typed(unchecked(func(a ports.Append) bool { return a.Records[0].AggregateType == "" })),
		},
		{
			broken: "accepts any name", scenario: wrong, says: "with a type with a NUL was accepted",
			adapter: typed(unchecked(func(a ports.Append) bool { return a.Records[0].AggregateType == a.Records[1].AggregateType })),
		},
		{
			broken: "writes what it refuses", scenario: wrong, says: "history",
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Store = brokenEvents{EventStore: s, append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
					refused := a.Check()
					if refused == nil {
						return s.Append(ctx, a)
					}
					_, err := s.Append(ctx, ofType(a, "order"))
					return ports.Appended{}, errors.Join(refused, err)
				}}
			}),
		},
		{
			broken: "lists heads without types", scenario: heads, says: "AggregateType",
			adapter: typed(headsAs(forgotten)),
		},
		{
			broken: "takes every head for that of an order", scenario: heads, says: "AggregateType",
			adapter: typed(headsAs(legacy)),
		},
		{
			broken: "lists the heads of one type", scenario: heads, says: "2 heads, want 10",
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Scanner = brokenScanner(func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
					page, err := s.ScanHeads(ctx, "", 1<<20)
					var own []ports.Head
					for _, head := range page.Heads {
						if head.AggregateType == "order" {
							own = append(own, head)
						}
					}
					some, next := paged(own, after, limit)
					return some, next, err
				})
			}),
		},
		{broken: "lists events without types", scenario: listings, says: "AggregateType", adapter: typed(listsAs(forgotten, unchanged))},
		{broken: "lists the outbox without types", scenario: listings, says: "AggregateType", adapter: typed(listsAs(unchanged, forgotten))},
		{
			broken: "delivers without types", scenario: feed, says: "AggregateType",
			adapter: typed(deliversAs(func(int) func(string) string { return forgotten })),
		},
		{
			broken: "delivers with the types only while it runs", scenario: feed, says: "AggregateType",
			adapter: typed(deliversAs(func(subscription int) func(string) string {
				if subscription > 2 { // the subscription that resumes
					return legacy
				}
				return unchanged
			})),
		},
		{
			broken: "passes over what is no order", scenario: feed, says: "waited", hangs: true,
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Feed = subs(func(_ *memory.Store, b *brokenSub) {
					b.next = func(ctx context.Context) (ports.Delivery, error) {
						for {
							d, err := b.Subscription.Next(ctx)
							if err != nil || d.Record.AggregateType == "order" {
								return d, err
							}
						}
					}
				})(s).Feed
			}),
		},
		{
			broken: "keeps types in memory", scenario: restart, says: "AggregateType",
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Reopen = func(testing.TB) AggregateTypesHarness { return typed(loadsAs(legacy))(s.Reopen()) }
			}),
		},
		{
			broken: "keeps the types of heads in memory", scenario: restart, says: "AggregateType",
			adapter: typed(func(s *memory.Store, h *AggregateTypesHarness) {
				h.Reopen = func(testing.TB) AggregateTypesHarness { return typed(headsAs(legacy))(s.Reopen()) }
			}),
		},
	}...))
}

// headsAs makes ScanHeads rename the types.
func headsAs(rename func(string) string) func(s *memory.Store, h *AggregateTypesHarness) {
	return func(s *memory.Store, h *AggregateTypesHarness) {
		h.Scanner = brokenScanner(func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
			page, err := s.ScanHeads(ctx, after, limit)
			for i := range page.Heads {
				page.Heads[i].AggregateType = rename(page.Heads[i].AggregateType)
			}
			return page.Heads, page.Next, err
		})
	}
}

// listsAs makes the listings rename the types.
func listsAs(events, outbox func(string) string) func(s *memory.Store, h *AggregateTypesHarness) {
	return func(s *memory.Store, h *AggregateTypesHarness) {
		sound := soundLister(s)
		as := func(list pager[eventsourcing.Record], rename func(string) string) pager[eventsourcing.Record] {
			return func(ctx context.Context, after ports.Cursor, limit int) ([]eventsourcing.Record, ports.Cursor, error) {
				records, next, err := list(ctx, after, limit)
				return retyped(records, rename), next, err
			}
		}
		h.Lister = brokenLister{events: as(sound.events, events), outbox: as(sound.outbox, outbox)}
	}
}

// deliversAs makes the feed rename the types. rename is called for each subscription, counted from
// 1.
func deliversAs(rename func(subscription int) func(string) string) func(s *memory.Store, h *AggregateTypesHarness) {
	return func(s *memory.Store, h *AggregateTypesHarness) {
		opened := 0
		h.Feed = subs(func(_ *memory.Store, b *brokenSub) {
			opened++
			rename := rename(opened)
			b.next = func(ctx context.Context) (ports.Delivery, error) {
				d, err := b.Subscription.Next(ctx)
				d.Record.AggregateType = rename(d.Record.AggregateType)
				return d, err
			}
		})(s).Feed
	}
}

// publishesAs makes Publish rename the types.
func publishesAs(rename func(string) string) func(*memory.Store) PublisherHarness {
	return publisherHarness(func(p *memory.Publisher) publishes {
		return func(ctx context.Context, r eventsourcing.Record) error {
			r.AggregateType = rename(r.AggregateType)
			return p.Publish(ctx, r)
		}
	})
}
