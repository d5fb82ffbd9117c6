package command

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
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

// Snapshot is what a Handler needs of a history, as snapshots. The aggregate has a State.
func (a Aggregate[C, S, E]) Snapshot() snapshot.Kind {
	return snapshot.Kind{
		Name: SnapshotName, AggregateType: a.Type, Version: a.State.Version,
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
			return pack(a.State, f), nil
		},
	}
}

// formatSaved is the form of everything but the state: the head, its time, and the commands in the
// order of their ids.
const formatSaved = 1

func pack[S any](codec *StateCodec[S], f *folded[S]) []byte {
	commands := f.commands.merged()
	data := make([]byte, 0, 64+len(commands)*20)
	data = binary.AppendUvarint(append(data, formatSaved), f.head)
	data = binary.AppendVarint(data, f.at.UnixMilli())
	data = binary.AppendUvarint(data, uint64(len(commands)))
	for _, s := range commands {
		data = binary.AppendUvarint(append(data, s.command[:]...), s.first)
		data = binary.AppendUvarint(data, uint64(s.count))
	}
	return codec.Append(data, f.state)
}

var errSaved = errors.New("a snapshot that cannot be decoded")

// unpack refuses whatever pack does not write.
func unpack[S any](codec *StateCodec[S], data []byte) (*folded[S], error) {
	r := reader{rest: data}
	if r.byte() != formatSaved {
		return nil, errSaved
	}
	f := &folded[S]{head: r.uvarint(), at: time.UnixMilli(r.varint()).UTC()}
	n := r.uvarint()
	if n > uint64(len(r.rest)/18) {
		return nil, errSaved
	}
	f.commands.sorted = make([]span, n)
	events := uint64(0)
	for i := range f.commands.sorted {
		s := span{command: r.uuid(), first: r.uvarint()}
		count := r.uvarint()
		if r.failed || s.first == 0 || count == 0 || count > math.MaxUint32 || s.first+count-1 > f.head ||
			i > 0 && bytes.Compare(s.command[:], f.commands.sorted[i-1].command[:]) < 0 {
			return nil, errSaved
		}
		s.count = uint32(count)
		f.commands.sorted[i], events = s, events+count
	}
	if r.failed || f.head == 0 || events != f.head {
		return nil, errSaved
	}
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
		return make([]byte, 16)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) byte() byte      { return r.take(1)[0] }
func (r *reader) uuid() uuid.UUID { return uuid.UUID(r.take(16)[:16]) }
func (r *reader) uvarint() uint64 { n, size := binary.Uvarint(r.rest); r.skip(size); return n }
func (r *reader) varint() int64   { n, size := binary.Varint(r.rest); r.skip(size); return n }
func (r *reader) skip(size int)   { r.take(size) }
