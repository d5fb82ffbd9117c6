package command

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// StateCodec says how the state of an aggregate is kept in a snapshot.
type StateCodec[S any] struct {
	// Version changes whenever the same history would give another state or other bytes.
	Version int
	// Append appends a state. The same state always gives the same bytes.
	Append func([]byte, S) []byte
	// Decode reads what Append has written. It keeps no part of data.
	Decode func(data []byte) (S, error)
}

// SnapshotName is the name of the snapshots of a [Handler].
const SnapshotName = "command"

// Snapshot is what a Handler needs of a history, as snapshots. The aggregate has a State. finder is
// that of the Handler: without one, a snapshot holds every command of its history.
func (a Aggregate[C, S, E]) Snapshot(finder ports.CommandFinder) snapshot.Kind {
	return snapshot.Kind{
		Name: SnapshotName, AggregateType: a.Type, Version: formatSaved<<16 | a.State.Version, Grows: finder == nil,
		Fold: func(data []byte, records []eventsourcing.Record) ([]byte, error) {
			f := &folded[S]{state: a.Decider.Initial}
			if data != nil {
				var err error
				if f, err = unpack(a.State, data); err != nil {
					return nil, err
				}
			}
			if fold(f, a, records); f.unreadable != nil {
				return nil, f.unreadable
			}
			if finder != nil {
				f.commands.forget(0)
			}
			return pack(a.State, f), nil
		},
	}
}

// formatSaved is the form of everything but the state: the head, its time, index.before, and the
// entries of index.sorted.
const formatSaved = 2

func pack[S any](codec *StateCodec[S], f *folded[S]) []byte {
	commands := f.commands.merged()
	data := make([]byte, 0, 256+len(commands))
	data = binary.AppendUvarint(append(data, formatSaved), f.head)
	data = binary.AppendVarint(data, f.at.UnixMilli())
	data = binary.AppendUvarint(data, f.commands.before)
	data = binary.AppendUvarint(data, uint64(len(commands)/entryBytes))
	return codec.Append(append(data, commands...), f.state)
}

var errSaved = errors.New("a snapshot that cannot be decoded")

// unpack reads what pack has written. It does not look into the entries, which the checksum of the
// snapshot protects. The result shares the memory of data.
func unpack[S any](codec *StateCodec[S], data []byte) (*folded[S], error) {
	r := reader{rest: data}
	if r.byte() != formatSaved {
		return nil, errSaved
	}
	f := &folded[S]{head: r.uvarint(), at: time.UnixMilli(r.varint()).UTC()}
	f.commands.before = r.uvarint()
	n := r.uvarint()
	if r.failed || n == 0 || n > uint64(len(r.rest)/entryBytes) || f.commands.before >= f.head {
		return nil, errSaved
	}
	f.commands.sorted = r.take(int(n) * entryBytes)
	state, err := codec.Decode(r.rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSaved, err)
	}
	f.state = state
	return f, nil
}

// reader reads bytes from front to back. After a failure it reads zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n <= 0 || n > len(r.rest) {
		r.rest, r.failed = nil, true
		return make([]byte, 1)
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte      { return r.take(1)[0] }
func (r *reader) uvarint() uint64 { n, size := binary.Uvarint(r.rest); r.skip(size); return n }
func (r *reader) varint() int64   { n, size := binary.Varint(r.rest); r.skip(size); return n }
func (r *reader) skip(size int)   { r.take(size) }
