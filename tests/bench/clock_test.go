package bench_test

import (
	"context"

	"orderflow/application/consumer"
	"orderflow/ports"
	"orderflow/tests/bench/pace"
)

// clock is between the consumers and their views. It reports when a change has been stored and can
// be read.
type clock struct {
	consumer.Views
	shown pace.ShownFunc
}

func (c clock) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	err := c.Views.Apply(ctx, view, changes...)
	if err == nil {
		for _, change := range changes {
			c.shown(view.Consumer, change.AggregateID, change.State.SequenceNumber)
		}
	}
	return err
}
