package memory_test

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/porttest"
	"orderflow/tests/lives"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	t.Run("EventStore", func(t *testing.T) {
		t.Parallel()
		porttest.EventStore(t, onNewStore(eventStore))
	})
	t.Run("HeadScanner", func(t *testing.T) {
		t.Parallel()
		porttest.HeadScanner(t, onNewStore(headScanner))
	})
	t.Run("ChangeFeed", func(t *testing.T) {
		t.Parallel()
		porttest.ChangeFeed(t, onNewStore(changeFeed))
	})
	t.Run("FeedTail", func(t *testing.T) {
		t.Parallel()
		porttest.FeedTail(t, onNewStore(feedTail))
	})
	t.Run("Views", func(t *testing.T) {
		t.Parallel()
		porttest.Views(t, onNewStore(viewsHarness))
	})
	t.Run("ConsumerRegistry", func(t *testing.T) {
		t.Parallel()
		porttest.ConsumerRegistry(t, onNewStore(consumerRegistry))
	})
	t.Run("ParkingLot", func(t *testing.T) {
		t.Parallel()
		porttest.ParkingLot(t, onNewStore(parkingLot))
	})
	t.Run("SkipLog", func(t *testing.T) {
		t.Parallel()
		porttest.SkipLog(t, onNewStore(skipLog))
	})
	t.Run("HistoryPager", func(t *testing.T) {
		t.Parallel()
		porttest.HistoryPager(t, onNewStore(historyPager))
	})
	t.Run("CommandFinder", func(t *testing.T) {
		t.Parallel()
		porttest.CommandFinder(t, onNewStore(commandFinder))
	})
	t.Run("Snapshots", func(t *testing.T) {
		t.Parallel()
		porttest.Snapshots(t, onNewStore(snapshots))
	})
	t.Run("StoreIdentity", func(t *testing.T) {
		t.Parallel()
		porttest.StoreIdentity(t, onNewStore(storeIdentity))
	})
	t.Run("Leases", func(t *testing.T) {
		t.Parallel()
		porttest.Leases(t, func(*testing.T) porttest.LeasesHarness {
			var shift atomic.Int64
			s := memory.New(memory.Options{Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }})
			return leases(s, func(d time.Duration) { shift.Add(int64(d)) })
		})
	})
	t.Run("RecordLister", func(t *testing.T) {
		t.Parallel()
		porttest.RecordLister(t, onNewStore(recordLister))
	})
	t.Run("TokenStore", func(t *testing.T) {
		t.Parallel()
		porttest.TokenStore(t, onNewStore(tokens))
	})
	t.Run("OperationLog", func(t *testing.T) {
		t.Parallel()
		porttest.OperationLog(t, onNewStore(operations))
	})
	t.Run("SubjectKeys", func(t *testing.T) {
		t.Parallel()
		porttest.SubjectKeys(t, onNewStore(subjectKeys))
	})
	t.Run("Publisher", func(t *testing.T) {
		t.Parallel()
		porttest.Publisher(t, publisher)
	})
}

func publisher(*testing.T) porttest.PublisherHarness {
	var p memory.Publisher
	return porttest.PublisherHarness{
		Publisher: &p,
		Published: func(testing.TB) []eventsourcing.Record { return p.Published() },
		Close:     p.Close,
	}
}

// onNewStore returns the factory of a harness over a store.
func onNewStore[H any](harness func(*memory.Store) H) func(*testing.T) H {
	return func(*testing.T) H { return harness(memory.New(memory.Options{})) }
}

// reopen returns the Reopen function of such a harness.
func reopen[H any](s *memory.Store, harness func(*memory.Store) H) func(testing.TB) H {
	return func(testing.TB) H { return harness(s.Reopen()) }
}

func eventStore(s *memory.Store) porttest.EventStoreHarness {
	return porttest.EventStoreHarness{Store: s, Close: s.Close, Reopen: reopen(s, eventStore)}
}

func historyPager(s *memory.Store) porttest.HistoryPagerHarness {
	return porttest.HistoryPagerHarness{Pager: s, Store: s, Bulk: s, Close: s.Close}
}

func commandFinder(s *memory.Store) porttest.CommandFinderHarness {
	return porttest.CommandFinderHarness{Finder: s, Store: s, Close: s.Close, Reopen: reopen(s, commandFinder)}
}

func snapshots(s *memory.Store) porttest.SnapshotsHarness {
	return porttest.SnapshotsHarness{Snapshots: s, Close: s.Close, Reopen: reopen(s, snapshots)}
}

func headScanner(s *memory.Store) porttest.HeadScannerHarness {
	return porttest.HeadScannerHarness{Scanner: s, Store: s, Close: s.Close, Reopen: reopen(s, headScanner)}
}

func changeFeed(s *memory.Store) porttest.ChangeFeedHarness {
	return porttest.ChangeFeedHarness{Feed: s, Store: s, Pulse: s, Close: s.Close, Reopen: reopen(s, changeFeed), Expire: s.Expire}
}

func feedTail(s *memory.Store) porttest.FeedTailHarness {
	return porttest.FeedTailHarness{Tails: s, Store: s, Feed: s, Close: s.Close, Reopen: reopen(s, feedTail), Expire: s.Expire}
}

func viewsHarness(s *memory.Store) porttest.ViewsHarness {
	return porttest.ViewsHarness{Store: s, Reader: s, Dropper: s, Repairer: s, Checker: s, Bulk: s, Lister: s, Close: s.Close, Reopen: reopen(s, viewsHarness), BinaryText: true, Lives: lives.Orders()}
}

func consumerRegistry(s *memory.Store) porttest.ConsumerRegistryHarness {
	return porttest.ConsumerRegistryHarness{Registry: s, Close: s.Close, Reopen: reopen(s, consumerRegistry)}
}

func parkingLot(s *memory.Store) porttest.ParkingLotHarness {
	return porttest.ParkingLotHarness{Lot: s, Close: s.Close, Reopen: reopen(s, parkingLot)}
}

func skipLog(s *memory.Store) porttest.SkipLogHarness {
	return porttest.SkipLogHarness{Log: s, Close: s.Close, Reopen: reopen(s, skipLog)}
}

func tokens(s *memory.Store) porttest.TokenStoreHarness {
	return porttest.TokenStoreHarness{Tokens: s, Close: s.Close, Reopen: reopen(s, tokens)}
}

func operations(s *memory.Store) porttest.OperationLogHarness {
	return porttest.OperationLogHarness{Log: s, Close: s.Close, Reopen: reopen(s, operations)}
}

func subjectKeys(s *memory.Store) porttest.SubjectKeysHarness {
	return porttest.SubjectKeysHarness{Keys: s, Eraser: s, Erased: s, Close: s.Close, Reopen: reopen(s, subjectKeys)}
}

func storeIdentity(s *memory.Store) porttest.StoreIdentityHarness {
	return porttest.StoreIdentityHarness{
		Identity: s, Another: func(testing.TB) ports.StoreIdentity { return memory.New(memory.Options{}) },
		Close: s.Close, Reopen: reopen(s, storeIdentity),
	}
}

func leases(s *memory.Store, advance func(time.Duration)) porttest.LeasesHarness {
	return porttest.LeasesHarness{
		Leases: s, Advance: advance, Close: s.Close,
		Reopen: func(testing.TB) porttest.LeasesHarness { return leases(s.Reopen(), advance) },
	}
}

func recordLister(s *memory.Store) porttest.RecordListerHarness {
	return porttest.RecordListerHarness{Lister: s, Store: s, Close: s.Close, Reopen: reopen(s, recordLister), Expire: s.Expire}
}
