package streams_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla"
	"orderflow/bootstrap"
	"orderflow/tests/scyllasim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var full = flag.Bool("streams.full", false, "100 clients and 100,000 events; some minutes")

// size is the size of a test. A connection is killed after up to life events.
type size struct{ events, orders, clients, writers, life int }

// truth is what the writers know.
type truth struct {
	ids     []uuid.UUID
	numbers map[string]int
	life    int

	mu sync.Mutex
	// at says for each event when it was acknowledged: as which one, from 1.
	at    [][]int
	count int
	heads []uint64 // nil while writers work
}

func newTruth(s size) *truth {
	t := &truth{numbers: map[string]int{}, at: make([][]int, s.orders), life: cmp.Or(s.life, max(60, 3*s.events/20))}
	for n := range s.orders {
		id := uuid.Must(uuid.NewV7())
		t.ids = append(t.ids, id)
		t.numbers[id.String()] = n
	}
	return t
}

// acknowledge notes that the next event of an order was acknowledged.
func (t *truth) acknowledge(order int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	t.at[order] = append(t.at[order], t.count)
}

func (t *truth) acknowledged() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// acknowledgedAt returns when an event was acknowledged, or 0 when the writer has no answer yet.
func (t *truth) acknowledgedAt(order int, sequence uint64) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sequence > uint64(len(t.at[order])) {
		return 0
	}
	return t.at[order][sequence-1]
}

func (t *truth) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heads = make([]uint64, len(t.at))
	for order := range t.at {
		t.heads[order] = uint64(len(t.at[order]))
	}
}

func (t *truth) final() []uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.heads
}

// service is a service that can be restarted at the same address.
type service struct {
	config bootstrap.Config
	base   string
	stop   func() error
}

func start(ctx context.Context, config bootstrap.Config) (*service, error) {
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- app.Run(running) }()
	return &service{config: config, base: app.URL(), stop: sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, app.Close())
	})}, nil
}

// writer appends events to its own orders, one after the other. It repeats a request until there is
// an answer.
func writer(ctx context.Context, client *http.Client, base string, t *truth, number, writers, events int) error {
	r := rand.New(rand.NewPCG(2, uint64(number)))
	var mine []int
	for order := number; order < len(t.ids); order += writers {
		mine = append(mine, order)
	}
	heads := map[int]int{}
	for n := range events {
		order := mine[n%len(mine)]
		if n >= len(mine) {
			order = mine[r.IntN(len(mine))]
		}
		method, path := http.MethodPut, "/v1/orders/"+t.ids[order].String()+"/items"
		body := fmt.Sprintf(`{"items":[{"sku":"A-%d","quantity":%d,"unit_price":100}]}`, number, 1+heads[order]%9000)
		if heads[order] == 0 {
			method, path = http.MethodPost, "/v1/orders"
			body = fmt.Sprintf(`{"order_id":%q,"customer_id":"c","currency":"EUR","items":[{"sku":"A","quantity":1,"unit_price":1}]}`, t.ids[order])
		}
		if err := send(ctx, client, method, base+path, body); err != nil {
			return err
		}
		heads[order]++
		t.acknowledge(order)
	}
	return nil
}

func send(ctx context.Context, client *http.Client, method, address, body string) error {
	key := uuid.NewString()
	for {
		request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
		answer, err := client.Do(request)
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode < 300 {
				return nil
			}
			if answer.StatusCode != http.StatusServiceUnavailable {
				return fmt.Errorf("%s %s: status %d: %s", method, address, answer.StatusCode, text)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w", method, address, context.Cause(ctx))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Clients are killed at random while events are committed and the service is restarted twice. Each
// client gets every event of every order in sequence. After caught-up comes only what was not
// acknowledged before the request.
func TestStreams_clientsThatAreKilled(t *testing.T) {
	s := size{events: 2_400, orders: 60, clients: 40, writers: 8}
	if *full {
		s = size{events: 100_000, orders: 1_000, clients: 100, writers: 16}
	}
	if testing.Short() {
		s = size{events: 600, orders: 20, clients: 15, writers: 4}
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Minute, errors.New("the test takes too long"))
	defer cancel()
	config := bootstrap.DefaultConfig()
	config.Data, config.Listen, config.Sink = t.TempDir(), "127.0.0.1:0", "none"
	config.MostStreams, config.MostStreamsOfClient = 2*s.clients, 2*s.clients
	first, err := start(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	current := first
	defer func() {
		if err := current.stop(); err != nil {
			t.Error(err)
		}
	}()
	base := first.base
	config.Listen = base[len("http://"):]
	run(ctx, t, s, []string{base}, func(ctx context.Context, truth *truth) error {
		// two restarts, after a third and two thirds of the events
		for restart := range 2 {
			for truth.acknowledged() < (restart+1)*s.events/3 {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(5 * time.Millisecond):
				}
			}
			if err := current.stop(); err != nil {
				return fmt.Errorf("restart: %w", err)
			}
			again, err := start(ctx, config)
			if err != nil {
				return fmt.Errorf("restart: %w", err)
			}
			current = again
		}
		return nil
	})
}

// Every process serves the streams of all orders, wherever they were written and whatever runs
// there. An id of one process is true in another.
func TestStreams_everyProcessServesAllOrders(t *testing.T) {
	// A connection that is killed before it has caught up gets again what no reader has confirmed.
	// That is everything here, so most connections must live for longer than that.
	s := size{events: 300, orders: 20, clients: 8, writers: 4, life: 400}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Minute, errors.New("the test takes too long"))
	defer cancel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	config := bootstrap.DefaultConfig()
	config.Store, config.Listen, config.Sink, config.Data = bootstrap.StoreScylla, "127.0.0.1:0", "none", t.TempDir()
	config.Scylla.Hosts, config.Scylla.ReplicationFactor, config.Scylla.Timeout = sim.Hosts(), 1, 10*time.Second
	if _, err := scylla.ApplySchema(ctx, config.Scylla); err != nil {
		t.Fatal(err)
	}
	var bases []string
	for _, consumers := range [][]string{nil, {"order-read-model"}} {
		config.Consumers = consumers
		process, err := start(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := process.stop(); err != nil {
				t.Error(err)
			}
		}()
		bases = append(bases, process.base)
	}
	run(ctx, t, s, bases, nil)
}

// run has clients and writers until every client has every event. meanwhile is called beside them.
func run(
	ctx context.Context, t *testing.T, s size, bases []string, meanwhile func(context.Context, *truth) error,
) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	truth := newTruth(s)
	var mu sync.Mutex
	var total figures
	group, ctx := errgroup.WithContext(ctx)
	for n := range s.clients {
		group.Go(func() error {
			f := &follower{
				truth: truth, http: client, bases: bases, order: -1, r: rand.New(rand.NewPCG(1, uint64(n))), seen: make([]uint64, s.orders),
			}
			if n%3 == 0 {
				f.order = n % s.orders
			}
			err := f.follow(ctx)
			mu.Lock()
			defer mu.Unlock()
			total.add(f.figures)
			if err != nil {
				return fmt.Errorf("client %d: %w", n, err)
			}
			return nil
		})
	}
	var writing atomic.Int64
	writing.Store(int64(s.writers))
	for n := range s.writers {
		group.Go(func() error {
			err := writer(ctx, client, bases[n%len(bases)], truth, n, s.writers, s.events/s.writers)
			if writing.Add(-1) == 0 && err == nil {
				truth.finish()
			}
			return err
		})
	}
	if meanwhile != nil {
		group.Go(func() error { return meanwhile(ctx, truth) })
	}
	began := time.Now()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events of %d orders, %d clients: %+v in %s", s.events, s.orders, s.clients, total, time.Since(began).Round(time.Millisecond))
	if total.connections <= s.clients || total.caughtUp == 0 {
		t.Errorf("the clients had too few connections, or were never caught up: %+v", total)
	}
}
