package pulse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderflow/application/pulse"
	"orderflow/ports"
)

// store is a pulse that does what the test expects, one function a heartbeat, and then succeeds.
type store struct {
	script []func(ctx context.Context) error

	mu sync.Mutex
	// began is when each heartbeat began, since the start. carried is the time that it carried.
	start   time.Time
	began   []time.Duration
	carried []time.Time
}

func (s *store) Beat(ctx context.Context, at time.Time) error {
	s.mu.Lock()
	s.began, s.carried = append(s.began, time.Since(s.start)), append(s.carried, at)
	n := len(s.began)
	s.mu.Unlock()
	if n <= len(s.script) && s.script[n-1] != nil {
		return s.script[n-1](ctx)
	}
	return nil
}

// soFar returns when the heartbeats until now began, and the times that they carried.
func (s *store) soFar() (began []time.Duration, carried []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.began), slices.Clone(s.carried)
}

func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func fails(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// journal keeps the log lines.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// pace runs a pacemaker on the script in a bubble, until the test ends.
func pace(t *testing.T, script ...func(context.Context) error) (*pulse.Pacemaker, *store, *journal) {
	t.Helper()
	s, logged := &store{script: script, start: time.Now()}, &journal{}
	p := pulse.NewPacemaker(pulse.PacemakerConfig{Pulse: s, Logger: slog.New(slog.NewTextHandler(logged, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return p, s, logged
}

// after waits for d, and then until every goroutine of the bubble is idle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func inBubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { t.Parallel(); synctest.Test(t, test) })
}

func TestPacemaker(t *testing.T) {
	t.Parallel()
	const s, ms = time.Second, time.Millisecond

	inBubble(t, "beats at once and then every interval", func(t *testing.T) {
		p, store, logged := pace(t)
		after(3*s + 500*ms)
		began, carried := store.soFar()
		if diff := cmp.Diff([]time.Duration{0, s, 2 * s, 3 * s}, began); diff != "" {
			t.Error(diff)
		}
		for i, at := range carried {
			if want := store.start.Add(began[i]).UTC().Truncate(ms); at != want {
				t.Errorf("heartbeat %d carries %s, want %s", i, at, want)
			}
		}
		if at, err := p.Last(); err != nil || at != carried[3] {
			t.Errorf("last: %s, %v, want the fourth", at, err)
		}
		if sent, failed := p.Counts(); sent != 4 || failed != 0 || logged.String() != "" {
			t.Errorf("%d sent, %d failed, logged %q", sent, failed, logged)
		}
	})

	inBubble(t, "one that takes long does not move the later ones", func(t *testing.T) {
		_, store, _ := pace(t, nil, takes(1500*ms))
		after(4*s + 500*ms)
		began, _ := store.soFar()
		if diff := cmp.Diff([]time.Duration{0, s, 2500 * ms, 3 * s, 4 * s}, began); diff != "" {
			t.Error(diff)
		}
	})

	inBubble(t, "one that hangs is given up", func(t *testing.T) {
		p, store, _ := pace(t, nil, takes(time.Hour))
		after(3*s - ms) // it began at 1 s and may take 2 s
		if _, err := p.Last(); err != nil {
			t.Errorf("before the time is over: %v", err)
		}
		after(500 * ms)
		began, _ := store.soFar()
		if diff := cmp.Diff([]time.Duration{0, s, 3 * s}, began); diff != "" {
			t.Error(diff)
		}
		if sent, failed := p.Counts(); sent != 2 || failed != 1 {
			t.Errorf("%d sent, %d failed, want 2 and 1", sent, failed)
		}
	})

	inBubble(t, "one that cannot be given up is told about", func(t *testing.T) {
		stuck := make(chan struct{})
		p, store, _ := pace(t, nil, func(context.Context) error { <-stuck; return nil })
		after(10 * s)
		_, carried := store.soFar()
		if at, err := p.Last(); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "for 9s") || at != carried[0] {
			t.Errorf("last: %s, %v, want the first and how long the second takes", at, err)
		}
		close(stuck)
		after(500 * ms)
		if _, err := p.Last(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})

	inBubble(t, "failures are counted, and logged when they change", func(t *testing.T) {
		numbered := func(err error, n int) func(context.Context) error { return fails(fmt.Errorf("try %d: %w", n, err)) }
		p, store, logged := pace(t, nil, numbered(ports.ErrUnavailable, 1), numbered(ports.ErrUnavailable, 2), numbered(ports.ErrOutcomeUnknown, 3))
		after(3*s + 500*ms)
		_, carried := store.soFar()
		if at, err := p.Last(); !errors.Is(err, ports.ErrOutcomeUnknown) || at != carried[0] {
			t.Errorf("last: %s, %v, want the first and what became of the fourth", at, err)
		}
		after(2 * s)
		_, carried = store.soFar()
		if at, err := p.Last(); err != nil || at != carried[5] {
			t.Errorf("last: %s, %v, want the sixth", at, err)
		}
		if sent, failed := p.Counts(); sent != 3 || failed != 3 {
			t.Errorf("%d sent, %d failed, want 3 and 3", sent, failed)
		}
		var said []string
		for line := range strings.Lines(logged.String()) {
			_, text, _ := strings.Cut(line, "level=")
			said = append(said, strings.TrimSpace(text))
		}
		want := []string{
			`WARN msg="heartbeats cannot be sent; consumers will seem silent" error="try 1: unavailable"`,
			`WARN msg="heartbeats cannot be sent; consumers will seem silent" error="try 3: outcome unknown"`,
			`INFO msg="heartbeats are sent again" failed=3`,
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Error(diff)
		}
	})

	inBubble(t, "ends in progress without a failure", func(t *testing.T) {
		store := &store{script: []func(context.Context) error{takes(time.Hour)}}
		p := pulse.NewPacemaker(pulse.PacemakerConfig{Pulse: store, Timeout: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
		began, _ := store.soFar()
		if _, failed := p.Counts(); failed != 0 || len(began) != 1 {
			t.Errorf("%d failed of %d, want 0 of 1", failed, len(began))
		}
	})
}
