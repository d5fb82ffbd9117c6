package filling

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/ports"
)

// bookkeeping is the generation under which a consumer keeps its notes. Views begin with generation
// 1.
const bookkeeping = 0

// Note is a small piece of text that a consumer keeps in the view store, beside its views. So it
// never survives a crash that effects stored before it do not survive, and no store needs another
// table for it.
//
// Several processes may write one note: the last one wins. A Note is not safe for concurrent use.
type Note struct {
	name     string
	views    ports.ViewStore
	view     ports.ViewID
	id       uuid.UUID
	sequence uint64
}

// OpenNote reads the note of that name. data is empty when there is none, or when what is stored
// cannot be read.
func OpenNote(ctx context.Context, views ports.ViewStore, consumer, name string) (n *Note, data []byte, err error) {
	sum := sha256.Sum256([]byte(name))
	n = &Note{name: name, views: views, view: ports.ViewID{
		Consumer: consumer, Generation: bookkeeping,
	}, id: uuid.UUID(sum[:16])}
	data, err = n.read(ctx)
	return n, data, err
}

func (n *Note) read(ctx context.Context) ([]byte, error) {
	state, err := n.views.State(ctx, n.view, n.id)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return nil, failure.Mark(ports.FailureStore, fmt.Errorf("read the note %q of %s: %w", n.name, n.view.Consumer, err))
	}
	n.sequence = max(n.sequence, state.SequenceNumber)
	return state.Data, nil
}

// Save stores data in place of what was saved last, by any process.
func (n *Note) Save(ctx context.Context, data []byte) error {
	if _, err := n.read(ctx); err != nil {
		return err
	}
	return n.Follow(ctx, data)
}

// Follow stores data unless another process has saved something since the last call. It costs one
// write and no read.
func (n *Note) Follow(ctx context.Context, data []byte) error {
	state := ports.ViewState{SequenceNumber: n.sequence + 1, Data: data}
	if err := n.views.Apply(ctx, n.view, ports.Change{AggregateID: n.id, State: state}); err != nil {
		return failure.Mark(ports.FailureStore, fmt.Errorf("save the note %q of %s: %w", n.name, n.view.Consumer, err))
	}
	n.sequence = state.SequenceNumber
	return nil
}
