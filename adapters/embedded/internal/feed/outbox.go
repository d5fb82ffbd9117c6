package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The bounds of what is read from the outbox at once.
const (
	pageEntries = 256
	pageBytes   = 1 << 20
)

// tailRows is how many of the newest rows are checked after an unclean shutdown. The log that was
// replayed holds fewer.
const tailRows = 100_000

// Recover finds the ends of the outbox, and compares the newer one with what was there before. It
// is called once, before anything else.
//
// Errors: ports.ErrCorrupt, ports.ErrUnavailable.
func (f *Feed) Recover(before datadir.Before) error {
	oldest, newest, err := f.ends()
	if err != nil {
		return err
	}
	switch {
	case before.Sealed && before.Marked && newest != before.Position:
		return engine.Corrupt(fmt.Errorf("the last record is %d, but it was %d at the clean shutdown",
			newest, before.Position))
	case newest < before.Position:
		return engine.Corrupt(fmt.Errorf("the last record is %d, but %d records were acknowledged: the end of the log is damaged",
			newest, before.Position))
	}
	if !before.Sealed && newest > 0 {
		if err := f.checkTail(oldest, newest); err != nil {
			return err
		}
		f.db.Log().Warn("the store was not closed the last time; recovered", "dir", f.db.Dir(), "last_position", newest,
			"acknowledged_position", before.Position)
	}
	f.oldest.Store(oldest)
	f.history.SetDurable(newest)
	f.ring.reset(newest)
	return f.db.Advance(newest)
}

// ends returns the lowest position that the outbox has or will have next, and the last position
// that was given.
func (f *Feed) ends() (oldest, newest uint64, err error) {
	oldest = 1
	value, err := f.db.Get(layout.OldestKey())
	if err != nil {
		return 0, 0, err
	}
	if value != nil {
		if oldest, err = layout.DecodePosition(value); err != nil || oldest == 0 {
			return 0, 0, engine.Corrupt(fmt.Errorf("oldest position %d: %w", oldest, err))
		}
	}
	newest = oldest - 1
	it, err := f.rows(oldest)
	if err != nil {
		return 0, 0, err
	}
	if it.Last() {
		newest = layout.PositionOf(it.Key())
	}
	return oldest, newest, it.Close()
}

// checkTail refuses a gap in the newest rows.
func (f *Feed) checkTail(oldest, newest uint64) error {
	first := oldest
	if newest > tailRows {
		first = max(first, newest-tailRows)
	}
	it, err := f.rows(first)
	if err != nil {
		return err
	}
	next := first
	for valid := it.First(); valid && next == layout.PositionOf(it.Key()); valid = it.Next() {
		next++
	}
	if err := it.Close(); err != nil {
		return err
	}
	if next != newest+1 {
		return engine.Corrupt(fmt.Errorf("record %d of %d is missing in the outbox", next, newest))
	}
	return nil
}

// rows iterates over the rows from a position on.
func (f *Feed) rows(from uint64) (*pebble.Iterator, error) {
	return f.db.Range(layout.OutboxKey(from), layout.PrefixEnd([]byte{layout.SpaceOutbox}))
}

// commitTime returns when the record at a position was committed, and whether that is known. Times
// never fall. So the time of the next readable row replaces that of a row that cannot be read: the
// row is not younger than that.
func (f *Feed) commitTime(position uint64) (at time.Time, known bool, err error) {
	for ; position <= f.history.Durable(); position++ {
		value, err := f.db.Get(layout.OutboxKey(position))
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return time.Time{}, false, err
		}
		if err != nil || value == nil {
			continue
		}
		if millis, _, err := layout.SplitRecord(value); err == nil {
			return layout.FromMillis(int64(millis)), true, nil
		}
	}
	return time.Time{}, false, nil
}

// page reads a page from the disk: at least one record, from a position on, up to durable. Rows
// that cannot be read are salvaged.
func (f *Feed) page(ctx context.Context, from, durable uint64) ([]Entry, error) {
	it, err := f.rows(from)
	if err != nil {
		return nil, err
	}
	var page []Entry
	next, bytes := from, 0
	for valid := it.First(); valid && next <= durable && len(page) < pageEntries && bytes < pageBytes; valid = it.Next() {
		if layout.PositionOf(it.Key()) != next {
			break
		}
		_, record, err := layout.DecodeRecord(it.Value())
		if err != nil {
			break
		}
		page = append(page, Entry{record: &record})
		bytes += len(it.Value())
		next++
	}
	switch err := engine.Translate(it.Close()); {
	case len(page) > 0:
		return page, nil // what has stopped this page stops the next one
	case err != nil && !errors.Is(err, ports.ErrCorrupt):
		return nil, err
	case from < f.oldest.Load():
		return nil, ports.ErrOffsetExpired
	default:
		return f.salvage(ctx, from, durable)
	}
}

// mostSalvaged bounds how many salvaged rows are remembered.
const mostSalvaged = 10_000

// salvaged remembers what has been found for rows that cannot be read.
type salvaged struct {
	// searching has room for one value: one caller at a time searches the event store. It guards
	// entries.
	searching chan struct{}
	entries   map[uint64]Entry
}

// salvage reads a page of which at least one row cannot be read. It searches the event store for
// what is damaged or missing. An entry that is lost was found nowhere.
func (f *Feed) salvage(ctx context.Context, from, durable uint64) ([]Entry, error) {
	select {
	case f.salvaged.searching <- struct{}{}:
		defer func() { <-f.salvaged.searching }()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-f.db.Closing():
		return nil, ports.ErrClosed
	}
	var page []Entry
	var lost []uint64
	for position := from; position <= durable && len(page) < pageEntries; position++ {
		record, err := f.row(position)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		e := Entry{record: record}
		if err != nil {
			var known bool
			if e, known = f.salvaged.entries[position]; !known {
				lost = append(lost, position)
			}
		}
		page = append(page, e)
	}
	if from < f.oldest.Load() {
		return nil, ports.ErrOffsetExpired // rows have expired meanwhile
	}
	if len(lost) == 0 {
		return page, nil
	}
	found, err := f.history.At(ctx, lost)
	if err != nil {
		return nil, err
	}
	for _, position := range lost {
		if record, ok := found[position]; ok {
			page[position-from].record = &record
		}
		f.remember(position, page[position-from])
	}
	return page, nil
}

// row reads one row. It is ports.ErrCorrupt when the row cannot be read or is missing.
func (f *Feed) row(position uint64) (*eventsourcing.Record, error) {
	value, err := f.db.Get(layout.OutboxKey(position))
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, engine.Corrupt(errors.New("the row is missing"))
	}
	_, record, err := layout.DecodeRecord(value)
	if err != nil {
		return nil, engine.Corrupt(err)
	}
	return &record, nil
}

// remember reports a salvaged row, and keeps it. The caller is the one that searches.
func (f *Feed) remember(position uint64, e Entry) {
	instead := "the consumers get the event as the event store has it"
	if e.lost() {
		instead = "the event store has no event for its position, so it is skipped; the background check of the " +
			"consumers finds the aggregate that lacks it"
	}
	f.db.Damaged(fmt.Sprintf("outbox %d", position), layout.OutboxKey(position), ports.ErrCorrupt, instead)
	if len(f.salvaged.entries) >= mostSalvaged {
		clear(f.salvaged.entries)
	}
	f.salvaged.entries[position] = e
}
