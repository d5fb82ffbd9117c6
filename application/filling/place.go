package filling

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

// Place stores how far a walk has got. Two processes that write one Place do no harm to each other:
// what is before a place is done, whichever process did it.
//
// Its methods are safe for concurrent use.
type Place struct {
	// Before is called before a place is stored, unless it is nil. When it returns an error, the
	// place is not stored.
	Before func(ctx context.Context) error

	mu     sync.Mutex
	note   *Note
	walked walked
}

// walked is the stored form of a place, as JSON.
type walked struct {
	// Version of this form.
	Version int `json:"version"`
	// Begun reports whether a walk is in progress.
	Begun bool `json:"begun"`
	// Cursor is after what is done. It is empty when nothing is done.
	Cursor ports.Cursor `json:"cursor,omitempty"`
	// Done counts the aggregates before Cursor.
	Done uint64 `json:"done,omitempty"`
	// Spoilt reports whether the walk must start from the beginning after an interruption.
	Spoilt bool `json:"spoilt,omitempty"`
	// CompletedAt is when the last walk ended.
	CompletedAt time.Time `json:"completed_at,omitzero"`
}

// walkedVersion is the version that is written, and the only one that is read.
const walkedVersion = 1

// OpenPlace reads the place of the walk of that name. A place that cannot be read counts as none:
// the walk starts from the beginning.
func OpenPlace(ctx context.Context, views ports.ViewStore, consumer, walk string) (*Place, error) {
	note, data, err := OpenNote(ctx, views, consumer, "place of "+walk)
	if err != nil {
		return nil, err
	}
	p := &Place{note: note}
	if json.Unmarshal(data, &p.walked) != nil || p.walked.Version != walkedVersion {
		p.walked = walked{}
	}
	return p, nil
}

// Begun reports whether a walk is in progress that can continue.
func (p *Place) Begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Begun && !p.walked.Spoilt
}

// Done returns how many aggregates are done.
func (p *Place) Done() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Done
}

// CompletedAt returns when the last walk ended. It is zero if none did.
func (p *Place) CompletedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.CompletedAt
}

// Begin starts a walk from the first aggregate.
func (p *Place) Begin(ctx context.Context) error {
	return p.save(ctx, (*Note).Save, func(w *walked) { *w = walked{Begun: true, CompletedAt: w.CompletedAt} })
}

// Spoil makes the walk start from the beginning after an interruption. Without an interruption it
// continues.
func (p *Place) Spoil(ctx context.Context) error {
	p.mu.Lock()
	spoilt := p.walked.Spoilt
	p.mu.Unlock()
	if spoilt {
		return nil
	}
	return p.save(ctx, (*Note).Save, func(w *walked) { w.Spoilt = true })
}

// End records that the walk has ended, or that there is none. at is zero when the walk did not end
// by itself.
func (p *Place) End(ctx context.Context, at time.Time) error {
	return p.save(ctx, (*Note).Save, func(w *walked) {
		if at.IsZero() {
			at = w.CompletedAt
		}
		*w = walked{CompletedAt: at}
	})
}

// cursor returns where the walk continues.
func (p *Place) cursor() ports.Cursor {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Cursor
}

// reached records that everything before cursor is done. more is how many aggregates that adds.
func (p *Place) reached(ctx context.Context, cursor ports.Cursor, more uint64) error {
	if p.Before != nil {
		if err := p.Before(ctx); err != nil {
			return err
		}
	}
	return p.save(ctx, (*Note).Follow, func(w *walked) { w.Cursor, w.Done = cursor, w.Done+more })
}

func (p *Place) save(ctx context.Context, with func(*Note, context.Context, []byte) error, change func(*walked)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.walked
	change(&next)
	next.Version = walkedVersion
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("the place of a walk: %w", err)
	}
	if err := with(p.note, ctx, data); err != nil {
		return err
	}
	p.walked = next
	return nil
}
