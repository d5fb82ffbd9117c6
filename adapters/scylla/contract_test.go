package scylla_test

import (
	"testing"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/ports/porttest"
	"orderflow/tests/lives"
	"orderflow/tests/scyllasim"
	"orderflow/tests/servers"
)

func TestStore_Contract(t *testing.T) {
	t.Parallel()
	contract(t, contractOptions{
		hosts:  func(t testing.TB) []string { return start(t, scyllasim.Options{}).Hosts() },
		tuning: porttest.Tuning{Wait: time.Minute, Writers: 8},
		expiring: func(t testing.TB) ([]string, func()) {
			own := start(t, scyllasim.Options{})
			return own.Hosts(), func() { own.Advance(48 * time.Hour) }
		},
		timed: func(t testing.TB) ([]string, func(time.Duration)) {
			own := start(t, scyllasim.Options{})
			return own.Hosts(), own.Advance
		},
	})
}

func TestIntegrationStore_Contract(t *testing.T) {
	t.Parallel()
	servers.Scylla(t)
	contract(t, contractOptions{
		hosts:  servers.Scylla,
		tuning: porttest.Tuning{Wait: 2 * time.Minute, Writers: 8},
		// The time of a real server cannot be moved, so these few tests wait for it, for seconds.
		timed: func(t testing.TB) ([]string, func(time.Duration)) {
			return servers.Scylla(t), func(d time.Duration) { <-time.After(d) }
		},
	})
}

// contractOptions say what the suites run on.
type contractOptions struct {
	// hosts returns the servers for one test.
	hosts  func(t testing.TB) []string
	tuning porttest.Tuning
	// expiring returns other servers, whose outbox can be made to expire. It is nil where that is
	// not possible.
	expiring func(t testing.TB) (hosts []string, expire func())
	// timed returns servers and a function that lets time pass for them.
	timed func(t testing.TB) (hosts []string, advance func(time.Duration))
}

// opened is an open store and what is needed to open it again.
type opened struct {
	*scylla.Store
	config scylla.Config
}

func (o opened) reopen(t testing.TB) opened {
	t.Helper()
	mustClose(t, o.Store)
	return opened{open(t, o.config), o.config}
}

func contract(t *testing.T, options contractOptions) {
	fresh := func(t testing.TB, hosts []string) opened {
		config := borrow(t, hosts)
		return opened{open(t, config), config}
	}
	t.Run("EventStore", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.EventStoreHarness
		harness = func(o opened) porttest.EventStoreHarness {
			return porttest.EventStoreHarness{
				Store: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.EventStoreHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.EventStore(t, func(t *testing.T) porttest.EventStoreHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("HeadScanner", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.HeadScannerHarness
		harness = func(o opened) porttest.HeadScannerHarness {
			return porttest.HeadScannerHarness{
				Scanner: o, Store: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.HeadScannerHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.HeadScanner(t, func(t *testing.T) porttest.HeadScannerHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("Views", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ViewsHarness
		harness = func(o opened) porttest.ViewsHarness {
			return porttest.ViewsHarness{
				Store: o, Reader: o, Dropper: o, Close: o.Close, Lives: lives.Orders(), Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.ViewsHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.Views(t, func(t *testing.T) porttest.ViewsHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("ConsumerRegistry", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ConsumerRegistryHarness
		harness = func(o opened) porttest.ConsumerRegistryHarness {
			return porttest.ConsumerRegistryHarness{
				Registry: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.ConsumerRegistryHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.ConsumerRegistry(t, func(t *testing.T) porttest.ConsumerRegistryHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("TokenStore", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.TokenStoreHarness
		harness = func(o opened) porttest.TokenStoreHarness {
			return porttest.TokenStoreHarness{
				Tokens: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.TokenStoreHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.TokenStore(t, func(t *testing.T) porttest.TokenStoreHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("SubjectKeys", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.SubjectKeysHarness
		harness = func(o opened) porttest.SubjectKeysHarness {
			return porttest.SubjectKeysHarness{
				Keys: o, Eraser: o, Erased: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.SubjectKeysHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.SubjectKeys(t, func(t *testing.T) porttest.SubjectKeysHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("OperationLog", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.OperationLogHarness
		harness = func(o opened) porttest.OperationLogHarness {
			return porttest.OperationLogHarness{
				Log: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.OperationLogHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.OperationLog(t, func(t *testing.T) porttest.OperationLogHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("ParkingLot", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.ParkingLotHarness
		harness = func(o opened) porttest.ParkingLotHarness {
			return porttest.ParkingLotHarness{
				Lot: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.ParkingLotHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.ParkingLot(t, func(t *testing.T) porttest.ParkingLotHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("SkipLog", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.SkipLogHarness
		harness = func(o opened) porttest.SkipLogHarness {
			return porttest.SkipLogHarness{
				Log: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.SkipLogHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.SkipLog(t, func(t *testing.T) porttest.SkipLogHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("HistoryPager", func(t *testing.T) {
		t.Parallel()
		porttest.HistoryPager(t, func(t *testing.T) porttest.HistoryPagerHarness {
			o := fresh(t, options.hosts(t))
			return porttest.HistoryPagerHarness{Pager: o, Store: o, Close: o.Close, Tuning: options.tuning}
		})
	})
	t.Run("Snapshots", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.SnapshotsHarness
		harness = func(o opened) porttest.SnapshotsHarness {
			return porttest.SnapshotsHarness{
				Snapshots: o, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.SnapshotsHarness { return harness(o.reopen(t)) },
			}
		}
		porttest.Snapshots(t, func(t *testing.T) porttest.SnapshotsHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("StoreIdentity", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened) porttest.StoreIdentityHarness
		harness = func(o opened) porttest.StoreIdentityHarness {
			return porttest.StoreIdentityHarness{
				Identity: o, Close: o.Close, Tuning: options.tuning,
				Reopen:  func(t testing.TB) porttest.StoreIdentityHarness { return harness(o.reopen(t)) },
				Another: func(t testing.TB) ports.StoreIdentity { return fresh(t, o.config.Hosts) },
			}
		}
		porttest.StoreIdentity(t, func(t *testing.T) porttest.StoreIdentityHarness { return harness(fresh(t, options.hosts(t))) })
	})
	t.Run("Leases", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened, advance func(time.Duration)) porttest.LeasesHarness
		harness = func(o opened, advance func(time.Duration)) porttest.LeasesHarness {
			return porttest.LeasesHarness{
				Leases: o, Advance: advance, Close: o.Close, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.LeasesHarness { return harness(o.reopen(t), advance) },
			}
		}
		porttest.Leases(t, func(t *testing.T) porttest.LeasesHarness {
			hosts, advance := options.timed(t)
			return harness(fresh(t, hosts), advance)
		})
	})
	t.Run("RecordLister", func(t *testing.T) {
		t.Parallel()
		var harness func(o opened, expire func()) porttest.RecordListerHarness
		harness = func(o opened, expire func()) porttest.RecordListerHarness {
			return porttest.RecordListerHarness{
				Lister: o, Store: o, Close: o.Close, Expire: expire, Tuning: options.tuning,
				Reopen: func(t testing.TB) porttest.RecordListerHarness { return harness(o.reopen(t), expire) },
			}
		}
		porttest.RecordLister(t, func(t *testing.T) porttest.RecordListerHarness {
			if options.expiring == nil {
				return harness(fresh(t, options.hosts(t)), nil)
			}
			hosts, expire := options.expiring(t)
			return harness(fresh(t, hosts), expire)
		})
	})
}
