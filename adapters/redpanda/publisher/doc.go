// Package publisher publishes events to the topic.
//
// # Publishing
//
// Publish returns when all replicas that are in sync have the event (acks=all; the topic's
// min.insync.replicas says how many that must be). Batches form by themselves: events of concurrent
// calls that arrive while requests are on their way go into the next request. The number of
// concurrent calls bounds the memory, and nothing is dropped.
//
// Delivery is at least once. The broker recognises repetitions of the client (it is an idempotent
// producer). An event that a caller publishes again, after an error or a crash, is there twice,
// with the same ce_id. In both cases an event comes after its predecessor, because callers publish
// the events of an order one after the other. An event that its caller has given up may still
// arrive. So a copy of an event may come after later events, but the first copy of an event is
// never before that of its predecessor.
//
// # Failures
//
//   - Brokers that are away, leaders that move, missing replicas: the client retries for a while.
//     Then Publish returns ErrUnavailable or ErrOutcomeUnknown, and the caller tries again. No
//     restart is needed. When the client has taken the event, the outcome is unknown, because the
//     last attempt says nothing about the attempts before it.
//   - A broker that answers and refuses (password, rights, certificate, a topic that must exist, or
//     that is compacted):
//     the same, with ErrRefused, so that a start can fail at once. It is not the fault of an event,
//     and it ends when an operator has corrected it.
//   - An event that is too large: *redpanda.TooLargeError, with the event, its size and the limit.
//     The limit is the topic's max.message.bytes, and is compared with the length before
//     compression. It is read again before an event is refused, and when brokers still find a batch
//     too large. So it may be changed while events are published.
//   - An event that brokers find invalid: *redpanda.InvalidError. They refuse the whole batch for
//     it, and also for its size when the limit may not be read. Then a new session sends one
//     message in each request until the wrong one is found, so that the others are not refused.
//   - A client that is stuck is replaced after twice Config.Timeout. A client that has given up an
//     event is replaced at once, because it may still use a topic that was deleted and created
//     again.
//
// # New topics
//
// Some leaders of a new topic do not know it at first and refuse events. The publisher that creates
// the topic waits until each leader answers that it is one. A partition that later has no leader
// delays only its own orders.
//
// # Why franz-go and not watermill-kafka
//
// watermill-kafka publishes one message after the other, at most a few thousand a second. 256
// concurrent lanes reach more than ten times that, about as much as sarama with batches of 1,000.
// 32 lanes reach a third of it (scripts/bench redpanda, on one real broker).
//
// Watermill's client, sarama, also forms batches from lanes, and the first version of this
// publisher used it. But sarama's idempotent producer (v1.50.3) loses acknowledged messages. When a
// batch fails permanently, sarama raises the producer's epoch and numbers from 0 again. Messages
// that were numbered before and not sent yet then go out in the new epoch with their old numbers.
// So two messages have the same epoch and number. The broker regards the second as a repetition of
// the first and says that it has it, and sarama reports success. TestPublisher_FindsTheOneToBlame
// found this: it failed on every run with sarama, and passed without idempotence. An offset would
// have been saved after an event that is stored nowhere. franz-go passes the test, is idempotent,
// uses contexts, and is at least as fast.
package publisher
