// Package source reads the topic: as the change feed of consumers ([Feed]), and from one offset to
// another, to compare the topic with the event store ([TopicReader]).
//
// # Positions and offsets
//
// Each consumer is a consumer group. A stream is a partition; a position's offset is that of the
// message. What a group has committed is the offset behind the last message that was handled.
// Commit marks; the mark is saved at once when none was saved for CommitInterval, else when that is
// over, and before a partition is handed over or the subscription is closed. So a commit costs its
// caller nothing, and a crash has the events of at most that interval delivered again.
//
// The group's offsets are durable on their own. Hence the effects must be, too, when Commit is
// called: on a store whose effects may fall back behind it after a crash, events would be skipped.
//
// Beside each offset the id of the topic is saved, where brokers tell one. So an offset is never
// taken for one of another topic of the same name.
//
// # Partitions that change hands
//
// When a member joins or leaves, the partitions are divided anew, so that as few as possible change
// hands; the others are read on without a break (cooperative sticky assignment). A member that is
// to give a partition away delivers nothing more of it, also not what it had fetched, and waits
// until all that it had delivered was committed, for at most HandOver; then it saves the offset,
// and the next member goes on behind it. What was not committed by then is delivered there again. A
// position that is committed after that changes nothing. The client sends heartbeats all the time,
// so a member that waits, or whose consumer is slow, is not taken for dead. A process that dies is
// missed after SessionTimeout.
//
// Processes of the version before this one know an older assignment only, in which all members stop
// for each division. While one of them is in the group, the group uses that. It needs no step in
// between to upgrade or to go back.
//
// # What has expired
//
// A subscription of a group that has no offsets is a ports.ErrNoOffset. It is a
// ports.ErrOffsetExpired when the topic has dropped what lies behind an offset, also while it is
// read; when the topic ends before an offset; when the topic was deleted, or is another one by now;
// and when brokers say that they have lost messages. A partition that was added later is read from
// its beginning.
//
// # When brokers are away
//
// The client gets over the move of a leader or a coordinator by itself. When the group cannot be
// reached for longer, Next tells it, once for each attempt, as a ports.ErrUnavailable; the
// subscription goes on trying. The lag is not known meanwhile. A partition without a leader keeps
// its own events waiting, and neither the other partitions nor the start of a consumer.
//
// # Lag
//
// Lag counts messages, not offsets: the markers at the ends of transactions, and what compaction
// has removed, are none, and the offset of a consumer gets past them. To tell them apart, Lag looks
// into each partition from the consumer's offset on, for about a hundred messages; further ahead
// each offset counts, so a large lag may be told too large. What a look has found is remembered,
// and a consumer that stands still costs no second one. Messages of aborted transactions count, and
// are delivered: see package topic for the reason.
//
// # Messages that are no events
//
// Others may write to the topic. A message that is no CloudEvent, one that cannot be read as an
// event, and a batch that cannot be unpacked are passed over, also by the offset: one message of
// somebody else must not stop all orders. They are counted by kind ([Feed.Strangers]); the first of
// a kind is logged, and each is told to OnMalformed. If it should have been an event, its order has
// a hole, which the consumer fills from the event store when it sees the next event of that order;
// `orderflow verify topic` finds it in any case.
//
// A message that can be read is delivered. That does not make it an event: anyone who may write to
// the topic can write one that looks right. The consumer asks the event store before it gives it an
// effect.
//
// # Memory
//
// Up to three answers of each broker wait: one whose messages Next returns, one behind it, and one
// in the client, which asks for no more until that is taken. An answer has at most 4 MiB, and 256
// KiB of each partition, or one batch of each if that is larger; compressed batches take what they
// unpack to, which is at most 64 MiB. A consumer that does not call Next keeps nobody else from
// anything: each has a client of its own.
//
// # Why franz-go
//
// The first version of this feed was built on sarama, as watermill-kafka is. franz-go is what the
// publisher uses (package publisher says why), so one client has one configuration and one meaning
// of each error. It also assigns partitions cooperatively, ends a request with its context, tells a
// topic that was made anew from the old one, says where a log was cut off, and bounds what a batch
// unpacks to; of these sarama (v1.50.3) has none.
//
// # Why not the subscriber of watermill-kafka
//
// It gives out one message of a partition and waits for its acknowledgement before the next one. So
// at most as many orders as there are partitions are handled at a time, where the lanes of a
// consumer are many more; it cannot be asked for a position to commit later, so it cannot keep the
// contract of ports.ChangeFeed; it resets an offset that has expired to the oldest one, which skips
// events in silence; and it does not tell lag. Measured side by side (BenchmarkSource; Kafka 4.1
// and the reader on the same two cores, 40,000 events in 12 partitions, 32 lanes, from joining the
// group to leaving it): 70,000 events/s here and 30,000 there with an effect that takes no time,
// 22,000 and 8,000 with one of a millisecond. The router behind the feed is Watermill's all the
// same, see adapters/fanout. Other services are well served by it: see package watermillkafka.
package source
