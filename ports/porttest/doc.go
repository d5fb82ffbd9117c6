// Package porttest holds the contract suites of the driven ports. It exports one function for each
// port. A suite tests an adapter only through the interfaces of [orderflow/ports]. An adapter is
// correct when it passes the suites of its ports.
//
// # Testing an adapter
//
// An adapter has a short contract_test.go that tells each suite how to make the adapter:
//
//	func TestStore_Contract(t *testing.T) {
//		porttest.EventStore(t, func(t *testing.T) porttest.EventStoreHarness {
//			return harness(t, t.TempDir())
//		})
//	}
//
//	func harness(t testing.TB, dir string) porttest.EventStoreHarness {
//		store, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
//		if err != nil {
//			t.Fatal(err)
//		}
//		return porttest.EventStoreHarness{
//			Store: store,
//			Close: store.Close,
//			Reopen: func(t testing.TB) porttest.EventStoreHarness {
//				store.Close()
//				return harness(t, dir)
//			},
//		}
//	}
//
// Each scenario is a subtest. The scenarios run in parallel. Each calls the factory for an adapter
// with its own data: a new directory, keyspace or topic. The suite closes what the factory opened.
//
// When an adapter cannot do something, its field in the harness is nil or false (Reopen, Expire,
// BinaryText). The scenarios for it then pass and log what was not tested. [Tuning] adapts waits
// and amounts to an adapter that does I/O. Every wait is bounded, and says what it waited for when
// it gives up. Keep Backlog, the number of records of a slow consumer, well above what the adapter
// buffers.
//
// # What the suites do not assume
//
// Feeds may have one stream or many, and any order between aggregates. Listings may have short
// pages. They may list aggregates in any order that they keep. Listings of whole tables may have
// any order.
//
// # Why the suites can be trusted
//
// The tests of this package run every scenario on adapters that are broken on purpose. These are
// small wrappers around adapters/memory: they lose a write, let two writers win, forget a command
// id, exchange records, skip a record when they resume, mix up prefixes, and so on. The right
// scenario must detect each of them, for the right reason. A scenario that no broken adapter fails
// is an error. The suites must also accept correct adapters that differ from the one in memory: a
// feed of several streams, and one that repeats records. A new scenario needs its broken adapters.
//
// The package is only for tests: nothing that belongs to the binary imports it.
//
// # Size
//
// The package is long because a contract is stated scenario by scenario. Each file has the suite
// of one port, or one side of a large one, and the suites share only the harness. To change a port
// one reads its file.
package porttest
