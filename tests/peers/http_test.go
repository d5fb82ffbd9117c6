package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/tests/bench/pace"
)

// serveVariable names the environment variable that makes this test binary a service. Its value is
// the name of the system. The service ends when its standard input does.
const serveVariable = "PEERS_SERVE"

// TestServe is the service of the benchmark over HTTP. It has the routes of Orderflow that the
// benchmark uses, and does no more for them than it must.
func TestServe(t *testing.T) {
	name := os.Getenv(serveVariable)
	if name == "" {
		t.Skipf("%s is not set: this is a part of BenchmarkService", serveVariable)
	}
	for _, system := range subscribed {
		if system.name != name {
			continue
		}
		seen := &seen{at: map[string]map[uuid.UUID]uint64{}}
		s := startService(t, system.best, seen.shown)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: &api{service: s, seen: seen}, ReadHeaderTimeout: time.Minute}
		serving := make(chan error, 1)
		go func() { serving <- server.Serve(listener) }()
		fmt.Fprintln(os.Stdout, listener.Addr())
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			t.Error(err)
		}
		if err := errors.Join(server.Close(), <-serving); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		s.check(t)
	}
}

// startRemote runs a service in a process of its own until the benchmark ends.
func startRemote(tb testing.TB, name string) *pace.Remote {
	tb.Helper()
	binary, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	command := exec.Command(binary, "-test.run", "^TestServe$", "-test.timeout", "10m")
	command.Env = append(os.Environ(), serveVariable+"="+name)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = input.Close() // which ends it
		rest, _ := io.ReadAll(output)
		if err := command.Wait(); err != nil {
			tb.Errorf("%s: %v: %s", name, err, rest)
		}
	})
	var address string
	if _, err := fmt.Fscanln(output, &address); err != nil {
		tb.Fatal(err)
	}
	remote := &pace.Remote{Client: pace.NewClient(address, pace.Window), Watcher: pace.NewClient(address, 32)}
	tb.Cleanup(remote.Client.Close)
	tb.Cleanup(remote.Watcher.Close)
	return remote
}

// seen is how far each view is with each order.
type seen struct {
	mu sync.Mutex
	at map[string]map[uuid.UUID]uint64
}

func (s *seen) shown(view string, id uuid.UUID, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at[view] == nil {
		s.at[view] = map[uuid.UUID]uint64{}
	}
	s.at[view][id] = sequence
}

// await waits until every view has an event.
func (s *seen) await(ctx context.Context, id uuid.UUID, sequence uint64) error {
	for {
		s.mu.Lock()
		behind := len(s.at) < len(viewNames())
		for _, at := range s.at {
			behind = behind || at[id] < sequence
		}
		s.mu.Unlock()
		if !behind {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// api answers as Orderflow does.
type api struct {
	service *service
	seen    *seen
}

// body has the fields of every command.
type body struct {
	OrderID          uuid.UUID `json:"order_id"`
	CustomerID       string    `json:"customer_id"`
	Currency         string    `json:"currency"`
	PaymentReference string    `json:"payment_reference"`
	Carrier          string    `json:"carrier"`
	TrackingNumber   string    `json:"tracking_number"`
	Items            []struct {
		SKU       string      `json:"sku"`
		Quantity  int64       `json:"quantity"`
		UnitPrice order.Money `json:"unit_price"`
	} `json:"items"`
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := a.answer(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client sees a broken answer
}

func (a *api) answer(r *http.Request) (any, error) {
	if r.Method != http.MethodGet {
		command, err := toCommand(r)
		if err != nil {
			return nil, err
		}
		return map[string]any{"order_id": command.AggregateID()}, a.service.handle(r.Context(), command)
	}
	if r.URL.Path == "/v1/consumers" {
		var consumers []map[string]any
		for _, s := range a.service.subscribers {
			consumers = append(consumers, map[string]any{"name": s.Name, "state": "running", "handled": s.handled.Load()})
		}
		return map[string]any{"consumers": consumers}, nil
	}
	query := r.URL.Query()
	sequence, err := strconv.ParseUint(query.Get("min_sequence"), 10, 64)
	if err != nil {
		return nil, err
	}
	id, err := uuid.Parse(query.Get("order_id"))
	if err != nil {
		id, err = uuid.Parse(r.URL.Path[len("/v1/orders/"):])
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{}, a.seen.await(r.Context(), id, sequence)
}

func toCommand(r *http.Request) (order.Command, error) {
	var b body
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var items []order.Item
	for _, i := range b.Items {
		items = append(items, order.Item{SKU: i.SKU, Quantity: i.Quantity, UnitPrice: i.UnitPrice})
	}
	if r.URL.Path == "/v1/orders" {
		return order.CreateOrder{OrderID: b.OrderID, CustomerID: b.CustomerID, Currency: order.Currency(b.Currency), Items: items}, nil
	}
	const prefix = len("/v1/orders/")
	if len(r.URL.Path) < prefix+37 {
		return nil, fmt.Errorf("no such route: %s", r.URL.Path)
	}
	id, err := uuid.Parse(r.URL.Path[prefix : prefix+36])
	switch action := r.URL.Path[prefix+37:]; action {
	case "items":
		return order.UpdateItems{OrderID: id, Items: items}, err
	case "confirm":
		return order.ConfirmOrder{OrderID: id, PaymentReference: b.PaymentReference}, err
	case "ship":
		return order.ShipOrder{OrderID: id, Carrier: b.Carrier, TrackingNumber: b.TrackingNumber}, err
	case "deliver":
		return order.DeliverOrder{OrderID: id}, err
	default:
		return nil, fmt.Errorf("no such command: %s", action)
	}
}

// The service over HTTP does the same work.
func TestRemote_KeepsEveryRow(t *testing.T) {
	t.Parallel()
	if os.Getenv(postgresVariable) == "" {
		t.Skipf("%s names no server", postgresVariable)
	}
	remote := startRemote(t, "watermill-sql") // it checks its rows when it ends
	answers, views, err := remote.Latencies(t.Context(), 3*pace.AtOnce, 1000)
	if err != nil || len(answers) != 3*pace.AtOnce || len(views) == 0 {
		t.Errorf("%d answers, %d views, %v", len(answers), len(views), err)
	}
}
