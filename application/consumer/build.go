package consumer

import (
	"context"

	"orderflow/application/rebuild"
	"orderflow/ports/portkit"
)

// build completes the next generation, and ends the life for the switch to it.
func (c *Consumer) build(ctx context.Context, l *life, end context.CancelCauseFunc) {
	if c.config.Shared {
		// Wait until every other process has seen that there is a next generation, and has finished
		// the records that it took before.
		if portkit.Sleep(ctx, 2*c.config.Poll+c.config.DrainTimeout) != nil {
			return
		}
	}
	builder := rebuild.New(rebuild.Config{
		Generation: l.plan.Next, Next: l.next, Live: l.live, Filled: l.filled,
		Walk: c.walk, Alone: c.withAggregates, Forget: func() { l.untaint() }, Verify: c.config.Verify, Wishes: c.wishes,
		Health: c.health, Backoff: c.config.Backoff, Now: c.config.Now, Logger: c.log,
	})
	if builder.Run(ctx) == nil {
		end(errSwitch)
	}
}
