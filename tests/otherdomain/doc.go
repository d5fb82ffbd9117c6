// Package otherdomain has a second domain beside the orders, in one service: the stock of an
// article is received, reserved for orders, and released. Every test run compiles and runs it, on
// the store in memory and on the embedded one.
//
// # Another domain
//
// To add an aggregate beside the order, or in its place, write these packages, and a package of
// tests for each:
//
//   - the aggregate: commands, events, a state, and the rules as two pure functions
//     ([orderflow/tests/otherdomain/stock], as domain/order);
//   - its read models ([orderflow/tests/otherdomain/stock/views], as domain/order/views);
//   - its codec: a persisted name and a version for each event
//     ([orderflow/tests/otherdomain/stockjson], as adapters/eventjson/orderjson);
//   - its use cases: one description of the aggregate for the command handler
//     ([orderflow/tests/otherdomain/inventory], as application/orders);
//   - the wiring: register the codec, add the read models, make the command handler and the queries
//     ([New], as bootstrap);
//   - its routes, if clients use it by HTTP (as adapters/httpapi/orderapi), which this package
//     leaves out.
//
// Nothing else changes: not the stores, the feed, the router, the consumers, the publisher,
// verification, explanation, or the contract tests. Stock took this much Go, without tests, blank
// lines and comments:
//
//	files  lines
//	    4    205  stock
//	    5    186  stock/views
//	    1     81  stockjson
//	    1     33  inventory
//	    1     14  service.go, of the lines of its wiring
//
// # What is shared, and what is not
//
// All aggregates are in one event store and one feed. Each event carries the type of its aggregate,
// and each consumer names the types that it takes. For events of other types it keeps no state, no
// row, and no parked aggregate, and its offset passes them. Ids are unique over all types: a
// command on the id of an aggregate of another type is a [orderflow/ports.OtherTypeError]. The
// publisher takes all types. A process of an earlier version, which does not know a type, continues
// to work beside one that does.
//
// A read model over several types is a union of rows, each written by one aggregate. See
// [orderflow/tests/otherdomain/stock/views.ReservedByOrder] for what that can do, and for what was
// decided.
//
// # What is tested
//
// The scenarios of the aggregate and of its read models run on domain/eventsourcing/eventtest. The
// service tests have both domains side by side, through restarts, catch-up, rebuild, repair, and a
// poison event. The model of tests/model draws commands of both and a bad feed. Rounds of faults
// let the store, the feed and the publisher fail, cut the power, and compare what clients were told
// with what is there in the end. Services that are broken on purpose show that a round can fail.
package otherdomain
