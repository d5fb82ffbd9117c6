package embedded

import (
	"context"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// What the tests outside the package look at inside it.
var (
	AppendBody   = appendBody
	DecodeRecord = decodeRecord
)

// DecodeBody reads what AppendBody wrote.
func DecodeBody(body []byte) (eventsourcing.Record, error) { return decodeBody(formatRecord, body) }

// RowKey returns the key of a row.
func RowKey(table *projection.Table, key []any) ([]byte, error) {
	return rowKey(ports.ViewID{Consumer: "consumer", Generation: 1}, table, key)
}

// EncodeRow returns key and value of a row.
func EncodeRow(table *projection.Table, row projection.Row) (key, value []byte, err error) {
	key, err = RowKey(table, table.Key(row))
	if err != nil {
		return nil, nil, err
	}
	value, err = encodeRow(table, row)
	return key, value, err
}

// DecodeRow is the inverse of EncodeRow.
func DecodeRow(table *projection.Table, key, value []byte) (projection.Row, error) {
	whole, err := RowKey(table, nil)
	if err != nil {
		return nil, err
	}
	return decodeRow(table, key[len(whole):], value)
}

// DecodeSmall tries every decoder of a small value.
func DecodeSmall(value []byte) {
	_, _ = decodeHead(value)
	_, _ = decodeSpan(value)
	_, _ = decodePosition(value)
	_, _ = decodeState(value)
	_, _ = decodeConsumer("consumer", value)
	_, _ = decodeParked(make([]byte, 16), value)
	_, _ = decodeSkip(make([]byte, 24), value)
}

// ReadOutbox reads the feed from disk, from a position on.
func (s *Store) ReadOutbox(from uint64) (n int, err error) {
	page, err := s.readOutbox(context.Background(), from, s.durable.Load())
	return len(page), err
}

// KeysOfBeats is the number of keys that are stored where heartbeats are written.
func (s *Store) KeysOfBeats() (n int) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceBeat}, UpperBound: prefixEnd([]byte{spaceBeat})})
	if err != nil {
		panic(err)
	}
	for valid := it.First(); valid; valid = it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		panic(err)
	}
	return n
}

// Waiting is the number of appends that wait for their group.
func (s *Store) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}

// PebbleOptions are the options of Pebble that a store has, for a comparison.
func PebbleOptions() *pebble.Options {
	options, err := Options{Dir: "unused"}.withDefaults()
	if err != nil {
		panic(err)
	}
	s := &Store{options: options, log: slog.New(slog.DiscardHandler), fs: options.FS, watermark: &watermark{}, jobs: &background{}}
	pebbleOptions := s.pebbleOptions()
	pebbleOptions.FS = options.FS
	return pebbleOptions
}

// FillBatch puts into batch what the store would write for an append whose first record gets that position.
func FillBatch(batch *pebble.Batch, a ports.Append, position uint64) error {
	r, err := newRequest(a)
	if err != nil {
		return err
	}
	r.position = position
	fill(batch, []*request{r}, 0)
	return nil
}

// PutConsumer stores what the registry knows about a consumer as it is given.
func (s *Store) PutConsumer(name string, value []byte) error {
	batch := s.db.NewBatch()
	put(batch, nameKey(spaceConsumer, name), value)
	return s.writeDurably(batch)
}

// HangInside is a call that never comes back.
func (s *Store) HangInside() { s.ops.Enter() }

// PanicInside is a write in which Pebble panics.
func (s *Store) PanicInside(value any) error { return s.toPebble(func() error { panic(value) }) }

// LookAtSpace looks at the free space of the disk, as the store does once a second.
func (s *Store) LookAtSpace() { s.lookAtSpace() }

// What a test can damage, by the key of the row.
var (
	EventKey, HeadKey, CommandKey, OutboxKey = eventKey, headKey, commandKey, outboxKey
	StateKey, ParkedKey, SkipKey             = stateKey, parkedKey, skipKey
)

// OffsetKey is the key of the offset of a consumer.
func OffsetKey(consumer string) []byte { return nameKey(spaceOffset, consumer) }

// RowKeyOf is the key of a row of a view.
func RowKeyOf(view ports.ViewID, table *projection.Table, key []any) ([]byte, error) {
	return rowKey(view, table, key)
}

// Damage makes the value of a row one that cannot be read.
func (s *Store) Damage(key []byte) error {
	batch := s.db.NewBatch()
	put(batch, key, []byte{0xff, 0xff})
	return s.commitBatch(batch)
}

// ScanEvents is the scan of the heads that is there for damage.
func (s *Store) ScanEvents(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	return s.scanEvents(ctx, after, limit)
}

// ForgetRing makes subscriptions read from disk.
func (s *Store) ForgetRing() { s.ring.reset(s.durable.Load()) }
