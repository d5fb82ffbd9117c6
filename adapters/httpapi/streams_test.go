package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// streams is a fake of the streams.
type streams struct {
	one func(ctx context.Context, aggregateType string, id uuid.UUID, after uint64) (ports.EventStream, error)
	all func(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error)
}

func (s *streams) StreamOne(
	ctx context.Context, aggregateType string, id uuid.UUID, after uint64,
) (ports.EventStream, error) {
	if s.one == nil {
		return nil, ports.ErrNotFound
	}
	return s.one(ctx, aggregateType, id, after)
}

func (s *streams) StreamAll(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error) {
	if s.all == nil {
		return nil, ports.ErrUnavailable
	}
	return s.all(ctx, request)
}

// script is a stream that has some pages, and then fails, or waits when err is nil.
type script struct {
	pages  []ports.StreamPage
	err    error
	more   chan ports.StreamPage
	mu     sync.Mutex
	closed bool
}

func (s *script) Next(ctx context.Context) (ports.StreamPage, error) {
	if len(s.pages) > 0 {
		page := s.pages[0]
		s.pages = s.pages[1:]
		return page, nil
	}
	if s.err != nil {
		return ports.StreamPage{}, s.err
	}
	select {
	case page := <-s.more:
		return page, nil
	case <-ctx.Done():
		return ports.StreamPage{}, ctx.Err()
	}
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *script) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

var streamed = uuid.MustParse("018f4e9a-0000-7000-8000-000000000001")

func streamEvent(sequence uint64, id string) ports.StreamEvent {
	return ports.StreamEvent{ID: id, Record: eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "order", EventID: streamed, AggregateID: streamed, SequenceNumber: sequence, CreatedAt: noon,
		},
		EventType: "order.confirmed", EventVersion: 1, Payload: []byte(`{"n":1}`),
	}}
}

// streaming is the configuration of an API whose streams are scripts.
func streaming(open func(after string, request ports.StreamRequest) (ports.EventStream, error)) apiConfig {
	config := newShop().config()
	config.streams.Streams = &streams{
		one: func(_ context.Context, _ string, _ uuid.UUID, after uint64) (ports.EventStream, error) {
			return open(fmt.Sprint(after), ports.StreamRequest{})
		},
		all: func(_ context.Context, request ports.StreamRequest) (ports.EventStream, error) {
			return open(request.After, request)
		},
	}
	return config
}

func always(s ports.EventStream) func(string, ports.StreamRequest) (ports.EventStream, error) {
	return func(string, ports.StreamRequest) (ports.EventStream, error) { return s, nil }
}

const cloudEvent = `{"specversion":"1.0","id":"018f4e9a-0000-7000-8000-000000000001","source":"/orderflow","type":"order.confirmed",` +
	`"subject":"018f4e9a-0000-7000-8000-000000000001","time":"2026-03-01T12:00:00.000Z","sequence":"%020d","eventversion":1,` +
	`"aggregatetype":"order","datacontenttype":"application/json","data":{"n":1}}`

func pages() []ports.StreamPage {
	return []ports.StreamPage{
		{Reset: &ports.StreamReset{Reason: ports.ResetExpired, From: "a", To: "b", Until: noon}, After: "b"},
		{Events: []ports.StreamEvent{streamEvent(1, "c"), streamEvent(2, "d")}, CaughtUp: true, After: "e"},
		{Reset: &ports.StreamReset{Reason: ports.ResetUnreadable, AggregateID: streamed, SequenceNumber: 3, From: "e", To: "f"}, After: "f"},
		{Events: []ports.StreamEvent{streamEvent(4, "g")}, After: "g"},
	}
}

func TestStream_framesOfServerSentEvents(t *testing.T) {
	t.Parallel()
	s := &script{pages: pages(), err: ports.ErrUnavailable}
	answer := do(t, handlerOf(t, streaming(always(s))), request{method: http.MethodGet, path: "/v1/stream"})
	want := "retry: 2000\n\n" +
		"event: reset\ndata: {\"reason\":\"expired\",\"from\":\"a\",\"to\":\"b\",\"until\":\"2026-03-01T12:00:00.000Z\"}\n\n" +
		"event: event\nid: c\ndata: " + fmt.Sprintf(cloudEvent, 1) + "\n\n" +
		"event: event\nid: d\ndata: " + fmt.Sprintf(cloudEvent, 2) + "\n\n" +
		"event: caught-up\ndata: {\"id\":\"e\"}\n\n" +
		"id: e\n\n" +
		"event: reset\ndata: {\"reason\":\"unreadable\",\"from\":\"e\",\"to\":\"f\"," +
		"\"aggregate_id\":\"018f4e9a-0000-7000-8000-000000000001\",\"sequence_number\":3}\n\n" +
		"event: event\nid: g\ndata: " + fmt.Sprintf(cloudEvent, 4) + "\n\n" +
		"event: end\ndata: {\"reason\":\"error\",\"code\":\"unavailable\"," +
		"\"detail\":\"a part of the service does not answer, and nothing happened; try again after a pause\"}\n\n"
	if got := answer.Body.String(); got != want {
		t.Errorf("the stream is\n%s\nwant\n%s", got, want)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "",
	} {
		if got := answer.Header().Get(name); got != want {
			t.Errorf("%s: %s, want %q", name, got, want)
		}
	}
	if !s.isClosed() {
		t.Error("the stream was not closed")
	}
}

func TestStream_framesOfLines(t *testing.T) {
	t.Parallel()
	s := &script{pages: pages(), err: ports.ErrCorrupt}
	answer := do(t, handlerOf(t, streaming(always(s))),
		request{method: http.MethodGet, path: "/v1/stream"}.with("Accept", "application/x-ndjson"))
	want := `{"event":"reset","data":{"reason":"expired","from":"a","to":"b","until":"2026-03-01T12:00:00.000Z"}}` + "\n" +
		`{"event":"event","id":"c","data":` + fmt.Sprintf(cloudEvent, 1) + "}\n" +
		`{"event":"event","id":"d","data":` + fmt.Sprintf(cloudEvent, 2) + "}\n" +
		`{"event":"caught-up","data":{"id":"e"}}` + "\n" +
		`{"event":"place","id":"e"}` + "\n" +
		`{"event":"reset","data":{"reason":"unreadable","from":"e","to":"f","aggregate_id":"018f4e9a-0000-7000-8000-000000000001","sequence_number":3}}` + "\n" +
		`{"event":"event","id":"g","data":` + fmt.Sprintf(cloudEvent, 4) + "}\n" +
		`{"event":"end","data":{"reason":"error","code":"corrupt_data","detail":"stored data cannot be read; the log of the service says more"}}` + "\n"
	if got := answer.Body.String(); got != want {
		t.Errorf("the stream is\n%s\nwant\n%s", got, want)
	}
}

func TestStream_theFormatIsWhatTheClientAsksFor(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "text/event-stream", "*/*": "text/event-stream", "text/event-stream": "text/event-stream", "text/html": "text/event-stream",
		"application/x-ndjson": "application/x-ndjson", "application/x-ndjson, text/event-stream": "application/x-ndjson",
		"text/event-stream, application/x-ndjson": "text/event-stream",
	} {
		answer := do(t, handlerOf(t, streaming(always(&script{err: ports.ErrClosed}))),
			request{method: http.MethodGet, path: "/v1/stream"}.with("Accept", accept))
		if got := answer.Header().Get("Content-Type"); got != want {
			t.Errorf("Accept %q: %s, want %s", accept, got, want)
		}
	}
}

func TestStream_whereItStarts(t *testing.T) {
	t.Parallel()
	one := "/v1/orders/" + streamed.String() + "/stream"
	for _, test := range []struct {
		path, header string
		after        string
		earliest     bool
	}{
		{one, "", "0", false},
		{one + "?last_event_id=3", "", "3", false},
		{one + "?last_event_id=3", "7", "7", false},
		{one, "7", "7", false},
		{"/v1/stream", "", "", false},
		{"/v1/stream?from=now", "", "", false},
		{"/v1/stream?from=earliest", "", "", true},
		{"/v1/stream?last_event_id=Ab_-1", "", "Ab_-1", false},
		{"/v1/stream?last_event_id=Ab_-1", "xyz", "xyz", false},
	} {
		var after string
		var asked ports.StreamRequest
		handler := handlerOf(t, streaming(func(a string, request ports.StreamRequest) (ports.EventStream, error) {
			after, asked = a, request
			return &script{err: ports.ErrClosed}, nil
		}))
		r := request{method: http.MethodGet, path: test.path}
		if test.header != "" {
			r = r.with("Last-Event-Id", test.header)
		}
		if answer := do(t, handler, r); answer.Code != http.StatusOK || after != test.after || asked.Earliest != test.earliest {
			t.Errorf("%s with %q: status %d, after %q, %+v", test.path, test.header, answer.Code, after, asked)
		}
	}
}

func TestStream_filters(t *testing.T) {
	t.Parallel()
	var asked ports.StreamRequest
	handler := handlerOf(t, streaming(func(_ string, request ports.StreamRequest) (ports.EventStream, error) {
		asked = request
		return &script{err: ports.ErrClosed}, nil
	}))
	do(t, handler, request{
		method: http.MethodGet, path: "/v1/stream?type=order.created,order.shipped&status=ACTIVE&customer=ann&sku=A-1",
	})
	want := ports.StreamRequest{
		Types: []string{"order.created", "order.shipped"},
		By:    []ports.StreamFilter{{Property: "status", Key: "ACTIVE"}, {Property: "customer", Key: "ann"}, {Property: "sku", Key: "A-1"}},
	}
	if fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked for %+v, want %+v", asked, want)
	}
}

// A browser stops for good at any status but 200, as it should when its id is wrong.
func TestStream_refusals(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, streaming(func(after string, _ ports.StreamRequest) (ports.EventStream, error) {
		if after == "9" || after == "foreign" {
			return nil, ports.ErrBadCursor
		}
		return nil, ports.ErrUnavailable
	}))
	one := "/v1/orders/" + streamed.String() + "/stream"
	for _, test := range []struct {
		path, header string
		status       int
		code         string
	}{
		{one + "?last_event_id=9", "", 400, "bad_cursor"},
		{one + "?last_event_id=-1", "", 400, "bad_cursor"},
		{one + "?last_event_id=99999999999999999999", "", 400, "bad_cursor"},
		{one, "x", 400, "bad_cursor"},
		{one, "1.5", 400, "bad_cursor"},
		{"/v1/orders/no-id/stream", "", 400, "invalid_parameter"},
		{one, "", 503, "unavailable"},
		{"/v1/stream?last_event_id=foreign", "", 400, "bad_cursor"},
		{"/v1/stream?last_event_id=%20", "", 400, "bad_cursor"},
		{"/v1/stream?last_event_id=" + strings.Repeat("a", 200), "", 400, "bad_cursor"},
		{"/v1/stream?from=yesterday", "", 400, "invalid_parameter"},
		{"/v1/stream?status=UNKNOWN", "", 400, "invalid_parameter"},
		{"/v1/stream?type=a,,b", "", 400, "invalid_parameter"},
		{"/v1/stream?colour=red", "", 400, "invalid_parameter"},
	} {
		r := request{method: http.MethodGet, path: test.path}
		if test.header != "" {
			r = r.with("Last-Event-Id", test.header)
		}
		answer := do(t, handler, r)
		if p := problemIn(t, answer); answer.Code != test.status || p.Code != test.code {
			t.Errorf("%s with %q: status %d, %s; want %d, %s", test.path, test.header, answer.Code, p.Code, test.status, test.code)
		}
	}
}

func TestParameters_sayWhichValuesThereAre(t *testing.T) {
	t.Parallel()
	answer := do(t, handlerOf(t, newShop().config()), request{method: http.MethodGet, path: "/v1/stream?from=yesterday"})
	if p := problemIn(t, answer); p.Detail != "from must be one of now earliest" {
		t.Errorf("detail %q", p.Detail)
	}
}

func TestStream_headHasNoBody(t *testing.T) {
	t.Parallel()
	answer := do(t, handlerOf(t, streaming(always(&script{}))), request{method: http.MethodHead, path: "/v1/stream"})
	if answer.Code != http.StatusOK || answer.Body.Len() > 0 || answer.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("status %d, %d bytes", answer.Code, answer.Body.Len())
	}
}

// pipes is a listener whose connections are in memory, so that a test has the time of its bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes {
	return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

// dial connects a client.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.accepted <- server
	return client
}

// connection is a client that has sent a request for a stream.
type connection struct {
	net.Conn
	body *bufio.Reader
}

// get requests a stream, and reads the headers.
func (p *pipes) get(t *testing.T, path string, headers ...string) connection {
	t.Helper()
	conn := p.dial()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, strings.Join(headers, "")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d", answer.StatusCode)
	}
	return connection{conn, bufio.NewReader(answer.Body)}
}

// until reads up to a line.
func (c connection) until(t *testing.T, line string) (before string) {
	t.Helper()
	for {
		text, err := c.body.ReadString('\n')
		if err != nil {
			t.Fatalf("%v before %q, after %q", err, line, before)
		}
		if strings.TrimSpace(text) == line {
			return before
		}
		before += text
	}
}

// serveStreams runs a server in a bubble of synctest.
func serveStreams(t *testing.T, config func() apiConfig, test func(t *testing.T, p *pipes, stop func() error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		whole := config()
		whole.Listener = p
		server, err := whole.server()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		stop := sync.OnceValue(func() error {
			cancel()
			return <-ended
		})
		test(t, p, stop)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// The timeouts of the server are for other requests.
func TestStream_outlivesTheTimeoutsOfTheServer(t *testing.T) {
	t.Parallel()
	var more chan ports.StreamPage
	serveStreams(t, func() apiConfig {
		more = make(chan ports.StreamPage)
		return streaming(always(&script{more: more}))
	}, func(t *testing.T, p *pipes, _ func() error) {
		c := p.get(t, "/v1/stream")
		c.until(t, "retry: 2000")
		began := time.Now()
		for range 20 { // WriteTimeout is a minute, and RequestTimeout 45 seconds
			c.until(t, ": ping")
		}
		if waited := time.Since(began); waited != 20*15*time.Second {
			t.Errorf("20 pings in %s", waited)
		}
		more <- ports.StreamPage{Events: []ports.StreamEvent{streamEvent(1, "a")}, After: "a"}
		c.until(t, "id: a")
		_ = c.Close()
	})
}

// The id after events that did not pass the filters comes with the next ping. It is no frame.
func TestStream_movesThePlaceOfASilentClient(t *testing.T) {
	t.Parallel()
	var more chan ports.StreamPage
	serveStreams(t, func() apiConfig {
		more = make(chan ports.StreamPage)
		return streaming(always(&script{more: more}))
	}, func(t *testing.T, p *pipes, _ func() error) {
		c := p.get(t, "/v1/stream?status=SHIPPED")
		c.until(t, "retry: 2000")
		for _, after := range []string{"a", "b", "c"} {
			more <- ports.StreamPage{After: after}
		}
		if before := c.until(t, ": ping"); before != "\nid: c\n\n" {
			t.Errorf("before the ping: %q", before)
		}
		if before := c.until(t, ": ping"); before != "\n" {
			t.Errorf("before the next ping: %q", before)
		}
		_ = c.Close()
	})
}

// A client that takes nothing is cut off after 30 seconds. Another one does not notice.
func TestStream_slowClient(t *testing.T) {
	t.Parallel()
	var slow, fast *script
	registry := prometheus.NewRegistry()
	config := func() apiConfig {
		slow, fast = &script{more: make(chan ports.StreamPage, 1)}, &script{more: make(chan ports.StreamPage)}
		config := streaming(func(after string, _ ports.StreamRequest) (ports.EventStream, error) {
			if after == "slow" {
				return slow, nil
			}
			return fast, nil
		})
		config.streams.Registerer = registry
		return config
	}
	serveStreams(t, config, func(t *testing.T, p *pipes, _ func() error) {
		s, f := p.get(t, "/v1/stream?last_event_id=slow"), p.get(t, "/v1/stream")
		s.until(t, "retry: 2000")
		f.until(t, "retry: 2000")
		page := ports.StreamPage{After: "x"}
		for n := range uint64(200) {
			page.Events = append(page.Events, streamEvent(n+1, "x"))
		}
		arrived := make(chan struct{})
		go func() { // it reads all the time
			defer close(arrived)
			f.until(t, "id: a")
		}()
		slow.more <- page
		time.Sleep(29 * time.Second)
		if slow.isClosed() {
			t.Error("the slow client was cut off too early")
		}
		time.Sleep(2 * time.Second)
		if !slow.isClosed() {
			t.Error("the slow client was not cut off")
		}
		fast.more <- ports.StreamPage{Events: []ports.StreamEvent{streamEvent(1, "a")}, After: "a"}
		<-arrived
		if got := figure(t, registry, "orderflow_stream_slow_ends_total"); got != 1 {
			t.Errorf("%g slow ends were counted", got)
		}
		if got := figure(t, registry, "orderflow_streams_open"); got != 1 {
			t.Errorf("%g open streams were counted", got)
		}
		_, _ = s.Close(), f.Close()
	})
}

// figure returns the sum over a metric.
func figure(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// A stop ends streams at once, also those whose client takes nothing.
func TestStream_endsWithTheServer(t *testing.T) {
	t.Parallel()
	config := func() apiConfig {
		return streaming(func(after string, _ ports.StreamRequest) (ports.EventStream, error) {
			if after != "slow" {
				return &script{}, nil
			}
			page := ports.StreamPage{After: "x"}
			for n := range uint64(200) {
				page.Events = append(page.Events, streamEvent(n+1, "x"))
			}
			return &script{pages: []ports.StreamPage{page}}, nil
		})
	}
	serveStreams(t, config, func(t *testing.T, p *pipes, stop func() error) {
		c, slow := p.get(t, "/v1/stream"), p.get(t, "/v1/stream?last_event_id=slow")
		c.until(t, "retry: 2000")
		slow.until(t, "retry: 2000")
		synctest.Wait() // the slow one is blocked
		began := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		rest, err := io.ReadAll(c.body)
		if err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the stream ended %s after the server began to stop", took)
		}
		if text := string(rest); !strings.HasPrefix(text, "\nretry: ") || !strings.HasSuffix(text, "event: end\ndata: {\"reason\":\"shutdown\"}\n\n") {
			t.Errorf("the end of the stream is %q", text)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the server stopped after %s", took)
		}
		_, _ = c.Close(), slow.Close()
	})
}

func TestStream_limits(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	config := func() apiConfig {
		config := streaming(func(string, ports.StreamRequest) (ports.EventStream, error) { return &script{}, nil })
		config.streams.MostStreams, config.streams.MostOfClient, config.streams.Registerer = 5, 3, registry
		return config
	}
	synctest.Test(t, func(t *testing.T) {
		handler := handlerOf(t, config())
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		open := func(address string) {
			r := request{method: http.MethodGet, path: "/v1/stream"}.http(ctx)
			r.RemoteAddr = address
			group.Go(func() { handler.ServeHTTP(sinkhole{http.Header{}}, r) })
			synctest.Wait()
		}
		refused := func(address string) bool {
			r := request{method: http.MethodGet, path: "/v1/stream"}.http(ctx)
			r.RemoteAddr = address
			done := make(chan sinkhole, 1)
			go func() {
				w := sinkhole{http.Header{}}
				handler.ServeHTTP(w, r)
				done <- w
			}()
			synctest.Wait()
			select {
			case w := <-done:
				return w.header.Get("Retry-After") != ""
			default:
				group.Go(func() { <-done })
				return false
			}
		}
		for _, address := range []string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"} {
			open(address)
		}
		if !refused("10.0.0.1:4") {
			t.Error("a client has more streams than it may")
		}
		open("10.0.0.2:1")
		if refused("[::1]:1") {
			t.Error("the last stream of the process is refused")
		}
		if !refused("10.0.0.3:1") {
			t.Error("the process has more streams than it may")
		}
		cancel()
		group.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		for _, address := range []string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"} {
			if refused(address) {
				t.Error("the streams that have ended still count")
			}
		}
		cancel()
		group.Wait()
		if got := figure(t, registry, "orderflow_stream_refused_total"); got != 2 {
			t.Errorf("%g refusals were counted, want 2", got)
		}
	})
}

// sinkhole is a client that takes everything.
type sinkhole struct{ header http.Header }

func (d sinkhole) Header() http.Header         { return d.header }
func (d sinkhole) Write(b []byte) (int, error) { return len(b), nil }
func (d sinkhole) WriteHeader(int)             {}
func (d sinkhole) Flush()                      {}

// A client that leaves is no failure.
func TestStream_theClientLeaves(t *testing.T) {
	t.Parallel()
	s := &script{}
	serveStreams(t, func() apiConfig { return streaming(always(s)) }, func(t *testing.T, p *pipes, _ func() error) {
		c := p.get(t, "/v1/stream")
		c.until(t, "retry: 2000")
		_ = c.Close()
		synctest.Wait()
		if !s.isClosed() {
			t.Error("the stream of a client that has left is open")
		}
	})
}

func TestStream_resumesAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	config := streaming(func(after string, _ ports.StreamRequest) (ports.EventStream, error) {
		switch after {
		case "bad":
			return nil, ports.ErrBadCursor
		case "failed":
			return nil, errors.New("some failure")
		}
		return &script{pages: pages(), err: ports.ErrClosed}, nil
	})
	config.streams.Registerer = registry
	handler := handlerOf(t, config)
	for _, query := range []string{"", "?last_event_id=good", "?last_event_id=bad", "?last_event_id=failed", "?last_event_id=better"} {
		do(t, handler, request{method: http.MethodGet, path: "/v1/stream" + query})
	}
	for name, want := range map[string]float64{
		"orderflow_stream_resumes_total": 4, "orderflow_stream_resets_total": 6, "orderflow_stream_events_sent_total": 9,
	} {
		if got := figure(t, registry, name); got != want {
			t.Errorf("%s is %g, want %g", name, got, want)
		}
	}
}
