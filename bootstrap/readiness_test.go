package bootstrap_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/bootstrap"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var allConsumers = []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "file-publisher"}

func TestReady_whenReadersOfTheChangeFeedDie(t *testing.T) {
	t.Parallel()
	for name, dead := range map[string][]string{"one of them": {"orders-by-sku"}, "all of them": allConsumers} {
		t.Run("names "+name+" until they are back", func(t *testing.T) {
			t.Parallel()
			feed := &valve{}
			app, _ := runAround(t, func(s *bootstrap.Storage) { feed.ChangeFeed, s.ChangeFeed = s.ChangeFeed, feed })
			await(t, "idle system that is not behind", func() error { return idle(t, app) })

			feed.shut(dead...)
			place(t, app)
			await(t, "dead readers in /readyz", func() error {
				status, body := get(t, app.URL()+"/readyz")
				if silent := silentConsumers(body); status != http.StatusServiceUnavailable || !slices.Equal(silent, dead) {
					return fmt.Errorf("%d %s", status, body)
				}
				return nil
			})
			await(t, "lag of the dead readers' consumers", func() error {
				for _, c := range consumers(t, app) {
					if behind := c.Lag.Events > 0 && c.Lag.AgeSeconds > 0; slices.Contains(dead, c.Name) && (!c.Lag.Known || !behind) {
						return fmt.Errorf("%+v", c)
					}
				}
				return nil
			})

			feed.open()
			await(t, "readiness", func() error { return ready(t, app) })
			await(t, "event with every consumer", func() error { return handled(t, app, 1) })
		})
	}

	t.Run("stops cleanly all the same", func(t *testing.T) {
		t.Parallel()
		feed := &valve{}
		app, stop := runAround(t, func(s *bootstrap.Storage) { feed.ChangeFeed, s.ChangeFeed = s.ChangeFeed, feed })
		feed.shut(allConsumers...)
		await(t, "sign of it in /readyz", func() error { return notReady(t, app) })
		stop()
	})
}

// A part that all consumers share may be dead although none of them is silent, because another part
// delivers in its place.
func TestReady_saysWhichPartOfTheChangeFeedIsDead(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	app, _ := runAround(t, func(s *bootstrap.Storage) {
		s.SetAlive(func() error {
			if dead.Load() {
				return errors.New("the safe reader is dead")
			}
			return nil
		})
	})
	dead.Store(true)
	await(t, "dead part in /readyz", func() error {
		if status, body := get(t, app.URL()+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "the safe reader is dead") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	dead.Store(false)
	await(t, "readiness", func() error { return ready(t, app) })
}

func TestReady_blamesHeartbeatsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	app, _ := runAround(t, func(s *bootstrap.Storage) {
		pulse := s.Pulse()
		s.SetPulse(bootstrap.PulseFunc(func(ctx context.Context, at time.Time) error {
			if broken.Load() {
				return ports.ErrUnavailable
			}
			return pulse.Beat(ctx, at)
		}))
	})
	broken.Store(true)
	await(t, "reason in /readyz", func() error {
		status, body := get(t, app.URL()+"/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "the store has accepted no heartbeat") || len(silentConsumers(body)) > 0 {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	broken.Store(false)
	await(t, "readiness", func() error { return ready(t, app) })
}

// A process stays in service when an operator has decided something, and while work on a consumer
// continues.
func TestReady_whileConsumersAreNot(t *testing.T) {
	t.Parallel()
	const chosen = "orders-by-status"

	t.Run("running because one is paused", func(t *testing.T) {
		t.Parallel()
		app, _ := runAround(t, nil)
		post(t, app, "/v1/consumers/"+chosen+"/pause")
		staysReady(t, app, ports.ConsumerPaused, chosen)
		post(t, app, "/v1/consumers/"+chosen+"/resume")
		await(t, "idle system that is not behind", func() error { return idle(t, app) })
	})

	t.Run("running because they catch up", func(t *testing.T) {
		t.Parallel()
		history := &gate{opened: make(chan struct{})}
		app, _ := runAround(t, func(s *bootstrap.Storage) { history.HeadScanner, s.HeadScanner = s.HeadScanner, history })
		staysReady(t, app, ports.ConsumerCatchingUp, allConsumers...)
		for _, c := range consumers(t, app) {
			if c.Lag.Known {
				t.Errorf("the lag of %s is known while it reads history: %+v", c.Name, c.Lag)
			}
		}
		close(history.opened)
		await(t, "idle system that is not behind", func() error { return idle(t, app) })
	})

	t.Run("through with an order that is parked", func(t *testing.T) {
		t.Parallel()
		var events ports.EventStore
		app, _ := runAround(t, func(s *bootstrap.Storage) { events = s.EventStore })
		poison(t, events)
		staysReady(t, app, ports.ConsumerParked, "order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku")
	})
}

// staysReady waits until consumers have a state. Then it waits for so many heartbeats that a
// forgotten consumer would count as silent. Then the service must be ready.
func staysReady(t *testing.T, app *bootstrap.App, state ports.ConsumerState, names ...string) {
	t.Helper()
	await(t, "state "+string(state), func() error {
		for _, c := range consumers(t, app) {
			if slices.Contains(names, c.Name) && c.State != string(state) {
				return fmt.Errorf("%+v", c)
			}
		}
		return nil
	})
	before := heartbeats(t, app)
	await(t, "heartbeats", func() error {
		if sent := heartbeats(t, app) - before; sent < 10 {
			return fmt.Errorf("%d", sent)
		}
		return nil
	})
	await(t, "readiness", func() error { return ready(t, app) })
}

// runAround runs a service with a changed store, with the shortest interval of heartbeats.
func runAround(t *testing.T, change func(*bootstrap.Storage)) (app *bootstrap.App, stop func()) {
	t.Helper()
	c := config(t.TempDir())
	c.Heartbeat = 100 * time.Millisecond
	return runIn(t, c, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard}.Around(change))
}

// await waits until check returns nil. Its timeout only bounds a hang: with a free core, the
// condition holds within a second.
func await(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("no %s: %v", what, err)
		}
	}
}

func ready(t *testing.T, app *bootstrap.App) error {
	t.Helper()
	if status, body := get(t, app.URL()+"/readyz"); status != http.StatusOK {
		return fmt.Errorf("%d %s", status, body)
	}
	return nil
}

func notReady(t *testing.T, app *bootstrap.App) error {
	t.Helper()
	if ready(t, app) == nil {
		return errors.New("it is")
	}
	return nil
}

// idle returns an error for a consumer that does not run or is behind.
func idle(t *testing.T, app *bootstrap.App) error {
	t.Helper()
	for _, c := range consumers(t, app) {
		if want := (consumerView{Name: c.Name, State: string(ports.ConsumerRunning), Lag: lagView{Known: true}, Handled: c.Handled}); c != want {
			return fmt.Errorf("%s", cmp.Diff(want, c))
		}
	}
	return nil
}

// handled returns an error for a consumer that has not handled a number of events.
func handled(t *testing.T, app *bootstrap.App, events uint64) error {
	t.Helper()
	for _, c := range consumers(t, app) {
		if c.Handled != events {
			return fmt.Errorf("%+v", c)
		}
	}
	return nil
}

type consumerView struct {
	Name    string  `json:"name"`
	State   string  `json:"state"`
	Lag     lagView `json:"lag"`
	Handled uint64  `json:"handled"`
	Failure struct {
		Error string `json:"error"`
	} `json:"failure"`
}

type lagView struct {
	Events     uint64  `json:"events"`
	AgeSeconds float64 `json:"age_seconds"`
	Error      string
	Known      bool `json:"known"`
}

func consumers(t *testing.T, app *bootstrap.App) []consumerView {
	t.Helper()
	status, body := get(t, app.URL()+"/v1/consumers")
	var answer struct {
		Consumers []consumerView `json:"consumers"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || len(answer.Consumers) != len(allConsumers) {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return answer.Consumers
}

var silentConsumer = regexp.MustCompile(`consumer ([a-z-]+) has got neither`)

// silentConsumers returns the consumers whose readers are dead according to /readyz.
func silentConsumers(body string) (names []string) {
	for _, match := range silentConsumer.FindAllStringSubmatch(body, -1) {
		names = append(names, match[1])
	}
	return names
}

var sentTotal = regexp.MustCompile(`(?m)^orderflow_heartbeats_sent_total (\d+)$`)

func heartbeats(t *testing.T, app *bootstrap.App) int {
	t.Helper()
	_, body := get(t, app.URL()+"/metrics")
	match := sentTotal.FindStringSubmatch(body)
	if match == nil {
		t.Fatal("no count of heartbeats")
	}
	sent, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

func post(t *testing.T, app *bootstrap.App, path string) {
	t.Helper()
	resp, err := http.Post(app.URL()+path, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s: %d %s %v", path, resp.StatusCode, body, err)
	}
}

// poison stores an event that no projection can decode.
func poison(t *testing.T, events ports.EventStore) {
	t.Helper()
	id, command := uuid.New(), uuid.New()
	record := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       uuid.New(), AggregateID: id, SequenceNumber: 1, CommandID: command, CorrelationID: command, CausationID: command,
			CreatedAt: eventsourcing.Timestamp(time.Now()),
		},
		EventType: "order.from-the-future", EventVersion: 1, Payload: []byte(`{}`),
	}
	if _, err := events.Append(t.Context(), ports.Append{AggregateID: id, CommandID: command, Records: []eventsourcing.Record{record}}); err != nil {
		t.Fatal(err)
	}
}

// valve is a change feed that can be shut for some consumers. Then their Next blocks, as with a
// dead reader.
type valve struct {
	ports.ChangeFeed

	mu     sync.Mutex
	dead   []string
	opened chan struct{} // closed by open
}

func (v *valve) shut(consumers ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead, v.opened = consumers, make(chan struct{})
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead = nil
	close(v.opened)
}

// wait waits while a consumer's reader is dead.
func (v *valve) wait(ctx context.Context, consumer string) error {
	v.mu.Lock()
	dead, opened := slices.Contains(v.dead, consumer), v.opened
	v.mu.Unlock()
	if !dead {
		return nil
	}
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Subscribe implements [ports.ChangeFeed].
func (v *valve) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	subscription, err := v.ChangeFeed.Subscribe(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return &valved{Subscription: subscription, valve: v, consumer: consumer}, nil
}

type valved struct {
	ports.Subscription
	valve    *valve
	consumer string
	held     *ports.Delivery // what Next has read and not returned yet
}

// Next implements [ports.Subscription].
func (s *valved) Next(ctx context.Context) (ports.Delivery, error) {
	if s.held == nil {
		delivery, err := s.Subscription.Next(ctx)
		if err != nil {
			return ports.Delivery{}, err
		}
		s.held = &delivery
	}
	if err := s.valve.wait(ctx, s.consumer); err != nil {
		return ports.Delivery{}, err
	}
	delivery := *s.held
	s.held = nil
	return delivery, nil
}

// gate is an event store whose list of aggregates waits until the gate is opened.
type gate struct {
	ports.HeadScanner
	opened chan struct{}
}

// ScanHeads implements [ports.HeadScanner].
func (g *gate) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	select {
	case <-g.opened:
		return g.HeadScanner.ScanHeads(ctx, after, limit)
	case <-ctx.Done():
		return ports.HeadPage{}, ctx.Err()
	}
}
