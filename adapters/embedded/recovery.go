package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/ports"
)

// found is what the files beside Pebble said when the directory was opened.
type found struct {
	marks marks
	// marked tells whether there was a watermark, sealed whether there was a seal.
	marked, sealed bool
}

// check compares the files of Pebble with what is noted about them, before Pebble reads or deletes any.
func (s *Store) check() (f found, err error) {
	if f.sealed, err = checkSeal(s.fs, s.dir, s.pebbleDir); err != nil {
		return f, err
	}
	if s.watermark, f.marked, err = openWatermark(s.fs, s.dir); err != nil {
		return f, err
	}
	f.marks = s.watermark.marks
	if err = f.marks.checkManifest(s.fs, s.pebbleDir); err == nil && f.sealed {
		err = breakSeal(s.fs, s.dir)
	}
	if err != nil {
		_ = s.watermark.close() // the other error says more
	}
	return f, err
}

// recover finds the ends of the outbox and compares the newer one with what was there before.
func (s *Store) recover(before found) error {
	oldest, newest, err := s.outboxEnds()
	if err != nil {
		return err
	}
	switch {
	case before.sealed && before.marked && newest != before.marks.position:
		return corrupt(fmt.Errorf("the last record is %d, but it was %d at the clean shutdown", newest, before.marks.position))
	case newest < before.marks.position:
		return corrupt(fmt.Errorf("the last record is %d, but %d records were acknowledged: the end of the log is damaged",
			newest, before.marks.position))
	}
	if !before.sealed && newest > 0 {
		if err := s.checkOutbox(oldest, newest); err != nil {
			return err
		}
		s.log.Warn("the store was not closed the last time; recovered", "dir", s.dir, "last_position", newest,
			"acknowledged_position", before.marks.position)
	}
	s.oldest.Store(oldest)
	s.durable.Store(newest)
	s.ring.reset(newest)
	s.committer = newCommitter(s, newest)
	return s.watermark.advance(newest)
}

// outboxEnds returns the lowest position that the outbox has or will have next, and the last one that was given.
func (s *Store) outboxEnds() (oldest, newest uint64, err error) {
	oldest = 1
	value, err := s.get(metaOldest)
	if err != nil {
		return 0, 0, err
	}
	if value != nil {
		if oldest, err = decodePosition(value); err != nil || oldest == 0 {
			return 0, 0, corrupt(fmt.Errorf("oldest position %d: %w", oldest, err))
		}
	}
	newest = oldest - 1
	it, err := s.outbox(oldest)
	if err != nil {
		return 0, 0, err
	}
	if it.Last() {
		newest = positionOf(it.Key())
	}
	return oldest, newest, it.Close()
}

// tailRows is how many of the newest rows are checked after an unclean shutdown. The log that was replayed holds fewer.
const tailRows = 100_000

// checkOutbox wants the newest rows of the outbox to be there without a hole.
func (s *Store) checkOutbox(oldest, newest uint64) error {
	first := oldest
	if newest > tailRows {
		first = max(first, newest-tailRows)
	}
	it, err := s.outbox(first)
	if err != nil {
		return err
	}
	next := first
	for valid := it.First(); valid && next == positionOf(it.Key()); valid = it.Next() {
		next++
	}
	if err := it.Close(); err != nil {
		return err
	}
	if next != newest+1 {
		return corrupt(fmt.Errorf("record %d of %d is missing in the outbox", next, newest))
	}
	return nil
}

// outbox iterates over the rows of the outbox from a position on.
func (s *Store) outbox(from uint64) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{LowerBound: outboxKey(from), UpperBound: prefixEnd([]byte{spaceOutbox})})
}

// positionOf is the inverse of outboxKey.
func positionOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// commitTime returns when the record at a position of the outbox was committed, and whether that is known. Times never
// fall, so a row that cannot be read is at most as old as the next one that can: that one's time stands for it.
func (s *Store) commitTime(position uint64) (at time.Time, known bool, err error) {
	for ; position <= s.durable.Load(); position++ {
		value, err := s.get(outboxKey(position))
		if err == nil && value != nil {
			if _, millis, _, err := splitRecord(value); err == nil {
				return fromMillis(int64(millis)), true, nil
			}
		}
		if err := translate(err); err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return time.Time{}, false, err
		}
	}
	return time.Time{}, false, nil
}
