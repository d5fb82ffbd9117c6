// Package incarnation keeps a publisher of a restored store from using sequence numbers again.
//
// A restored store has another id than the one that was copied. What the original did after the
// backup is not in it, but its topic may have it. If the publisher went on, it would give the
// sequence numbers of those events to other facts, and receivers would drop these as duplicates, or
// mix them. So a publisher remembers from which store it has published. When that is another one, a
// [Gate] lets nothing through until the target was compared with the store: when the target has no
// event that the store does not have, or when an operator accepts the loss.
//
// Consumers of a topic compare the id in another place: each message carries that of its store.
package incarnation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// noteName is the name of the note in which a publisher keeps the id of the store.
const noteName = "incarnation"

// Config is what a gate needs. All fields are required.
type Config struct {
	// Publisher is the name of the consumer that publishes.
	Publisher string
	// Store is the id of the store.
	Store uuid.UUID
	Views ports.ViewStore
	// Ahead returns what the target has that the store does not have, in words; empty when there is
	// nothing. It may take long.
	Ahead func(ctx context.Context) (string, error)
	// AcceptLoss opens the gate whatever the target has.
	AcceptLoss bool
	Backoff    failure.Backoff
	Logger     *slog.Logger
}

// Gate is in front of a publisher. It is safe for concurrent use.
type Gate struct {
	config Config

	mu sync.Mutex
	// closed says why nothing is published. It is empty when the gate is open.
	closed string
	// known is the store that was published from before.
	known string
}

// Open reads from which store the publisher has published. The gate is open when it is this one, or
// none.
func Open(ctx context.Context, config Config) (*Gate, error) {
	note, known, err := filling.OpenNote(ctx, config.Views, config.Publisher, noteName)
	if err != nil {
		return nil, err
	}
	g := &Gate{config: config, known: string(known)}
	switch g.known {
	case config.Store.String():
	case "":
		return g, note.Save(ctx, []byte(config.Store.String()))
	default:
		g.closed = "publishing is off: this store was restored from a backup of store " + g.known +
			", and its target is being compared with it"
	}
	return g, nil
}

// Closed says why nothing is published. It is empty when the gate is open.
func (g *Gate) Closed() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Run compares the target with the store if that is needed, and opens the gate if it may. It
// returns when that is decided, or when ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	if g.Closed() == "" {
		return nil
	}
	for attempt := 1; ; attempt++ {
		ahead, err := g.config.Ahead(ctx)
		if err == nil {
			err = g.decide(ctx, ahead)
		}
		if err == nil || ctx.Err() != nil {
			return nil
		}
		g.set(fmt.Sprintf("publishing is off: this store was restored from a backup of store %s, "+
			"and its target cannot be compared with it: %v", g.known, err))
		g.config.Logger.Warn("the target of a restored store cannot be compared with it", "consumer", g.config.Publisher, "error", err)
		if g.config.Backoff.Wait(ctx, nil, attempt) != nil {
			return nil
		}
	}
}

// decide opens the gate, or says why it stays closed.
func (g *Gate) decide(ctx context.Context, ahead string) error {
	if ahead != "" && !g.config.AcceptLoss {
		g.set(fmt.Sprintf("publishing is off: this store was restored from a backup of store %s, and the target has %s. "+
			"Their sequence numbers would be used again. To publish all the same, serve with --accept-loss", g.known, ahead))
		g.config.Logger.Error("publishing is off", "consumer", g.config.Publisher, "reason", g.Closed())
		return nil
	}
	note, _, err := filling.OpenNote(ctx, g.config.Views, g.config.Publisher, noteName)
	if err == nil {
		err = note.Save(ctx, []byte(g.config.Store.String()))
	}
	if err != nil {
		return err
	}
	g.set("")
	g.config.Logger.Warn("publishing continues from a restored store", "consumer", g.config.Publisher,
		"restored_from", g.known, "store", g.config.Store, "accepted_loss", ahead)
	return nil
}

func (g *Gate) set(closed string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
}

// pass returns an error while nothing may be published. It is about the target as a whole, so the
// publisher waits and no aggregate is parked.
func (g *Gate) pass() error {
	if closed := g.Closed(); closed != "" {
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, errors.New(closed))
	}
	return nil
}

// Guard returns an effect that does nothing while the gate is closed.
func (g *Gate) Guard(effect filling.Effect) filling.Effect {
	return filling.Wrap(effect, func(
		ctx context.Context, state []byte, records []eventsourcing.Record,
	) (ports.Change, error) {
		if err := g.pass(); err != nil {
			return ports.Change{}, err
		}
		return effect.Apply(ctx, state, records)
	}, g.pass)
}
