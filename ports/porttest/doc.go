// Package porttest holds the contract suites of the driven ports: one exported function a port, which tests an adapter
// through nothing but the interfaces of [orderflow/ports]. An adapter is correct when it passes the suites of its ports.
//
// # Testing an adapter
//
// An adapter has a short contract_test.go that tells each suite how to make one:
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
// Each scenario is a subtest, runs in parallel with the others, and calls the factory for an adapter on data of its own: a
// new directory, keyspace or topic. The suite closes what the factory opened.
//
// What an adapter cannot do is left nil or false in the harness (Reopen, Expire, BinaryText). The scenarios concerned then
// pass and log what was not tested. [Tuning] fits waits and amounts to an adapter that does I/O; every wait is bounded, and
// says what it was waiting for when it gives up. Keep the records of a slow consumer (Backlog) well above what the adapter
// buffers.
//
// # What the suites do not assume
//
// Feeds may have one stream or many, and any order across aggregates. Listings may have short pages, and any order of
// aggregates that they keep. Listings of whole tables may have any order.
//
// # Why the suites can be trusted
//
// The tests of this package run every scenario against adapters that are broken on purpose, small wrappers around
// adapters/memory: they lose a write, let two writers win, forget a command id, exchange records, skip one on resuming, mix
// up prefixes, and so on. Each must be found out, by the scenario that is meant to and for the reason that is meant; a
// scenario that no broken adapter fails is an error. The suites must also accept correct adapters that differ from the
// in-memory one: a feed of several streams, and one that repeats itself. Who adds a scenario adds its broken adapters.
//
// Test code only: nothing that goes into a binary imports this package.
package porttest
