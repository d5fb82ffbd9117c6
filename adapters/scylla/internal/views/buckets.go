package views

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// A note says that rows of a key are, or may be, in a partition: in a shard of a bucket. Listings
// read the partitions that have notes, and no others.
const (
	insertNote  = `INSERT INTO view_buckets (consumer, generation, table_name, partition_values, bucket, noted) VALUES (?, ?, ?, ?, ?, true)`
	insertKept  = `INSERT INTO view_buckets (consumer, generation, table_name, partition_values, bucket) VALUES (?, ?, ?, ?, ?)`
	selectNotes = `SELECT bucket, WRITETIME(noted) FROM view_buckets WHERE consumer = ? AND generation = ? AND table_name = ? AND partition_values = ?`
	deleteNote  = `DELETE FROM view_buckets USING TIMESTAMP ? WHERE consumer = ? AND generation = ? AND table_name = ? AND partition_values = ? AND bucket = ?`
)

const (
	// maxKnownNotes bounds the memory of knownNotes. That is enough for a day of ten thousand keys.
	maxKnownNotes = 10_000
	// MaxPartitions bounds the partitions that are read for one page. All shards of a bucket are
	// among them, see [projection.MaxShards].
	MaxPartitions = projection.MaxShards
	// noteFresh is how old the note of a row that is written may be. NoteKept is how old a note
	// must be before a listing that finds its partition empty deletes it. The difference is what
	// the clocks of the nodes may differ by, and more.
	noteFresh = 10 * time.Minute
	NoteKept  = time.Hour
)

// knownNotes are notes that this process has written, with the time, so that it does not write them
// with every row.
type knownNotes struct {
	mu    sync.Mutex
	names map[string]time.Time
}

// has reports whether there is a fresh note. By the time of day, and not by a clock that stands
// still while the machine is suspended. The time of day may also be set back.
func (k *knownNotes) has(name string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	noted, ok := k.names[name]
	age := now.Sub(noted)
	return ok && 0 <= age && age <= noteFresh
}

func (k *knownNotes) add(name string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.names == nil || len(k.names) >= maxKnownNotes {
		k.names = map[string]time.Time{}
	}
	k.names[name] = now
}

// note makes the partition of a row known to listings: there is a fresh note when it returns.
//
// It is called before the row is written, and again after that. So the note of a row that is
// written is never older than noteFresh. A listing deletes only notes older than NoteKept, with
// their own timestamp, and only if it has found the partition empty after it has read the note. A
// row that it cannot see was written later, and its note is newer than what is deleted. The second
// call is for a process that was paused between the first one and the row.
func (s *Views) note(ctx context.Context, view ports.ViewID, table *projection.Table, row projection.Row) error {
	if table.Bucket == 0 {
		return nil
	}
	key, partition := notesKey(view, table, row[:table.PartitionLen()]), placeOf(table, row).note(table)
	name, now := fmt.Sprintf("%q %s", key, partition), s.c.Local()
	if s.notes.has(name, now) {
		return nil
	}
	insert := insertNote
	if table.Former { // a process of the version before writes its notes only once
		insert = insertKept
	}
	if err := s.c.Exec(ctx, insert, append(key, partition)...); err != nil {
		return err
	}
	s.notes.add(name, now)
	return nil
}

func (s *Views) noteAll(ctx context.Context, view ports.ViewID, table *projection.Table, rows []projection.Row) error {
	for _, row := range rows {
		if err := s.note(ctx, view, table, row); err != nil {
			return err
		}
	}
	return nil
}

// notesKey returns the partition key of the notes of one key of a table.
func notesKey(view ports.ViewID, table *projection.Table, prefix []any) []any {
	return []any{view.Consumer, view.Generation, storedName(table), string(encodeKey(prefix))}
}

// noted is a partition with a note.
type noted struct {
	place
	note string
	// written is the write timestamp of the note. It is 0 for one of a former layout, which is
	// never deleted.
	written int64
}

// notesFrom returns the partitions of a key from a bucket on, or after it, in the order of the
// listing. An empty bucket is before the first one. more reports that there are others. Then all
// notes of the last bucket are here.
func (s *Views) notesFrom(ctx context.Context, q ports.RowQuery, bucket string, after bool) (notes []noted, more bool, err error) {
	cql, args := selectNotes, notesKey(q.View, q.Table, q.Prefix)
	ascending := q.Table.OldestFirst()
	if bucket != "" {
		// all notes of a bucket are above its name, and below that with behindShards
		condition := ""
		switch {
		case ascending && after:
			condition, bucket = " AND bucket > ?", bucket+behindShards
		case ascending:
			condition = " AND bucket >= ?"
		case after:
			condition = " AND bucket < ?"
		default:
			condition, bucket = " AND bucket <= ?", bucket+behindShards
		}
		cql, args = cql+condition, append(args, bucket)
	}
	if ascending {
		cql += " ORDER BY bucket ASC"
	}
	iter := s.c.Query(ctx, cql+" LIMIT ?", append(args, MaxPartitions+1)...).Iter()
	var name string
	var written *int64
	for iter.Scan(&name, &written) {
		n := noted{place: placeOfNote(name), note: name}
		if written != nil {
			n.written = *written
		}
		notes = append(notes, n)
	}
	if err := cluster.Translate(ctx, iter.Close(), cluster.Read); err != nil {
		return nil, false, err
	}
	if more = len(notes) > MaxPartitions; more {
		last := len(notes)
		for last > 0 && notes[last-1].bucket == notes[len(notes)-1].bucket {
			last--
		}
		notes = notes[:last]
	}
	return notes, more, nil
}

// forget deletes the notes of partitions that a listing has found empty, so that the next one does
// not read them. A failure does not matter: the next listing tries it again.
func (s *Views) forget(ctx context.Context, q ports.RowQuery, empty []noted) {
	old := func(n noted, now time.Time) bool {
		return n.written > 0 && now.Sub(time.UnixMicro(n.written)) > NoteKept
	}
	asked := false
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partitionsAtOnce)
	for _, n := range empty {
		if !old(n, s.c.Now()) {
			continue
		}
		if !asked { // the clock of this process may have changed
			if _, err := s.c.AskTime(ctx); err != nil {
				return
			}
			asked = true
		}
		if old(n, s.c.Now()) {
			args := append([]any{n.written}, notesKey(q.View, q.Table, q.Prefix)...)
			group.Go(func() error { return s.c.Exec(ctx, deleteNote, append(args, n.note)...) })
		}
	}
	_ = group.Wait()
}
