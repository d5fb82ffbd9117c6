// Package source reads the topic: as the change feed of consumers ([Feed]), and from one offset to
// another, to compare the topic with the event store ([TopicReader]).
//
// # Positions and offsets
//
// Each consumer is a consumer group. A stream is a partition, and the offset of a position is that
// of the message. The committed offset of a group is the offset after the last message that was
// handled. Commit sets a mark. The mark is saved at once when none was saved for CommitInterval.
// Otherwise it is saved at the end of that interval, and before a partition is handed over or the
// subscription is closed. So a commit costs its caller nothing, and after a crash the events of at
// most that interval are delivered again.
//
// The offsets of the group are durable by themselves. So the effects must be durable as well when
// Commit is called. On a store whose effects may be lost in a crash, events would be skipped.
//
// With each offset the id of the topic is saved, when the brokers return one. So an offset is never
// used for another topic of the same name.
//
// # Rebalancing
//
// When a member joins or leaves, the partitions are divided again, and as few as possible change
// hands. The others are read without interruption (cooperative sticky assignment). A member that
// must give a partition away delivers nothing more of it, including what it has fetched. It waits
// until everything that it has delivered was committed, for at most HandOver. Then it saves the
// offset, and the next member continues after it. What was not committed by then is delivered there
// again. A later commit of such a position changes nothing. The client sends heartbeats all the
// time, so a member that waits, or whose consumer is slow, does not count as dead. A process that
// dies is noticed after SessionTimeout.
//
// Processes of the previous version know only an older assignment, in which all members stop for
// each division. While one of them is in the group, the group uses that assignment. An upgrade or a
// downgrade needs no intermediate step.
//
// # Expired offsets
//
// A subscription of a group without offsets is a ports.ErrNoOffset. It is a ports.ErrOffsetExpired
// in these cases: the topic has dropped what comes after an offset, also while it is read; the
// topic ends before an offset; the topic was deleted or replaced by another one; brokers say that
// they have lost messages. A partition that was added later is read from its beginning.
//
// # When brokers do not answer
//
// The client handles the move of a leader or a coordinator by itself. When the group cannot be
// reached for longer, Next returns a ports.ErrUnavailable, once for each attempt, and the
// subscription keeps trying. The lag is not known during that time. A partition without a leader
// delays its own events only. It delays neither the other partitions nor the start of a consumer.
//
// # Lag
//
// Lag counts messages and not offsets. The markers at the ends of transactions, and what compaction
// has removed, are not messages, and the offset of a consumer passes them. To distinguish them, Lag
// reads about a hundred messages of each partition from the consumer's offset on. Further ahead
// each offset counts, so a large lag may be reported too large. The result is kept, so a consumer
// that does not move costs no second read. Messages of aborted transactions count and are
// delivered; package topic says why.
//
// # Messages that are no events
//
// Other programs may write to the topic. A message that is no CloudEvent, one that cannot be read
// as an event, and a batch that cannot be unpacked are skipped, and the offset passes them: one
// message of another program must not stop all orders. They are counted by kind ([Feed.Strangers]).
// The first of a kind is logged, and each is reported to OnMalformed. If the message should have
// been an event, its order has a gap. The consumer fills the gap from the event store when it sees
// the next event of that order, and `orderflow verify topic` finds it in any case.
//
// A message that can be read is delivered. That does not make it an event: anyone who may write to
// the topic can write one that looks right. The consumer asks the event store before it applies the
// event.
//
// # Events of another store
//
// An event carries the id of the store that it was published from. Where that is not the store of
// this feed (Config.Store), the feed asks Config.Admit before it delivers the event. Service and
// topic do not belong together then: two services may use one topic and one consumer group, and
// each of them lacks the partitions that the other one has; or a topic has more than a new store.
// Events of earlier versions carry no id and are delivered.
//
// Whoever may write to the topic can send such an event, and stop the consumers with it. They say
// why, and an operator lets them pass it. To read on would hide that half of the events go to
// another service.
//
// # Memory
//
// Up to three answers of each broker wait: one whose messages Next returns, one after it, and one
// in the client, which requests no more until that is taken. An answer has at most 4 MiB, and 256
// KiB of each partition, or one batch of each if that is larger. Compressed batches take their
// unpacked size, which is at most 64 MiB. A consumer that does not call Next delays no other
// consumer, because each has its own client.
//
// # Why franz-go
//
// The first version of this feed used sarama, like watermill-kafka. The publisher uses franz-go
// (package publisher says why), so one client has one configuration and one meaning of each error.
// franz-go also assigns partitions cooperatively, ends a request with its context, distinguishes a
// topic that was created again from the old one, says where a log was cut off, and bounds the
// unpacked size of a batch. sarama (v1.50.3) has none of these.
//
// # Why not the subscriber of watermill-kafka
//
// That subscriber delivers one message of a partition and waits for its acknowledgement before the
// next one. So it handles at most as many orders at a time as there are partitions, where a
// consumer has many more lanes. It cannot commit a position later, so it cannot keep the contract
// of ports.ChangeFeed. It resets an expired offset to the oldest one, which skips events silently.
// It reports no lag.
//
// BenchmarkSource measures both (Kafka 4.1 and the reader on the same two cores, 40,000 events in
// 12 partitions, 32 lanes, from joining the group to leaving it). With an effect that takes no
// time, this feed reads 70,000 events a second and the subscriber 30,000. With an effect of a
// millisecond it is 22,000 and 8,000.
//
// The router behind the feed is Watermill's anyway, see adapters/fanout. For other services the
// subscriber is a good choice: see package watermillkafka.
//
// # Size
//
// The package has a little more than 1,500 lines. A member of the consumer group, its claims on
// partitions and the subscriptions that share it change together with every rebalance.
package source
