package cdc_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// Generations queue up in scylla-cdc-go while it reads an old one. A feed that is told to end then must not have to leave it
// behind.
func TestFeed_EndsWhileGenerationsQueueUp(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	for i := range 3 {
		s.sim.NewGeneration(time.Duration(i) * 10 * time.Millisecond) // each at a time of its own
	}
	config := s.config(newOffsets())
	config.Confidence = time.Minute // so the generations before the last one are read for as long
	said := make(lines, 1000)
	config.Logger = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	feed, err := cdc.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Run(ctx) }()
	defer feed.Close()
	defer cancel()
	hang := time.After(time.Minute)
	for pushed := 0; pushed < 3; { // the first is being read, the second is waited for, the third does not fit
		select {
		case line := <-said:
			if strings.Contains(line, "pushing generation") {
				pushed++
			}
		case <-hang:
			t.Fatal("the library does not ask for generations")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for len(said) > 0 {
		if line := <-said; strings.Contains(line, "left behind") {
			t.Error(line)
		}
	}
}

// lines takes a log, and forgets what does not fit.
type lines chan string

// Write implements io.Writer.
func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}
