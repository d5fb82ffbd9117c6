// Package views keeps the rows and states of read models.
//
// Rows and states carry the sequence number of their event as write timestamp. A write that arrives
// late, from this process or another one, loses against newer ones cell by cell, and no transaction
// is needed; see [orderflow/domain/projection] for why the rows come out right. Deletions are
// tombstones with the same timestamps. They lose their effect gc_grace_seconds (ten days) later, so
// a process must not be paused for longer than that. Rows are written before the state.
//
// The partitions of a view start with its consumer and generation, so that generations exist side
// by side. Partitions that would grow without bound are split into buckets, which are recorded in
// view_buckets. [Views.DropView] reads the partition keys of all views, because nothing lists those
// of one. Its deletions have the time as timestamp, which is far above every sequence number. So
// they also win over writes to the view that come later. The number of a generation is never used
// again.
package views
