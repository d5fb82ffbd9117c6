package filling

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

// Place remembers durably how far a walk has got. Two processes do no harm to each other: what is
// before a place is done, whoever did it.
//
// Its methods are safe for concurrent use.
type Place struct {
	// Before, when set, is called before a place is stored. An error of it keeps the place where it
	// was.
	Before func(ctx context.Context) error

	mu     sync.Mutex
	note   *Note
	walked walked
}

// walked is the stored form of a place, as JSON.
type walked struct {
	// Version of this form.
	Version int `json:"version"`
	// Begun says that a walk is in progress.
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

// walkedVersion is the version that is written, and the only one that is read.
const walkedVersion = 1

// OpenPlace reads the place of the walk of that name. What cannot be read counts as none: the walk
// begins anew.
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

// Begun says whether a walk is in progress that can continue.
func (p *Place) Begun() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Begun && !p.walked.Spoilt
}

// Done counts the aggregates that are done.
func (p *Place) Done() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Done
}

// CompletedAt is when the last walk has ended; zero for never.
func (p *Place) CompletedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.CompletedAt
}

// Begin starts a walk from the first aggregate.
func (p *Place) Begin(ctx context.Context) error {
	return p.save(ctx, (*Note).Save, func(w *walked) { *w = walked{Begun: true, CompletedAt: w.CompletedAt} })
}

// Spoil makes the walk begin anew after an interruption. Without one it continues.
func (p *Place) Spoil(ctx context.Context) error {
	p.mu.Lock()
	spoilt := p.walked.Spoilt
	p.mu.Unlock()
	if spoilt {
		return nil
	}
	return p.save(ctx, (*Note).Save, func(w *walked) { w.Spoilt = true })
}

// End notes that the walk has ended, or that there is none; at is zero when it did not end by
// itself.
func (p *Place) End(ctx context.Context, at time.Time) error {
	return p.save(ctx, (*Note).Save, func(w *walked) {
		if at.IsZero() {
			at = w.CompletedAt
		}
		*w = walked{CompletedAt: at}
	})
}

// cursor is where the walk continues.
func (p *Place) cursor() ports.Cursor {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.walked.Cursor
}

// reached notes that everything before cursor is done, some more aggregates among them.
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
