// Package views keeps the rows and states of read models.
//
// Rows and states carry the sequence number of their event as write timestamp. A write that arrives
// late, from this process or another one, loses against newer ones cell by cell, and no transaction
// is needed; see [orderflow/domain/projection] for why the rows come out right. Deletions are
// tombstones with the same timestamps. They lose their effect gc_grace_seconds (ten days) later, so
// a process must not be paused for longer than that. Rows are written before the state.
//
// The partitions of a view start with its consumer and generation, so that generations exist side
// by side. Each layout of a table is a table of its own here.
//
// # Buckets and shards
//
// A partition holds one shard of one bucket of a key. view_buckets has a note of each partition
// that a key uses, written before its first row. A list reads the notes in the order of the list,
// and then the partitions: all shards of a bucket at the same time, and several buckets where the
// first ones had few rows. It merges them by their keys. One page reads at most [MaxPartitions]
// partitions and as many notes. Each partition takes one or two rounds, of one query for each
// clustering column behind a cursor. When these partitions do not fill the page, it is short and
// has a cursor. So the end of a list is known from the notes, and needs no search in time.
//
// A partition whose rows have all moved away is empty, and costs a list one look and what the
// server needs to read its tombstones: at most one for each row that was ever in that shard of that
// bucket. The list then deletes the note, if it is older than [NoteKept], and no later list reads
// the partition. A row that comes back writes the note again; see note for why none gets lost.
//
// When 100,000 orders have passed through a status in ten hours, and two of them have stayed, a
// list that begins with the oldest order skips 99,998 tombstones in its one page while all notes
// are fresh, in 160 partitions with up to 705 each. From an hour after the notes on, it skips
// 1,262, those in the two partitions that still have an order (BenchmarkRows_PassOver, which counts
// them on a simulated server). The notes themselves grow with the time that a key is in use: for a
// busy status with hours and 16 shards by 140,000 a year, which is some megabytes.
//
// # Dropping
//
// [Views.DropView] reads the partition keys of all views, because nothing lists those
// of one. Its deletions have the time as timestamp, which is far above every sequence number. So
// they also win over writes to the view that come later. The number of a generation is never used
// again.
//
// A program drops the rows from the table that it knows. During a rolling upgrade an earlier
// version may drop the unfinished generation of a later one that has another layout, and so another
// table. Then the rows that were filled so far stay there. Nothing reads them, so they only take
// space. To find them, the earlier version would have to know tables of the future, and the later
// one would have to search all tables at each start for a case that is rare.
package views
