package filling

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/ports"
)

// bookkeeping is the generation under which a consumer keeps the places of its walks. Views begin with generation 1.
const bookkeeping = 0

// Place remembers durably how far a walk has got. It is kept in the view store, so it never survives a crash that the effects
// before it do not survive. Two processes do no harm to each other: what is before a place is done, whoever did it.
//
// Its methods are safe for concurrent use.
type Place struct {
	views ports.ViewStore
	view  ports.ViewID
	id    uuid.UUID
	// Before, when set, is called before a place is stored. An error of it keeps the place where it was.
	Before func(ctx context.Context) error

	mu       sync.Mutex
	sequence uint64
	noted    note
}

// note is the stored form of a place, as JSON.
type note struct {
	// Version of this form.
	Version int `json:"version"`
	// Begun says that a walk is under way.
	Begun bool `json:"begun"`
	// Cursor is behind what is done; empty for nothing.
	Cursor ports.Cursor `json:"cursor,omitempty"`
	// Done counts the aggregates before Cursor.
	Done uint64 `json:"done,omitempty"`
	// Spoilt says that the walk must begin anew after an interruption.
	Spoilt bool `json:"spoilt,omitempty"`
	// CompletedAt is when the last walk has ended.
	CompletedAt time.Time `json:"completed_at,omitzero"`
}

// noteVersion is the version that is written, and the only one that is read.
const noteVersion = 1

// OpenPlace reads the place of the walk of that name. A note that cannot be read counts as none: the walk begins anew.
func OpenPlace(ctx context.Context, views ports.ViewStore, consumer, walk string) (*Place, error) {
	sum := sha256.Sum256([]byte("place of " + walk))
	p := &Place{views: views, view: ports.ViewID{Consumer: consumer, Generation: bookkeeping}, id: uuid.UUID(sum[:16])}
	state, err := views.State(ctx, p.view, p.id)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return nil, failure.Mark(ports.FailureStore, fmt.Errorf("place of %s of %s: %w", walk, consumer, err))
	}
	p.sequence = state.SequenceNumber
	if json.Unmarshal(state.Data, &p.noted) != nil || p.noted.Version != noteVersion {
		p.noted = note{}
	}
	return p, nil
}

// Begun says whether a walk is under way that can go on.
func (p *Place) Begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noted.Begun && !p.noted.Spoilt
}

// Done counts the aggregates that are done.
func (p *Place) Done() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noted.Done
}

// CompletedAt is when the last walk has ended; zero for never.
func (p *Place) CompletedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noted.CompletedAt
}

// Begin starts a walk from the first aggregate.
func (p *Place) Begin(ctx context.Context) error {
	return p.note(ctx, func(n *note) { *n = note{Begun: true, CompletedAt: n.CompletedAt} })
}

// Spoil makes the walk begin anew after an interruption. Without one it goes on.
func (p *Place) Spoil(ctx context.Context) error {
	p.mu.Lock()
	spoilt := p.noted.Spoilt
	p.mu.Unlock()
	if spoilt {
		return nil
	}
	return p.note(ctx, func(n *note) { n.Spoilt = true })
}

// End notes that the walk has ended, or that there is none; at is zero when it did not end by itself.
func (p *Place) End(ctx context.Context, at time.Time) error {
	return p.note(ctx, func(n *note) {
		if at.IsZero() {
			at = n.CompletedAt
		}
		*n = note{CompletedAt: at}
	})
}

// cursor is where the walk goes on.
func (p *Place) cursor() ports.Cursor {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noted.Cursor
}

// reached notes that everything before cursor is done, some more aggregates among them.
func (p *Place) reached(ctx context.Context, cursor ports.Cursor, more uint64) error {
	if p.Before != nil {
		if err := p.Before(ctx); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.save(ctx, func(n *note) { n.Cursor, n.Done = cursor, n.Done+more })
}

// note saves a decision about the walk, behind whatever another process has saved meanwhile.
func (p *Place) note(ctx context.Context, change func(*note)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, err := p.views.State(ctx, p.view, p.id)
	if err != nil && !errors.Is(err, ports.ErrCorrupt) {
		return failure.Mark(ports.FailureStore, fmt.Errorf("read the place of a walk of %s: %w", p.view.Consumer, err))
	}
	p.sequence = max(p.sequence, state.SequenceNumber)
	return p.save(ctx, change)
}

func (p *Place) save(ctx context.Context, change func(*note)) error {
	noted := p.noted
	change(&noted)
	noted.Version = noteVersion
	data, err := json.Marshal(noted)
	if err != nil {
		return fmt.Errorf("note the place of a walk: %w", err)
	}
	state := ports.ViewState{SequenceNumber: p.sequence + 1, Data: data}
	if err := p.views.Apply(ctx, p.view, ports.Change{AggregateID: p.id, State: state}); err != nil {
		return failure.Mark(ports.FailureStore, fmt.Errorf("note the place of a walk of %s: %w", p.view.Consumer, err))
	}
	p.sequence, p.noted = state.SequenceNumber, noted
	return nil
}
