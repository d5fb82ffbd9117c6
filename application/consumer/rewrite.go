package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/application/filling"
	"orderflow/ports"
)

// Rewrite replaces what the consumer keeps of one aggregate by what its events say now, in every
// generation of its view, and removes texts that may quote the events. It reports whether there was
// something.
//
// It returns an error when it cannot reach all of that: while the consumer does not run in this
// process, while there is a generation that another version of the program has filled, and where
// the store cannot replace rows; see [Consumer.Renew].
func (c *Consumer) Rewrite(ctx context.Context, id uuid.UUID) (rewritten bool, err error) {
	views, leave, err := c.everyView()
	if err != nil {
		return false, err
	}
	defer leave()
	err = c.withAggregate(id, func() error {
		for _, view := range views {
			did, err := view.Rewrite(ctx, id)
			if err != nil {
				return err
			}
			rewritten = rewritten || did
		}
		texts, err := c.lot.Rewrite(ctx, id)
		rewritten = rewritten || texts
		return err
	})
	return rewritten, err
}

// RewriteTexts does the part of [Consumer.Rewrite] that is not about views. It needs no consumer
// that runs.
func (c *Consumer) RewriteTexts(ctx context.Context, id uuid.UUID) (rewritten bool, err error) {
	err = c.withAggregate(id, func() error {
		rewritten, err = c.lot.Rewrite(ctx, id)
		return err
	})
	return rewritten, err
}

// everyView returns every generation that has something, and keeps the life that fills them from
// ending until leave is called. A publisher has no view.
func (c *Consumer) everyView() (views []*filling.View, leave func(), err error) {
	if c.config.Table == nil {
		return nil, func() {}, nil
	}
	l := c.life.Load()
	if l == nil || l.live == nil || !l.enter() {
		return nil, nil, c.notHere()
	}
	for _, g := range []ports.Generation{l.plan.Next, l.plan.Previous} {
		if g.Number != 0 && g.Version != c.config.Version {
			l.leave(0)
			return nil, nil, c.stillThere(g)
		}
	}
	return append([]*filling.View{l.live}, l.others...), func() { l.leave(0) }, nil
}

func (c *Consumer) stillThere(g ports.Generation) error {
	return &ports.RefusedError{Reason: fmt.Sprintf(
		"%s has generation %d, which cannot be written; it is dropped some time after a rebuild", c.config.Name, g.Number)}
}

// Mark returns a mark between the generations that exist now and those that a later rebuild begins.
func (c *Consumer) Mark(ctx context.Context) (mark uint64, err error) {
	if err := c.Refresh(ctx); err != nil {
		return 0, err
	}
	return c.decisions.Record().Revision, nil
}

// Renew makes sure that the view has only generations that were begun after a mark. It is for
// stores that cannot replace the rows of one aggregate. If there is an older generation, it returns
// an error that says what it waits for, and is called again later. It rebuilds the view, without
// the comparison with the live generation, which is about to be replaced because it is different.
func (c *Consumer) Renew(ctx context.Context, mark uint64) error {
	if c.config.Table == nil {
		return nil
	}
	if err := c.Refresh(ctx); err != nil {
		return err
	}
	record := c.decisions.Record()
	old := func(g ports.Generation) bool { return g.Number != 0 && uint64(g.Number) <= mark }
	if !old(record.Live) {
		for _, g := range []ports.Generation{record.Next, record.Previous} {
			if old(g) {
				return &ports.RefusedError{Reason: fmt.Sprintf("the former generation %d of %s is dropped %s after %s",
					g.Number, c.config.Name, c.config.Grace, record.SwitchedAt.Format(time.RFC3339))}
			}
		}
		return nil
	}
	if record.Next.Number == 0 {
		if err := c.Rebuild(ctx, ports.RebuildRequest{SkipVerification: true}); err != nil {
			return err
		}
	}
	return &ports.RefusedError{Reason: c.config.Name + " is being rebuilt, because the store cannot replace single rows"}
}
