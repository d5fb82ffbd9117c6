// Package views keeps the rows and states of read models.
//
// Rows and states carry the sequence number of their event as write timestamp. A write that arrives
// late, from this process or another one, loses against newer ones cell by cell, and no transaction
// is needed; see [orderflow/domain/projection] for why the rows come out right. Deletions are
// tombstones with the same timestamps; they lose their effect gc_grace_seconds (ten days) later, so
// a process must not be paused for longer than that. Rows are written before the state.
//
// The partitions of a view start with its consumer and generation, so that generations live side by
// side. Those that would grow without bound are split into buckets; view_buckets knows which there
// are. [Views.DropView] looks through the partition keys of all views, as nothing lists those of
// one. Its deletions have the time for a timestamp, which is far above every sequence number, so
// they also win over what somebody still writes to a view that is gone; the number of a generation
// is never used again.
package views
