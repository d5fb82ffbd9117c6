// Package topic reads a topic outside consumer groups: its partitions, what they hold, and what is
// at an offset.
//
// # Offsets are not messages
//
// Between the committed offset of a consumer and the end of a partition there may be offsets
// without a message: the markers at the ends of transactions, and what compaction has removed.
// [Read] skips them. So a caller that counts gets the number of messages, and a caller that waits
// for the end of a partition reaches it.
//
// An answer without messages, where the partition has offsets, is not believed at once. A broker
// that reads from slow storage may answer before it has read. It is asked again with more time.
// Only a second such answer means that there is nothing.
//
// # Transactions
//
// Messages are read whether or not their transaction was committed. The publisher uses no
// transactions, but other programs may. For a reader of committed messages only, a transaction that
// never ends would block everything behind it. And whether a message is an event does not depend on
// its producer, see package message.
//
// # What cannot be read
//
// A batch that is broken, or that unpacks to too much, is one message with an error, at the last of
// its offsets. Reading continues after it.
package topic
