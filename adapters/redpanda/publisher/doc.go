// Package publisher publishes events to the topic.
//
// # Publishing
//
// Publish returns when all replicas that are in sync have the event (acks=all; the topic's
// min.insync.replicas says how many that must be). Batches form by themselves: what concurrent
// calls hand over while requests are on their way travels in the next one. The number of calls at a
// time bounds what is in memory; nothing is dropped.
//
// Delivery is at least once. The client's own repetitions are recognised by the broker (it is an
// idempotent producer); what a caller publishes again after an error, or after a crash, is there
// twice, with the same ce_id. In both cases an event comes behind its predecessor, since callers
// publish an order's events one after the other. One that was given up by its caller may still
// arrive; so a copy of an event can follow later events, but no event overtakes one that is before
// it for the first time.
//
// # Failures
//
//   - Brokers that are away, leaders that move, replicas that are missing: the client repeats for a
//     while, then Publish returns ErrUnavailable or ErrOutcomeUnknown, and the caller tries again.
//     Nothing needs a restart. What was handed to the client is unknown rather than unavailable,
//     since the last attempt says nothing about those before it.
//   - A broker that answers and refuses (password, rights, certificate, a topic that must exist):
//     the same, and ErrRefused, so that a start can fail at once. It is no fault of an event, and
//     ends when somebody has corrected it.
//   - An event that is too large: *redpanda.TooLargeError, which names event, size and limit. The
//     limit is the topic's max.message.bytes and is compared with the length before compression. It
//     is read again before an event is refused, and when brokers find a batch too large after all,
//     so it may be raised and lowered while events are published.
//   - An event that brokers find invalid: *redpanda.InvalidError. They refuse the whole batch for
//     it, and so they do for size when the limit may not be read. Then a new session sends one
//     message a request until the one to blame is found, so that none of the others shares its
//     fate.
//   - A client that got stuck is replaced after twice Config.Timeout, and one that has given up an
//     event, at once: it may hold on to a topic that was deleted and made anew.
//
// # New topics
//
// In its first moments a topic has leaders that have not heard of it and refuse events; the
// publisher that creates it waits until each leader says that it is one. A partition that has no
// leader later keeps only its own orders waiting.
//
// # Why franz-go and not watermill-kafka
//
// watermill-kafka publishes one message after the other, at most a few thousand a second. 256
// concurrent lanes reach ten times that and more, about as much as sarama does with batches of
// 1,000; 32 lanes reach a third of it (scripts/bench redpanda, on one real broker). Watermill's
// client, sarama, forms batches from lanes as well, and the first version of this publisher was
// built on it. Sarama's idempotent producer (v1.50.3) loses acknowledged messages: when a batch
// fails for good, it raises the producer's epoch and numbers from 0 again, but messages that were
// numbered before and not yet sent go out under the new epoch with their old numbers. Two messages
// then have the same epoch and number, the broker takes the second for a repetition of the first
// and says that it has it, and sarama reports success. TestPublisher_FindsTheOneToBlame found it:
// with sarama it failed on every run (idempotence switched off, it passed). An offset would have
// been saved behind an event that is nowhere. franz-go passes, is idempotent, takes contexts, and
// is at least as fast.
package publisher
