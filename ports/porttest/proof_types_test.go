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
func loadsAs(rename func(string) string) func(*memory.Store) EventStoreHarness {
	return loads(func(s *memory.Store) loadFunc {
		return func(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
			records, err := s.Load(ctx, id, after)
			return retyped(records, rename), err
		}
	})
}

// unchecked accepts appends that must be refused.
func unchecked(accepts func(a ports.Append) bool) func(*memory.Store) EventStoreHarness {
	return appends(func(s *memory.Store) appendFunc {
		return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
			if a.Check() == nil || !accepts(a) {
				return s.Append(ctx, a)
			}
			return ports.Appended{Records: a.Records}, nil
		}
	})
}

func proofsOfEventStoreTypes() []proof[EventStoreHarness] {
	const (
		back     = "records come back with their aggregate types"
		repeated = "a repeated command is answered with its aggregate type"
		wrong    = "an append of a wrong aggregate type is refused"
		restart  = "aggregate types are there after a restart"
	)
	var proofs []proof[EventStoreHarness]
	for broken, rename := range map[string]func(string) string{
		"forgets types": forgotten, "takes every type for an order": legacy, "cuts types": cut,
		"reads a type up to a hyphen": firstWord, "changes hyphens": underscore,
		"loses the last byte of the longest type": shortOnly,
	} {
		proofs = append(proofs, proof[EventStoreHarness]{
			broken: broken, scenario: back, says: "AggregateType", adapter: loadsAs(rename),
		})
	}
	return append(proofs, []proof[EventStoreHarness]{
		{
			broken: "answers a repeated command without the type", scenario: repeated, says: "AggregateType",
			adapter: appends(func(s *memory.Store) appendFunc {
				return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
					appended, err := s.Append(ctx, a)
					if appended.Duplicate {
						retyped(appended.Records, forgotten)
					}
					return appended, err
				}
			}),
		},
		{
			broken: "looks at the type of the first record only", scenario: wrong,
			says: "with records of two types was accepted",
			adapter: unchecked(func(a ports.Append) bool {
				return eventsourcing.CheckType(a.Records[0].AggregateType) == nil
			}),
		},
		{
			broken: "accepts records without a type", scenario: wrong, says: "with no type was accepted",
			adapter: unchecked(func(a ports.Append) bool { return a.Records[0].AggregateType == "" }),
		},
		{
			broken: "accepts any name", scenario: wrong, says: "with a type with a NUL was accepted",
			adapter: unchecked(func(a ports.Append) bool {
				return a.Records[0].AggregateType == a.Records[1].AggregateType
			}),
		},
		{
			broken: "writes what it refuses", scenario: wrong, says: "history",
			adapter: appends(func(s *memory.Store) appendFunc {
				return func(ctx context.Context, a ports.Append) (ports.Appended, error) {
					refused := a.Check()
					if refused == nil {
						return s.Append(ctx, a)
					}
					_, err := s.Append(ctx, ofType(a, "order"))
					return ports.Appended{}, errors.Join(refused, err)
				}
			}),
		},
		{
			broken: "keeps types in memory", scenario: restart, says: "AggregateType",
			adapter: func(s *memory.Store) EventStoreHarness {
				h := soundEvents(s)
				h.Reopen = func(testing.TB) EventStoreHarness { return loadsAs(legacy)(s.Reopen()) }
				return h
			},
		},
	}...)
}

// headsAs makes ScanHeads rename the types.
func headsAs(rename func(string) string) func(*memory.Store) HeadScannerHarness {
	return scans(func(list pager[ports.Head]) pager[ports.Head] {
		return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
			heads, next, err := list(ctx, after, limit)
			for i := range heads {
				heads[i].AggregateType = rename(heads[i].AggregateType)
			}
			return heads, next, err
		}
	})
}

func proofsOfHeadTypes() []proof[HeadScannerHarness] {
	const heads = "heads are of their aggregate types"
	return []proof[HeadScannerHarness]{
		{broken: "lists heads without types", scenario: heads, says: "AggregateType", adapter: headsAs(forgotten)},
		{
			broken: "takes every head for that of an order", scenario: heads, says: "AggregateType", adapter: headsAs(legacy),
		},
		{
			broken: "lists the heads of one type", scenario: heads, says: "2 heads, want 10",
			adapter: rescans(func(heads []ports.Head) (own []ports.Head) {
				for _, head := range heads {
					if head.AggregateType == "order" {
						own = append(own, head)
					}
				}
				return own
			}),
		},
		{
			broken: "keeps the types of heads in memory", says: "AggregateType",
			scenario: "the aggregate types of heads are there after a restart",
			adapter: func(s *memory.Store) HeadScannerHarness {
				h := soundScanner(s)
				h.Reopen = func(testing.TB) HeadScannerHarness { return headsAs(legacy)(s.Reopen()) }
				return h
			},
		},
	}
}

// listsAs makes the listings rename the types.
func listsAs(events, outbox func(string) string) func(*memory.Store) RecordListerHarness {
	return func(s *memory.Store) RecordListerHarness {
		h := soundLister(s)
		as := func(list pager[eventsourcing.Record], rename func(string) string) pager[eventsourcing.Record] {
			return func(ctx context.Context, after ports.Cursor, limit int) ([]eventsourcing.Record, ports.Cursor, error) {
				records, next, err := list(ctx, after, limit)
				return retyped(records, rename), next, err
			}
		}
		h.Lister = brokenLister{events: as(h.events, events), outbox: as(h.outbox, outbox)}
		return h
	}
}

func proofsOfListingTypes() []proof[RecordListerHarness] {
	const listings, restart = "listings show aggregate types", "listings show aggregate types after a restart"
	later := func(broken func(*memory.Store) RecordListerHarness) func(*memory.Store) RecordListerHarness {
		return func(s *memory.Store) RecordListerHarness {
			h := soundLister(s)
			h.Reopen = func(testing.TB) RecordListerHarness { return broken(s.Reopen()) }
			return h
		}
	}
	return []proof[RecordListerHarness]{
		{
			broken: "lists events without types", scenario: listings, says: "AggregateType",
			adapter: listsAs(forgotten, unchanged),
		},
		{
			broken: "lists the outbox without types", scenario: listings, says: "AggregateType",
			adapter: listsAs(unchanged, forgotten),
		},
		{
			broken: "keeps the types of events in memory", scenario: restart, says: "AggregateType",
			adapter: later(listsAs(legacy, unchanged)),
		},
		{
			broken: "keeps the types of the outbox in memory", scenario: restart, says: "AggregateType",
			adapter: later(listsAs(unchanged, legacy)),
		},
	}
}

// deliversAs makes the feed rename the types. rename is called for each subscription, counted from
// 1.
func deliversAs(rename func(subscription int) func(string) string) func(*memory.Store) ChangeFeedHarness {
	return func(s *memory.Store) ChangeFeedHarness {
		opened := 0
		return subs(func(_ *memory.Store, b *brokenSub) {
			opened++
			rename := rename(opened)
			b.next = func(ctx context.Context) (ports.Delivery, error) {
				d, err := b.Subscription.Next(ctx)
				d.Record.AggregateType = rename(d.Record.AggregateType)
				return d, err
			}
		})(s)
	}
}

func proofsOfFeedTypes() []proof[ChangeFeedHarness] {
	const feed = "records are delivered with their aggregate types"
	return []proof[ChangeFeedHarness]{
		{
			broken: "delivers without types", scenario: feed, says: "AggregateType",
			adapter: deliversAs(func(int) func(string) string { return forgotten }),
		},
		{
			broken: "delivers with the types only while it runs", scenario: feed, says: "AggregateType",
			adapter: deliversAs(func(subscription int) func(string) string {
				if subscription > 2 { // the subscription that resumes
					return legacy
				}
				return unchanged
			}),
		},
		{
			broken: "passes over what is no order", scenario: feed, says: "waited", hangs: true,
			adapter: subs(func(_ *memory.Store, b *brokenSub) {
				b.next = func(ctx context.Context) (ports.Delivery, error) {
					for {
						d, err := b.Subscription.Next(ctx)
						if err != nil || d.Record.AggregateType == "order" {
							return d, err
						}
					}
				}
			}),
		},
		{
			broken: "keeps the types in memory", says: "AggregateType",
			scenario: "records are delivered with their aggregate types after a restart",
			adapter: func(s *memory.Store) ChangeFeedHarness {
				h := soundFeed(s)
				h.Reopen = func(testing.TB) ChangeFeedHarness {
					return deliversAs(func(int) func(string) string { return legacy })(s.Reopen())
				}
				return h
			},
		},
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
