// Package topic looks into a topic from outside of consumer groups: which partitions it has, what
// they hold, and what is at an offset.
//
// # Offsets are not messages
//
// Between the committed offset of a consumer and the end of a partition there may be offsets
// without a message: the markers at the ends of transactions, and what compaction has removed.
// [Read] passes over them, so that who counts messages counts messages, and who waits for the end
// of a partition reaches it.
//
// An answer without messages, where the partition has offsets, is not taken at its word at once: a
// broker that reads from slow storage may answer before it has read. It is asked again and given
// more time, and only a second such answer means that there is nothing.
//
// # Transactions
//
// Messages are read whether or not the transaction that they are part of was committed. The
// publisher uses no transactions; somebody else may, and one that never ends must not hold up
// everything behind it, which it would for readers of committed messages only. That a message is an
// event is not for its producer to say anyway, see package message.
//
// # What cannot be read
//
// A batch that is broken or unpacks to too much is one message with an error, at the last of its
// offsets. Reading goes on behind it.
package topic
