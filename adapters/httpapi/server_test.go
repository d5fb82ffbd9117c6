package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// running is a server on a port of its own.
type running struct {
	url    string
	client *http.Client
	stop   context.CancelFunc
	ended  chan error
}

func start(t *testing.T, config apiConfig) *running {
	t.Helper()
	var err error
	if config.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	server, err := config.server()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	transport := &http.Transport{}
	r := &running{client: &http.Client{Transport: transport}, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- server.Run(ctx) }()
	r.url = "http://" + config.Listener.Addr().String()
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
	})
	return r
}

func (r *running) wait(t *testing.T) {
	t.Helper()
	r.client.CloseIdleConnections()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func (r *running) send(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

func TestServer_serves(t *testing.T) {
	t.Parallel()
	server := start(t, newShop().config())
	answer, body := server.send(t, http.MethodPost, "/v1/orders", creation)
	if answer.StatusCode != http.StatusCreated || answer.Header.Get("ETag") != `"1"` {
		t.Errorf("status %d, ETag %s: %s", answer.StatusCode, answer.Header.Get("ETag"), body)
	}
	answer, body = server.send(t, http.MethodGet, answer.Header.Get("Location"), "")
	var order struct{ Total int }
	if err := json.Unmarshal([]byte(body), &order); err != nil || answer.StatusCode != http.StatusOK || order.Total != 2500 {
		t.Errorf("status %d, %v: %s", answer.StatusCode, err, body)
	}
	server.stop()
	server.wait(t)
}

func TestServer_stop_finishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	shop := newShop()
	arrived, release := make(chan struct{}), make(chan struct{})
	real := newShop()
	shop.handle = func(ctx context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		close(arrived)
		<-release
		if err := ctx.Err(); err != nil {
			return ports.CommandResult[order.Event]{}, err
		}
		return real.Handle(ctx, r)
	}
	server := start(t, shop.config())
	type outcome struct {
		status int
		body   string
	}
	answered := make(chan outcome, 1)
	go func() {
		answer, body := server.send(t, http.MethodPost, "/v1/orders", creation)
		answered <- outcome{answer.StatusCode, body}
	}()
	<-arrived
	server.stop()
	refused(t, server.url)
	select {
	case err := <-server.ended:
		t.Fatalf("ended with a request in flight: %v", err)
	default:
	}
	close(release)
	if got := <-answered; got.status != http.StatusCreated {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	server.wait(t)
}

// refused returns when the server takes no more connections.
func refused(t *testing.T, url string) {
	t.Helper()
	for {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return
		}
		_ = connection.Close()
	}
}

func TestServer_stop_cutsOffWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	shop := newShop()
	arrived := make(chan struct{})
	shop.events = func(ctx context.Context, _ uuid.UUID) ([]projection.Event, error) {
		close(arrived)
		<-ctx.Done()
		return nil, fmt.Errorf("order: %w", ctx.Err())
	}
	config := shop.config()
	config.ShutdownTimeout = time.Millisecond
	server := start(t, config)
	answered := make(chan string, 1)
	go func() {
		answer, body := server.send(t, http.MethodGet, "/v1/orders/"+orderID+"/events", "")
		answered <- fmt.Sprint(answer.StatusCode, body)
	}()
	<-arrived
	server.stop()
	if got := <-answered; !strings.HasPrefix(got, "503") || !strings.Contains(got, `"code":"shutting_down"`) {
		t.Errorf("answered %s", got)
	}
	server.wait(t)
}

// Clients that wait for something that will not come any more are told at once, and delay nothing.
func TestServer_stop_endsWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, path string
		wrap         func(error) error
	}{
		"for an order":                     {http.MethodGet, "/v1/orders/" + orderID + "?min_sequence=1&timeout=30s", nil},
		"for a list":                       {http.MethodGet, "/v1/orders?status=ACTIVE&order_id=" + orderID + "&min_sequence=1&timeout=30s", nil},
		"of a store that calls it an away": {http.MethodGet, "/v1/orders/" + orderID + "?min_sequence=1&timeout=30s", func(err error) error { return fmt.Errorf("%w: %w", ports.ErrUnavailable, err) }},
		"for a verification":               {http.MethodPost, "/v1/verify?patience=10m", nil},
		"for a repair":                     {http.MethodPost, "/v1/verify/repair", nil},
		"for a verification of the topic":  {http.MethodPost, "/v1/verify/topic", nil},
		"for what is parked":               {http.MethodPost, "/v1/consumers/" + kept + "/retry-parked", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop, k := newShop(), &keeper{parked: parkedOrders(2)}
			arrived := make(chan struct{})
			wait := func(ctx context.Context) error {
				close(arrived)
				<-ctx.Done()
				if test.wrap != nil {
					return test.wrap(ctx.Err())
				}
				return ctx.Err()
			}
			shop.order = func(ctx context.Context, _ uuid.UUID, _ uint64, _ time.Duration) (projection.Row, error) {
				return nil, wait(ctx)
			}
			shop.await = func(ctx context.Context, _ string, _ uuid.UUID, _ uint64, _ time.Duration) error { return wait(ctx) }
			shop.verify = func(ctx context.Context, _ time.Duration) (ports.VerifyReport, error) {
				return ports.VerifyReport{}, wait(ctx)
			}
			shop.repair = shop.verify
			shop.verifyTopic = func(ctx context.Context, _ ports.TopicOptions) (ports.TopicReport, error) {
				return ports.TopicReport{}, wait(ctx)
			}
			k.retryIn = wait
			config := shop.config()
			config.Parked = k
			config.ShutdownTimeout = time.Hour
			server := start(t, config)
			answered := make(chan string, 1)
			go func() {
				answer, body := server.send(t, test.method, test.path, "")
				answered <- fmt.Sprint(answer.StatusCode, answer.Header.Get("Retry-After"), body)
			}()
			<-arrived
			server.stop()
			got := <-answered
			if !strings.HasPrefix(got, "5031") || !strings.Contains(got, `"code":"shutting_down"`) {
				t.Errorf("answered %s", got)
			}
			if reads := test.method == http.MethodGet; reads != strings.Contains(got, "the service is shutting down; ask again") {
				t.Errorf("answered %s", got)
			}
			server.wait(t)
		})
	}
}

func TestServer_stop_reportsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	shop := newShop()
	arrived, release, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		defer close(left)
		close(arrived)
		<-release
		return ports.CommandResult[order.Event]{}, nil
	}
	config := shop.config()
	config.ShutdownTimeout = time.Millisecond
	server := start(t, config)
	failed := make(chan error, 1)
	go func() {
		answer, err := server.client.Post(server.url+"/v1/orders", "application/json", strings.NewReader(creation))
		if err == nil {
			_ = answer.Body.Close()
		}
		failed <- err
	}()
	<-arrived
	server.stop()
	if err := <-server.ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v, want the deadline of the shutdown", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	close(release)
	<-left
}

func TestServer_bodyThatDoesNotArrive_timesOut(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.ReadTimeout = 50 * time.Millisecond
	server := start(t, config)
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{", len(creation))
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), `"code":"body_timeout"`) {
		t.Errorf("status %d, %v: %s", answer.StatusCode, err, body)
	}
	_ = answer.Body.Close()
	server.stop()
	server.wait(t)
}

func TestServer_bodyTooLarge(t *testing.T) {
	t.Parallel()
	server := start(t, newShop().config())
	answer, body := server.send(t, http.MethodPost, "/v1/orders", creating(strings.Repeat(" ", 1<<20)))
	if answer.StatusCode != http.StatusRequestEntityTooLarge || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d: %s", answer.StatusCode, body)
	}
	server.stop()
	server.wait(t)
}

func TestServer_runsOnce(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := newShop().config()
	config.Listener = listener
	server, err := config.server()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if err := server.Run(ctx); err == nil {
		t.Error("ran twice")
	}
	stop()
	http.DefaultClient.CloseIdleConnections()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestServer_endsWithItsListener(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	config := newShop().config()
	config.Listener = listener
	server, err := config.server()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v, want net.ErrClosed", err)
	}
}

func TestNew_refusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	whole := newShop().config()
	for name, change := range map[string]func(*apiConfig){
		"no commands":        func(c *apiConfig) { c.Commands = nil },
		"no codec":           func(c *apiConfig) { c.Codec = nil },
		"a negative limit":   func(c *apiConfig) { c.MaxBodyBytes = -1 },
		"a negative timeout": func(c *apiConfig) { c.IdleTimeout = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := whole
			change(&config)
			if _, err := config.server(); err == nil {
				t.Error("accepted")
			}
		})
	}
}
