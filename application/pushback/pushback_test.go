package pushback_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/application/pushback"
	"orderflow/ports"
)

// consumers are what the monitor says.
type consumers struct {
	mu       sync.Mutex
	statuses []ports.ConsumerStatus
}

func (c *consumers) Consumers(context.Context) []ports.ConsumerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statuses
}

func (c *consumers) set(statuses ...ports.ConsumerStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses = statuses
}

// handler counts the commands that it gets.
type handler struct{ handled int }

func (h *handler) Handle(context.Context, ports.CommandRequest[string]) (ports.CommandResult[string], error) {
	h.handled++
	return ports.CommandResult[string]{}, nil
}

func behind(age time.Duration, change func(*ports.ConsumerStatus)) ports.ConsumerStatus {
	s := ports.ConsumerStatus{Name: "view", State: ports.ConsumerRunning, Lag: ports.Lag{Events: 1, Age: age, Known: true}}
	if change != nil {
		change(&s)
	}
	return s
}

// Commands are refused while a consumer that works is too far behind, and not longer.
func TestCommands_AreRefusedWhileAConsumerIsTooFarBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		monitor, next := &consumers{}, &handler{}
		gate := pushback.NewGate(monitor, 5*time.Second)
		commands := pushback.Commands(gate, next)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- gate.Run(ctx) }()
		for _, step := range []struct {
			age     time.Duration
			refused bool
		}{{0, false}, {5 * time.Second, false}, {6 * time.Second, true}, {time.Minute, true}, {time.Second, false}} {
			monitor.set(behind(0, nil), behind(step.age, nil))
			<-time.After(time.Second)
			before := next.handled
			_, err := commands.Handle(ctx, ports.CommandRequest[string]{})
			if refused := errors.Is(err, ports.ErrUnavailable); refused != step.refused || refused == (next.handled > before) {
				t.Errorf("%s behind: %v, handled: %v", step.age, err, next.handled > before)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A consumer that does not work, whatever the reason, never makes commands wait.
func TestGate_IsOpenForConsumersThatDoNotWork(t *testing.T) {
	t.Parallel()
	changes := map[string]func(*ports.ConsumerStatus){
		"a failure": func(s *ports.ConsumerStatus) { s.Failure = &ports.ConsumerFailure{Error: "away"} },
		"filling":   func(s *ports.ConsumerStatus) { s.Rebuild = &ports.RebuildStatus{Phase: ports.RebuildFilling} },
		"verifying": func(s *ports.ConsumerStatus) { s.Rebuild = &ports.RebuildStatus{Phase: ports.RebuildVerifying} },
		"no lag":    func(s *ports.ConsumerStatus) { s.Lag.Known = false },
	}
	for _, state := range []ports.ConsumerState{
		ports.ConsumerStopped, ports.ConsumerStandby, ports.ConsumerPaused, ports.ConsumerCatchingUp, ports.ConsumerExpired,
		ports.ConsumerRebuilding, ports.ConsumerParked, ports.ConsumerFailing, ports.ConsumerFailed,
	} {
		changes[string(state)] = func(s *ports.ConsumerStatus) { s.State = state }
	}
	for name, change := range changes {
		synctest.Test(t, func(t *testing.T) {
			monitor := &consumers{}
			monitor.set(behind(time.Hour, change))
			gate := pushback.NewGate(monitor, time.Second)
			ctx, stop := context.WithCancel(t.Context())
			go func() { _ = gate.Run(ctx) }()
			<-time.After(time.Second)
			if err := gate.Refuses(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			monitor.set(behind(time.Hour, nil))
			<-time.After(time.Second)
			if gate.Refuses() == nil {
				t.Errorf("%s: a consumer that works again does not count", name)
			}
			stop()
		})
	}
}
