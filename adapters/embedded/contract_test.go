package embedded_test

import (
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/embedded"
	"orderflow/ports/porttest"
	"orderflow/tests/lives"
)

// opened is an open store on a directory of its own.
type opened struct {
	*embedded.Store
	options embedded.Options
	// shift is how far the clock of the store is ahead of the real one.
	shift *atomic.Int64
}

func openNew(t testing.TB) opened {
	t.Helper()
	shift := new(atomic.Int64)
	return open(t, shift, embedded.Options{
		Dir: t.TempDir(),
		Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) },
	})
}

func open(t testing.TB, shift *atomic.Int64, options embedded.Options) opened {
	t.Helper()
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, store) })
	return opened{Store: store, options: options, shift: shift}
}

func mustClose(t testing.TB, store *embedded.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

func (o opened) reopen(t testing.TB) opened {
	t.Helper()
	mustClose(t, o.Store)
	return open(t, o.shift, o.options)
}

// expire lets two days pass, and the feed drops what was in it.
func (o opened) expire(t testing.TB) func() {
	return func() {
		o.shift.Add(int64(48 * time.Hour))
		if err := o.Expire(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestStore_Contract(t *testing.T) {
	t.Parallel()
	t.Run("EventStore", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.EventStoreHarness
		harness = func(o opened) porttest.EventStoreHarness {
			return porttest.EventStoreHarness{
				Store: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.EventStoreHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.EventStore(t, func(t *testing.T) porttest.EventStoreHarness { return harness(openNew(t)) })
	})
	t.Run("HeadScanner", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.HeadScannerHarness
		harness = func(o opened) porttest.HeadScannerHarness {
			return porttest.HeadScannerHarness{
				Scanner: o, Store: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.HeadScannerHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.HeadScanner(t, func(t *testing.T) porttest.HeadScannerHarness { return harness(openNew(t)) })
	})
	t.Run("ChangeFeed", func(t *testing.T) {
		t.Parallel()
		var harness func(t testing.TB, o opened) porttest.ChangeFeedHarness
		harness = func(t testing.TB, o opened) porttest.ChangeFeedHarness {
			return porttest.ChangeFeedHarness{
				Feed: o, Store: o, Pulse: o, Close: o.Close, Expire: o.expire(t),
				Reopen: func(t testing.TB) porttest.ChangeFeedHarness { return harness(t, o.reopen(t)) },
			}
		}
		porttest.ChangeFeed(t, func(t *testing.T) porttest.ChangeFeedHarness { return harness(t, openNew(t)) })
	})
	t.Run("FeedTail", func(t *testing.T) {
		t.Parallel()
		var harness func(t testing.TB, o opened) porttest.FeedTailHarness
		harness = func(t testing.TB, o opened) porttest.FeedTailHarness {
			return porttest.FeedTailHarness{
				Tails: o, Store: o, Feed: o, Close: o.Close, Expire: o.expire(t),
				Reopen: func(t testing.TB) porttest.FeedTailHarness { return harness(t, o.reopen(t)) },
			}
		}
		porttest.FeedTail(t, func(t *testing.T) porttest.FeedTailHarness { return harness(t, openNew(t)) })
	})
	t.Run("Views", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ViewsHarness
		harness = func(o opened) porttest.ViewsHarness {
			return porttest.ViewsHarness{
				Store: o, Reader: o, Dropper: o, Repairer: o, Checker: o, Bulk: o, Lister: o, Close: o.Close, BinaryText: true, Lives: lives.Orders(),
				Reopen: func(t testing.TB) porttest.ViewsHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.Views(t, func(t *testing.T) porttest.ViewsHarness { return harness(openNew(t)) })
	})
	t.Run("ConsumerRegistry", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ConsumerRegistryHarness
		harness = func(o opened) porttest.ConsumerRegistryHarness {
			return porttest.ConsumerRegistryHarness{
				Registry: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.ConsumerRegistryHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.ConsumerRegistry(t, func(t *testing.T) porttest.ConsumerRegistryHarness { return harness(openNew(t)) })
	})
	t.Run("TokenStore", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.TokenStoreHarness
		harness = func(o opened) porttest.TokenStoreHarness {
			return porttest.TokenStoreHarness{
				Tokens: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.TokenStoreHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.TokenStore(t, func(t *testing.T) porttest.TokenStoreHarness { return harness(openNew(t)) })
	})
	t.Run("OperationLog", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.OperationLogHarness
		harness = func(o opened) porttest.OperationLogHarness {
			return porttest.OperationLogHarness{
				Log: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.OperationLogHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.OperationLog(t, func(t *testing.T) porttest.OperationLogHarness { return harness(openNew(t)) })
	})
	t.Run("ParkingLot", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ParkingLotHarness
		harness = func(o opened) porttest.ParkingLotHarness {
			return porttest.ParkingLotHarness{
				Lot: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.ParkingLotHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.ParkingLot(t, func(t *testing.T) porttest.ParkingLotHarness { return harness(openNew(t)) })
	})
	t.Run("SkipLog", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.SkipLogHarness
		harness = func(o opened) porttest.SkipLogHarness {
			return porttest.SkipLogHarness{
				Log: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.SkipLogHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.SkipLog(t, func(t *testing.T) porttest.SkipLogHarness { return harness(openNew(t)) })
	})
	t.Run("HistoryPager", func(t *testing.T) {
		t.Parallel()
		porttest.HistoryPager(t, func(t *testing.T) porttest.HistoryPagerHarness {
			o := openNew(t)
			return porttest.HistoryPagerHarness{Pager: o, Store: o, Bulk: o, Close: o.Close}
		})
	})
	t.Run("CommandFinder", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.CommandFinderHarness
		harness = func(o opened) porttest.CommandFinderHarness {
			return porttest.CommandFinderHarness{
				Finder: o, Store: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.CommandFinderHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.CommandFinder(t, func(t *testing.T) porttest.CommandFinderHarness { return harness(openNew(t)) })
	})
	t.Run("Snapshots", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.SnapshotsHarness
		harness = func(o opened) porttest.SnapshotsHarness {
			return porttest.SnapshotsHarness{
				Snapshots: o, Close: o.Close,
				Reopen: func(t testing.TB) porttest.SnapshotsHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.Snapshots(t, func(t *testing.T) porttest.SnapshotsHarness { return harness(openNew(t)) })
	})
	t.Run("RecordLister", func(t *testing.T) {
		t.Parallel()
		var harness func(t testing.TB, o opened) porttest.RecordListerHarness
		harness = func(t testing.TB, o opened) porttest.RecordListerHarness {
			return porttest.RecordListerHarness{
				Lister: o, Store: o, Close: o.Close, Expire: o.expire(t),
				Reopen: func(t testing.TB) porttest.RecordListerHarness { return harness(t, o.reopen(t)) },
			}
		}
		porttest.RecordLister(t, func(t *testing.T) porttest.RecordListerHarness { return harness(t, openNew(t)) })
	})
}
