package porttest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenPager replaces LoadPage.
type brokenPager struct {
	*memory.Store
	page func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error)
}

func (b brokenPager) LoadPage(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	return b.page(ctx, id, after, limit)
}

func soundPager(s *memory.Store) HistoryPagerHarness {
	return HistoryPagerHarness{Pager: s, Store: s, Bulk: s, Close: s.Close}
}

type loadPage = func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error)

func pages(broken func(s *memory.Store) loadPage) func(*memory.Store) HistoryPagerHarness {
	return func(s *memory.Store) HistoryPagerHarness {
		return HistoryPagerHarness{Pager: brokenPager{s, broken(s)}, Store: s, Close: s.Close}
	}
}

// loadsAll breaks LoadAll.
func loadsAll(
	load func(ctx context.Context, s *memory.Store, from []ports.HistoryFrom) ([][]eventsourcing.Record, error),
) func(*memory.Store) HistoryPagerHarness {
	return func(s *memory.Store) HistoryPagerHarness {
		h := soundPager(s)
		h.Bulk = brokenBulk{Store: s, load: load}
		return h
	}
}

func TestHistoryPager_IsProved(t *testing.T) {
	t.Parallel()
	const sizes = "pages of every size make the history"
	const cancelled = "an ended context stops a page"
	prove(t, historyPagerScenarios(), soundPager, []proof[HistoryPagerHarness]{
		{
			broken: "returns the page of any aggregate", scenario: "an unknown aggregate has no page", says: "entries, want 0",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, _ uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					heads, err := s.ScanHeads(ctx, "", 1)
					if err != nil || len(heads.Heads) == 0 {
						return nil, err
					}
					return s.LoadPage(ctx, heads.Heads[0].AggregateID, after, limit)
				}
			}),
		},
		{
			broken: "loads whole histories together", scenario: "histories that are loaded together are those that are loaded one by one", says: "loaded together",
			adapter: loadsAll(func(ctx context.Context, s *memory.Store, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
				from = slices.Clone(from)
				for i := range from {
					from[i].After = 0
				}
				return s.LoadAll(ctx, from)
			}),
		},
		{
			broken: "loads together without the unknown ones", scenario: "histories that are loaded together are those that are loaded one by one", says: "histories of",
			adapter: loadsAll(func(ctx context.Context, s *memory.Store, from []ports.HistoryFrom) ([][]eventsourcing.Record, error) {
				all, err := s.LoadAll(ctx, from)
				return slices.DeleteFunc(all, func(h []eventsourcing.Record) bool { return len(h) == 0 }), err
			}),
		},
		{
			broken: "begins with the event itself", scenario: sizes, says: "page of",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					return s.LoadPage(ctx, id, max(after, 1)-1, limit)
				}
			}),
		},
		{
			broken: "returns everything", scenario: sizes, says: "entries, want 1",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, _ int) ([]eventsourcing.Record, error) {
					return s.LoadPage(ctx, id, after, 1<<30)
				}
			}),
		},
		{
			broken: "returns one too few", scenario: sizes, says: "entries, want",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					return s.LoadPage(ctx, id, after, max(limit-1, 1))
				}
			}),
		},
		{
			broken: "is one event late", scenario: "a page has what was acknowledged before it", says: "0 entries, want 1",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					page, err := s.LoadPage(ctx, id, after, limit)
					return page[:max(len(page), 1)-1], err
				}
			}),
		},
		{
			broken: "takes a limit of 0 for no limit", scenario: "a limit below 1 is refused", says: "and no error",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					return s.LoadPage(ctx, id, after, max(limit, 1))
				}
			}),
		},
		{
			broken: "reads although the context has ended", scenario: cancelled, says: "LoadPage with an ended context: error <nil>",
			adapter: pages(func(s *memory.Store) loadPage {
				return func(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
					return s.LoadPage(context.WithoutCancel(ctx), id, after, limit)
				}
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses a page", says: "LoadPage after close: error <nil>",
			adapter: func(s *memory.Store) HistoryPagerHarness {
				h := soundPager(s)
				h.Close = func() error { return nil }
				return h
			},
		},
	})
}

// brokenSnapshots replaces the methods that are set.
type brokenSnapshots struct {
	*memory.Store
	save func(ctx context.Context, s ports.Snapshot) error
	load func(ctx context.Context, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error)
	drop func(ctx context.Context, id uuid.UUID, kind string, upTo uint64) error
}

func (b brokenSnapshots) SaveSnapshot(ctx context.Context, s ports.Snapshot) error {
	if b.save == nil {
		return b.Store.SaveSnapshot(ctx, s)
	}
	return b.save(ctx, s)
}

func (b brokenSnapshots) LoadSnapshot(ctx context.Context, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error) {
	if b.load == nil {
		return b.Store.LoadSnapshot(ctx, id, kind, atMost)
	}
	return b.load(ctx, id, kind, atMost)
}

func (b brokenSnapshots) DropSnapshots(ctx context.Context, id uuid.UUID, kind string, upTo uint64) error {
	if b.drop == nil {
		return b.Store.DropSnapshots(ctx, id, kind, upTo)
	}
	return b.drop(ctx, id, kind, upTo)
}

func soundSnapshots(s *memory.Store) SnapshotsHarness {
	return SnapshotsHarness{
		Snapshots: s, Close: s.Close,
		Reopen: func(testing.TB) SnapshotsHarness { return soundSnapshots(s.Reopen()) },
	}
}

func snapshotsAs(broken func(s *memory.Store) brokenSnapshots) func(*memory.Store) SnapshotsHarness {
	return func(s *memory.Store) SnapshotsHarness {
		h := soundSnapshots(s)
		b := broken(s)
		b.Store = s
		h.Snapshots = b
		return h
	}
}

// savesOther stores another snapshot than the given one.
func savesOther(spoil func(*ports.Snapshot)) func(*memory.Store) SnapshotsHarness {
	return snapshotsAs(func(s *memory.Store) brokenSnapshots {
		return brokenSnapshots{save: func(ctx context.Context, snapshot ports.Snapshot) error {
			spoil(&snapshot)
			return s.SaveSnapshot(ctx, snapshot)
		}}
	})
}

func loadsOther(load func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error)) func(*memory.Store) SnapshotsHarness {
	return snapshotsAs(func(s *memory.Store) brokenSnapshots {
		return brokenSnapshots{load: func(ctx context.Context, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error) {
			return load(ctx, s, id, kind, atMost)
		}}
	})
}

func dropsOther(drop func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, upTo uint64) error) func(*memory.Store) SnapshotsHarness {
	return snapshotsAs(func(s *memory.Store) brokenSnapshots {
		return brokenSnapshots{drop: func(ctx context.Context, id uuid.UUID, kind string, upTo uint64) error {
			return drop(ctx, s, id, kind, upTo)
		}}
	})
}

func TestSnapshots_IsProved(t *testing.T) {
	t.Parallel()
	const (
		none      = "an aggregate without snapshots has none"
		fields    = "every field of a snapshot comes back"
		newest    = "the newest snapshot at or before a sequence number is found"
		again     = "saving again replaces the snapshot"
		separate  = "kinds and aggregates are separate"
		dropped   = "snapshots up to a sequence number are dropped, and no others"
		memories  = "memory is not shared with savers"
		cancelled = "an ended context stops a call before it does anything"
	)
	kept := map[uuid.UUID]ports.Snapshot{}
	prove(t, snapshotsScenarios(), soundSnapshots, []proof[SnapshotsHarness]{
		{
			broken: "refuses what is not there", scenario: none, says: "not found",
			adapter: loadsOther(func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error) {
				snapshot, err := s.LoadSnapshot(ctx, id, kind, atMost)
				if err == nil && snapshot.SequenceNumber == 0 {
					err = ports.ErrNotFound
				}
				return snapshot, err
			}),
		},
		{broken: "loses the version", scenario: fields, says: "Version", adapter: savesOther(func(s *ports.Snapshot) { s.Version = 1 })},
		{broken: "cuts the data", scenario: fields, says: "Data", adapter: savesOther(func(s *ports.Snapshot) { s.Data = s.Data[:min(1000, len(s.Data))] })},
		{broken: "keeps 32 bits of the sequence number", scenario: fields, says: "SequenceNumber", adapter: savesOther(func(s *ports.Snapshot) {
			s.SequenceNumber = uint64(uint32(s.SequenceNumber)) + 1
		})},
		{
			broken: "returns the newest of all", scenario: newest, says: "SequenceNumber",
			adapter: loadsOther(func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, _ uint64) (ports.Snapshot, error) {
				return s.LoadSnapshot(ctx, id, kind, math.MaxUint64)
			}),
		},
		{
			broken: "returns only what is before", scenario: newest, says: "SequenceNumber",
			adapter: loadsOther(func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, atMost uint64) (ports.Snapshot, error) {
				return s.LoadSnapshot(ctx, id, kind, max(atMost, 1)-1)
			}),
		},
		{
			broken: "keeps the first", scenario: again, says: "Version",
			adapter: snapshotsAs(func(s *memory.Store) brokenSnapshots {
				return brokenSnapshots{save: func(ctx context.Context, snapshot ports.Snapshot) error {
					there, err := s.LoadSnapshot(ctx, snapshot.AggregateID, snapshot.Kind, snapshot.SequenceNumber)
					if err != nil || there.SequenceNumber > 0 {
						return err
					}
					return s.SaveSnapshot(ctx, snapshot)
				}}
			}),
		},
		{broken: "mixes kinds", scenario: separate, says: "snapshot", adapter: savesOther(func(s *ports.Snapshot) { s.Kind = "a" })},
		{
			broken: "drops nothing", scenario: dropped, says: "snapshot \"a\" at or before 2",
			adapter: dropsOther(func(context.Context, *memory.Store, uuid.UUID, string, uint64) error { return nil }),
		},
		{
			broken: "drops all of them", scenario: dropped, says: "snapshot \"a\" at or before 300",
			adapter: dropsOther(func(ctx context.Context, s *memory.Store, id uuid.UUID, kind string, _ uint64) error {
				return s.DropSnapshots(ctx, id, kind, math.MaxUint64)
			}),
		},
		{
			broken: "drops all kinds", scenario: dropped, says: "snapshot \"b\" at or before 2",
			adapter: dropsOther(func(ctx context.Context, s *memory.Store, id uuid.UUID, _ string, upTo uint64) error {
				return errors.Join(s.DropSnapshots(ctx, id, "a", upTo), s.DropSnapshots(ctx, id, "b", upTo))
			}),
		},
		{
			broken: "shares memory", scenario: memories, says: "Data",
			adapter: snapshotsAs(func(*memory.Store) brokenSnapshots {
				return brokenSnapshots{
					save: func(_ context.Context, s ports.Snapshot) error { kept[s.AggregateID] = s; return nil },
					load: func(_ context.Context, id uuid.UUID, _ string, _ uint64) (ports.Snapshot, error) {
						return kept[id], nil
					},
				}
			}),
		},
		{
			broken: "saves although the context has ended", scenario: cancelled, says: "SaveSnapshot with an ended context: error <nil>",
			adapter: snapshotsAs(func(s *memory.Store) brokenSnapshots {
				return brokenSnapshots{save: func(ctx context.Context, snapshot ports.Snapshot) error {
					return s.SaveSnapshot(context.WithoutCancel(ctx), snapshot)
				}}
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "SaveSnapshot after close: error <nil>",
			adapter: func(s *memory.Store) SnapshotsHarness {
				h := soundSnapshots(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "brings back what was dropped", scenario: "a restart changes no snapshot", says: "snapshot \"a\" at or before 7",
			adapter: func(s *memory.Store) SnapshotsHarness {
				h := dropsOther(func(context.Context, *memory.Store, uuid.UUID, string, uint64) error { return nil })(s)
				return h
			},
		},
	})
}
