package consumer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/application/pulse"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// beating sends a heartbeat a second through store, until the returned function is called, and
// gives the consumer the monitor.
func beating(t *testing.T, store *memory.Store) (monitor *pulse.Monitor, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	pacemaker := pulse.NewPacemaker(pulse.PacemakerConfig{Pulse: store})
	var running sync.WaitGroup
	running.Go(func() {
		if err := pacemaker.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	return pulse.NewMonitor(pulse.MonitorConfig{}), func() { cancel(); running.Wait() }
}

func TestConsumer_Heartbeats(t *testing.T) {
	t.Parallel()

	outcome(t, "keep the lag of an idle consumer at 0, and make that of a stuck one grow", func(t *testing.T) {
		store := memory.New(memory.Options{})
		monitor, still := beating(t, store)
		defer still()
		b := setup(store, func(c *consumer.Config) { c.Beats = monitor })
		defer b.follow(t)()
		<-time.After(time.Hour)
		if s := b.status(t); s.Lag != (ports.Lag{Known: true}) || monitor.Silent("recorder", time.Now()) {
			t.Errorf("idle: status = %+v", s)
		}
		b.effect.setFail(func(eventsourcing.Record) error { return ports.ErrUnavailable })
		b.write(t, uuid.New(), 1)
		<-time.After(time.Minute)
		if s := b.status(t); s.Lag.Events != 1 || s.Lag.Age < 59*time.Second {
			t.Errorf("stuck: status = %+v", s)
		}
	})

	outcome(t, "show that a reader is dead, although the feed says that there is nothing to come", func(t *testing.T) {
		store := memory.New(memory.Options{})
		monitor, still := beating(t, store)
		b := setup(store, func(c *consumer.Config) { c.Beats = monitor })
		defer b.follow(t)()
		<-time.After(time.Minute)
		still() // the same as a reader that finds no heartbeat
		<-time.After(10 * time.Second)
		if s := b.status(t); s.Lag.Age < 8*time.Second || !monitor.Silent("recorder", time.Now()) {
			t.Errorf("status = %+v", s)
		}
	})

	outcome(t, "go on to the target of a publisher", func(t *testing.T) {
		store := memory.New(memory.Options{})
		monitor, still := beating(t, store)
		defer still()
		target := &probedTarget{}
		b := setup(store, func(c *consumer.Config) { c.Beats, c.Effect = monitor, filling.Publish(target) })
		defer b.follow(t)()
		<-time.After(time.Minute)
		if s := b.status(t); s.Lag.Age != 0 {
			t.Errorf("while the target answers, status = %+v", s)
		}
		target.set(errors.New("no broker"))
		<-time.After(time.Minute)
		if s := b.status(t); s.Lag.Age < 58*time.Second {
			t.Errorf("while it does not, status = %+v", s)
		}
		target.set(nil)
		<-time.After(5 * time.Second)
		if s := b.status(t); s.Lag.Age != 0 {
			t.Errorf("when it does again, status = %+v", s)
		}
	})
}

// probedTarget is a publisher that can be probed.
type probedTarget struct {
	mu  sync.Mutex
	err error
}

func (p *probedTarget) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *probedTarget) Probe(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

func (p *probedTarget) Publish(context.Context, eventsourcing.Record) error { return nil }
