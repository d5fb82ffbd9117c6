// Package embedded is the default store: all stores and the change feed in one directory, on
// Pebble, with nothing to install.
//
// # Packages
//
//   - [orderflow/adapters/embedded/internal/datadir]: the directory, its lock and format, and how
//     damage is found when it is opened.
//   - [orderflow/adapters/embedded/internal/layout]: the keys and the values in Pebble.
//   - [orderflow/adapters/embedded/internal/engine]: Pebble, and what happens when the disk fails
//     or is full.
//   - [orderflow/adapters/embedded/internal/history]: the event store, for reading.
//   - [orderflow/adapters/embedded/internal/feed]: the outbox and the subscriptions.
//   - [orderflow/adapters/embedded/internal/commit]: appends, in groups that share one fsync.
//
// This package puts them together, and has what consumers keep: views, the registry, parked
// aggregates and skips.
//
// # What needs no fsync
//
// An append and a decision of an operator (the registry, skips) wait for the fsync. Offsets,
// states, rows and parked aggregates do not. All of them are in one log, in the order in which they
// were written, and recovery restores the log up to some moment, see package engine. So after a
// crash there is no offset without its effects and the parked aggregates before it, and no effect
// without its event. They fall back together, the feed delivers again from the older offset, and
// states drop what they have seen. An acknowledged append is before that moment, because its fsync
// covers everything before it.
//
// # Older data
//
// Data of an older format is read as it is, for ever. It is written in the new format when it
// changes: a record keeps its format, and a head or a consumer gets the newest format with its next
// write. A record or a head of format 2 or older has no aggregate type: it is
// ports.LegacyAggregateType.
//
// Rejected: rewriting the directory when it is opened. It writes every record twice, it needs free
// space for that, the service is away while it runs, and it must be correct when it is interrupted
// at any point. Reading the older format costs one comparison for each record, and a few lines in
// package layout.
//
// VERSION is raised before anything is written. So an older program refuses the directory from then
// on. The only way back is a backup.
//
// What a consumer keeps for an aggregate (ports.ViewState.Data) is opaque to this package, and its
// first byte belongs to the consumer. JSON begins with '{', so another encoding can begin with a
// version.
//
// # Damage
//
// Damage that is found when the directory is opened is an error, see package datadir. A row that
// cannot be read later belongs to one aggregate or to one consumer, and affects only that one. It
// is logged once and counted ([Store.Stats]):
//
//   - outbox: the feed delivers the event as the event store has it, see package feed;
//   - head, command: the events say what they would say, see package history;
//   - event: loading its aggregate is a ports.ErrCorrupt, and lists show its place;
//   - state, row: the next change replaces them. Until then the state is a ports.ErrCorrupt, and
//     lists leave the row out;
//   - parked aggregate, skip: the entry remains, without its text;
//   - offset: a ports.ErrOffsetExpired, so the consumer is brought up to date from the event store.
//
// A record of the registry that cannot be read is a ports.ErrCorrupt: nothing else says which
// generation of the view is live.
//
// # Measured
//
// BenchmarkAppend compares Append with Pebble alone, which gets the same keys and values from the
// same number of goroutines. On two cores and an SSD with an fsync of about 0.2 ms, Append reaches
// 0.95 to 1.0 of Pebble with one writer, and 0.75 to 0.8 with 64. The difference is the lookup of
// heads and commands, which Pebble alone does not do, and that one caller at a time prepares a
// group. When other processes compete for the cores the difference grows, to 0.5 at the worst.
//
// An order that leaves a status costs a list of that status two steps, its row and the deletion,
// until the engine has merged the files that have them. 100,000 orders that pass through an empty
// status cost up to 124,000 steps at any moment and 95,000 at the end: what fits into the memtables
// bounds it, and not how many orders there were. So there are no buckets to skip here. Shards are
// not stored, as one process has all of them.
//
// # Size
//
// The package has a little more than 1,500 lines, because one Store is behind many ports. Each
// file has one port. What they share is below them: package engine has Pebble and its failures.
package embedded
