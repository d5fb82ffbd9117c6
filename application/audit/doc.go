// Package audit proves that a topic holds what the event store holds: every event, in order within each order, nothing else.
//
// # How it compares
//
// The orders of the store are taken in passes, each of at most Config.MaxOrders. A pass notes the heads of its orders first
// and takes the end offsets of the topic afterwards, so that whatever is in a head was committed before the ends were taken,
// and only the publisher's own delay can keep it out of the range that is read. What is still missing at the end of that range
// is waited for: the topic is read on until nothing is missing, or until nothing missing has come for the caller's patience.
// Events committed after the heads were noted are never missing.
//
// Each message is compared with the stored event of its order and sequence number: id, type, version, payload, time and the
// ids of what caused it. As an event is published after it was committed, a message that the store knows nothing of is
// unknown, whenever that is looked at. A message that passed counts for its order: as the first one of its event or as a
// repetition.
//
//   - An event without a message is missing.
//   - An event whose first message comes before the first message of its predecessor is out of order. Repetitions are not: a
//     publisher that goes back after a crash and repeats 3, 4 after 5 has delivered at least once and in order.
//   - A repetition is counted and is no violation.
//
// From an offset, an order is compared from its first event behind it on. Of an order created meanwhile each message is
// compared with the store; whether it is complete is not asked.
//
// # Memory
//
// A pass keeps 48 bytes an order (while its list grows, up to 2.25 times that), and 16 bytes and a map entry for each run of
// events beyond the first one of an order; a topic without holes and disorder needs none of those. They are limited by
// Config.MaxOrders and Config.MaxHoles: a store with more orders than the former is compared in several passes, each of which
// reads the whole topic again, and a topic with more holes than the latter ends the comparison with an error. Besides, each of
// the at most four partitions that are read at a time holds a window of messages (512, or about 4 MiB) and the histories of the
// orders in it. So the memory depends on neither the number of events nor, beyond MaxOrders, that of orders. Measured with two
// million events of half a million orders (BenchmarkVerifyTopic): 25 MiB in one pass, 6.5 MiB in four.
//
// # What it costs
//
// One read of a history for each order in a window, from the first event of the order in that window on.
package audit
