package transfer

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// marks is the view that holds the mark of each aggregate, see the package documentation.
var marks = ports.ViewID{Consumer: "import", Generation: 1}

// markVersion is the version of the stored form of a mark: the version, the first sequence number
// that it covers, and for each command of the part its id and its first sequence number. Numbers
// are varints.
const markVersion = 1

// mark is what was imported of one aggregate and is not published.
type mark struct {
	// from and last are the sequence numbers that the mark covers.
	from, last uint64
	// commands are those of the part that was imported last, in order.
	commands []markedCommand
}

type markedCommand struct {
	id    uuid.UUID
	first uint64
}

// extend returns the mark that covers records, too.
func (m mark) extend(records []eventsourcing.Record) mark {
	extended := mark{from: m.from, last: records[len(records)-1].SequenceNumber}
	if m.last == 0 {
		extended.from = records[0].SequenceNumber
	}
	for _, r := range records {
		if n := len(extended.commands); n == 0 || extended.commands[n-1].id != r.CommandID {
			extended.commands = append(extended.commands, markedCommand{r.CommandID, r.SequenceNumber})
		}
	}
	return extended
}

func (m mark) state() ports.ViewState {
	data := binary.AppendUvarint([]byte{markVersion}, m.from)
	for _, c := range m.commands {
		data = binary.AppendUvarint(append(data, c.id[:]...), c.first)
	}
	return ports.ViewState{SequenceNumber: m.last, Data: data}
}

// loadMark returns the mark of an aggregate. It is the zero mark where nothing was imported.
func loadMark(ctx context.Context, views ports.ViewStore, id uuid.UUID) (mark, error) {
	stored, err := views.State(ctx, marks, id)
	if err != nil {
		return mark{}, fmt.Errorf("read the mark of an import: %w", err)
	}
	m := mark{last: stored.SequenceNumber}
	if m.last == 0 {
		return m, nil
	}
	corrupt := fmt.Errorf("%w: the mark of an import of %s cannot be read", ports.ErrCorrupt, id)
	if len(stored.Data) == 0 || stored.Data[0] != markVersion {
		return mark{}, corrupt
	}
	data, n := stored.Data[1:], 0
	if m.from, n = binary.Uvarint(data); n <= 0 {
		return mark{}, corrupt
	}
	for data = data[n:]; len(data) > 0; data = data[n:] {
		var c markedCommand
		data = data[copy(c.id[:], data):]
		if c.first, n = binary.Uvarint(data); n <= 0 {
			return mark{}, corrupt
		}
		m.commands = append(m.commands, c)
	}
	return m, nil
}

// covers reports whether an event was imported.
func (m mark) covers(record eventsourcing.Record) bool {
	if m.last == 0 || record.SequenceNumber < m.from || record.SequenceNumber > m.last {
		return false
	}
	for i := len(m.commands) - 1; i >= 0; i-- {
		if record.SequenceNumber >= m.commands[i].first {
			return record.CommandID == m.commands[i].id
		}
	}
	return true // it came before the last part, which is only appended when it is there
}

// Imported reports whether anything was ever imported into a store so that it is not published.
func Imported(ctx context.Context, views ports.ViewChecker) (bool, error) {
	return views.HasStates(ctx, marks)
}

// Unpublished returns the effect of a publisher that leaves out what was imported. It costs one
// read of the store for each call. It is not needed where nothing was imported ([Imported]) and
// nothing can be, because no other process writes to the store.
func Unpublished(effect filling.Effect, views ports.ViewStore) filling.Effect {
	return filling.Wrap(effect, func(
		ctx context.Context, state []byte, records []eventsourcing.Record,
	) (ports.Change, error) {
		m, err := loadMark(ctx, views, records[0].AggregateID)
		if err != nil {
			return ports.Change{}, failure.Mark(ports.FailureStore, err)
		}
		var wanted []eventsourcing.Record
		for _, r := range records {
			if !m.covers(r) {
				wanted = append(wanted, r)
			}
		}
		if len(wanted) == 0 {
			return ports.Change{State: ports.ViewState{Data: state}}, nil
		}
		return effect.Apply(ctx, state, wanted)
	}, nil)
}
