// Package projection defines read models: a read model is a pure, total reducer over the events of
// one aggregate, and the table for its rows. The package knows no particular aggregate.
//
// A [Projection] has a name, which is also the name of its consumer, a version, the aggregate types
// that it takes, a [Table], and two functions. One function folds an event into a small state. The
// other one returns the rows of a state. [Projection.Advance] compares the rows before some events
// with the rows after them. The package does no I/O: the runtime keeps the state between calls and
// stores the difference. When an aggregate gets another status, its row simply gets another key.
//
// States are stored as JSON, or in a [Layout], which is small, has a version and a checksum, and
// takes a tenth of the time. A caller that soon handles the next event of an aggregate keeps the
// state as it is in memory: [Projection.Continue] takes and returns a [Kept].
//
// Reducers are total. They accept every event in every state, never validate, and ignore events
// that they do not need. Only decoding a stored event can fail.
//
// # Buckets and shards
//
// The rows of one key, such as a status, are listed in the order of their clustering columns. There
// may be more of them than a store should keep in one place, and more writes than one place can
// take. So a table declares how its rows are spread: [Table].Bucket is how much time one bucket
// covers, by the first clustering column, and [Table].Shards into how many parts each bucket is
// divided, by a hash of the aggregate id. Neither shows in rows, in queries or in the order of
// lists. A store that does not need them may ignore them.
//
// Choose the width so that a bucket and shard of the busiest key has at most some 100,000 rows, and
// the number of shards so that one shard can take its share of the writes. A list reads all shards
// that a bucket uses, bucket by bucket. So a key with few rows wants wide buckets, and a key
// without many writes no shards.
//
// Another layout is another [Projection].Version, with a greater [Table].Layout, and the table of
// the version before in [Definition].Earlier. The view is filled again in the new layout, and is
// read in the old one and kept up to date there meanwhile.
//
// # Several aggregate types in one table
//
// Events are in order only within one aggregate. So a state belongs to one aggregate, and every row
// as well: [Table].Owner names the key column with the id of the aggregate. A projection may take
// several aggregate types. Its table is then the union of the rows of all of them. Rows that are
// read together have the same leading key columns. A reducer over the state of two aggregates would
// have no defined order. Such work belongs into a process that sends commands, or into the reader.
package projection
