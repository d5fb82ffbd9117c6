// Package audit compares a topic with the event store: the topic must hold every event, in order
// within each aggregate, and nothing else.
//
// # How it compares
//
// The aggregates of the store are compared in passes, each of at most Config.MaxOrders. A pass
// first reads the heads of its aggregates and then the end offsets of the topic. So every event up
// to a head was committed before the end offsets were read, and only the delay of the publisher can
// keep it out of the range. Events that are missing at the end of the range are waited for: the
// topic is read on until nothing is missing, or until no missing event has arrived for the caller's
// patience. Events that were committed after the heads were read never count as missing.
//
// Each message is compared with the stored event of its aggregate and sequence number: id, type,
// version, payload, time, and the ids of its cause. An event is published after it was committed.
// So a message whose event is not in the store is unknown, no matter when the store is read. A
// message that equals its event counts for its aggregate, as the first message of its event or as a
// repetition.
//
//   - An event without a message is missing.
//   - An event is out of order when its first message comes before the first message of its
//     predecessor. Repetitions do not count. A publisher that repeats 3 and 4 after 5, because of a
//     crash, has delivered at least once and in order.
//   - A repetition is counted and is no violation.
//
// When the caller names an offset, an aggregate is compared from its first event after the offset
// on. For an aggregate that was created during the comparison, each message is compared with the
// store, but missing events are not reported.
//
// # Memory
//
// A pass keeps 48 bytes for each aggregate; while the list grows, up to 2.25 times that. It also
// keeps 16 bytes and a map entry for each run of events after the first run of an aggregate. A
// topic without gaps and disorder has no such runs. Config.MaxOrders and Config.MaxHoles limit
// both. A store with more aggregates than MaxOrders is compared in several passes, each of which
// reads the whole topic again. A topic with more gaps than MaxHoles ends the comparison with an
// error.
//
// At most four partitions are read at a time. Each holds a window of messages (512, or about 4 MiB)
// and the histories of the aggregates in the window. So the memory does not depend on the number of
// events, and above MaxOrders it does not depend on the number of aggregates either. Measured with
// two million events of half a million orders (BenchmarkVerifyTopic): 25 MiB in one pass, 6.5 MiB
// in four.
//
// # Cost
//
// For each aggregate in a window, its history is read once, from its first event in the window on.
package audit
