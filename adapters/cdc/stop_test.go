package cdc_test

import (
	"context"
	"testing"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// The servers accept the readers' queries and do not answer.
func TestFeed_EndsWhileTheServersDoNotAnswer(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	feed, err := cdc.Open(t.Context(), s.config(newOffsets()))
	if err != nil {
		t.Fatal(err)
	}
	never, asked := make(chan struct{}), make(chan struct{}, 100)
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Hold: never, Times: -1, When: func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return true
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Run(ctx) }()
	<-asked
	<-asked
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
