package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	eventEnvelope = projection.Event
	record        = eventsourcing.Record
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// numbered returns ids that count up from 1, for tests that look at them.
func numbered() func() uuid.UUID {
	var mu sync.Mutex
	var n byte
	return func() uuid.UUID {
		mu.Lock()
		defer mu.Unlock()
		n++
		return uuid.UUID{6: 0x70, 8: 0x80, 15: n}
	}
}

// codec renders events as plain JSON under made-up names.
type codec struct{}

func (codec) Encode(e projection.Event) (eventsourcing.Record, error) {
	payload, err := json.Marshal(e.Event)
	return eventsourcing.Record{Header: e.Header, EventType: fmt.Sprintf("%T", e.Event), EventVersion: 1, Payload: payload}, err
}

func (codec) Decode(eventsourcing.Record) (projection.Event, error) {
	return projection.Event{}, errors.New("the API does not decode")
}

// shop is a small order service in memory, behind the driving ports. If a field is not nil, it is
// called instead.
type shop struct {
	handle    func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error)
	order     func(context.Context, uuid.UUID, uint64, time.Duration) (projection.Row, error)
	orderAt   func(context.Context, uuid.UUID, ports.Moment) (projection.Row, error)
	events    func(context.Context, uuid.UUID) ([]projection.Event, error)
	list      func(ctx context.Context, table, key string, after ports.Cursor, limit int) (ports.RowPage, error)
	table     func(ctx context.Context, name string, after ports.Cursor, limit int) (ports.TablePage, error)
	consumers func(context.Context) []ports.ConsumerStatus
	verify    func(ctx context.Context, patience time.Duration) (ports.VerifyReport, error)
	await     func(ctx context.Context, table string, id uuid.UUID, sequence uint64, wait time.Duration) error
	repair    func(ctx context.Context, patience time.Duration) (ports.VerifyReport, error)
	explain   func(context.Context, uuid.UUID) (ports.Explanation, error)

	verifyTopic func(context.Context, ports.TopicOptions) (ports.TopicReport, error)

	newID func() uuid.UUID

	mu       sync.Mutex
	history  map[uuid.UUID][]eventsourcing.Envelope[order.Event]
	requests []ports.CommandRequest[order.Command]
}

func newShop() *shop {
	return &shop{history: map[uuid.UUID][]eventsourcing.Envelope[order.Event]{}, newID: numbered()}
}

func (s *shop) Handle(ctx context.Context, request ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
	if s.handle != nil {
		return s.handle(ctx, request)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	id := request.Command.AggregateID()
	history := s.history[id]
	var earlier []eventsourcing.Envelope[order.Event]
	for _, e := range history {
		if e.CommandID == request.CommandID {
			earlier = append(earlier, e)
		}
	}
	if len(earlier) > 0 {
		return ports.CommandResult[order.Event]{AggregateID: id, SequenceNumber: earlier[len(earlier)-1].SequenceNumber, Events: earlier}, nil
	}
	head := uint64(len(history))
	if want := request.ExpectedSequence; want != nil && *want != head {
		return ports.CommandResult[order.Event]{}, &ports.VersionConflictError{AggregateID: id, Expected: *want, Actual: head}
	}
	events, err := order.Decide(eventsourcing.Fold(order.Order{}, order.Evolve, history), request.Command)
	if err != nil {
		return ports.CommandResult[order.Event]{}, err
	}
	envelopes := eventsourcing.Stamp(eventsourcing.Cause{
		AggregateType: "order",
		AggregateID:   id, CommandID: request.CommandID, CorrelationID: request.CorrelationID, CausationID: request.CausationID,
		At: noon.Add(time.Duration(head) * time.Second),
	}, head, events, s.newID)
	s.history[id] = append(history, envelopes...)
	return ports.CommandResult[order.Event]{AggregateID: id, SequenceNumber: uint64(len(s.history[id])), Events: envelopes}, nil
}

func (s *shop) Row(ctx context.Context, id uuid.UUID, minSequence uint64, wait time.Duration) (projection.Row, error) {
	if s.order != nil {
		return s.order(ctx, id, minSequence, wait)
	}
	return s.row(id, func(projection.Event) bool { return true })
}

func (s *shop) RowAt(ctx context.Context, id uuid.UUID, moment ports.Moment) (projection.Row, error) {
	if s.orderAt != nil {
		return s.orderAt(ctx, id, moment)
	}
	return s.row(id, func(e projection.Event) bool {
		return e.SequenceNumber <= moment.SequenceNumber || moment.SequenceNumber == 0 && !e.CreatedAt.After(moment.Time)
	})
}

func (s *shop) row(id uuid.UUID, when func(projection.Event) bool) (projection.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	past := slices.DeleteFunc(eventsourcing.UntypedAll(s.history[id]), func(e projection.Event) bool { return !when(e) })
	if len(past) == 0 {
		return nil, ports.ErrNotFound
	}
	step, err := views.OrderReadModel().Advance(nil, past)
	if err != nil {
		return nil, err
	}
	return step.Put[0], nil
}

func (s *shop) Events(ctx context.Context, id uuid.UUID, after uint64, limit int) (ports.EventPage, error) {
	if s.events != nil {
		all, err := s.events(ctx, id)
		part, more := partOf(all, after, limit)
		return ports.EventPage{Events: part, More: more}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.history[id]) == 0 {
		return ports.EventPage{}, fmt.Errorf("order %s: %w", id, ports.ErrNotFound)
	}
	part, more := partOf(eventsourcing.UntypedAll(s.history[id]), after, limit)
	return ports.EventPage{Events: part, More: more}, nil
}

// partOf returns at most limit entries after a number of them, and whether there are more.
func partOf[T any](all []T, after uint64, limit int) (part []T, more bool) {
	part = all[min(after, uint64(len(all))):]
	return part[:min(limit, len(part))], len(part) > limit
}

func (s *shop) Await(ctx context.Context, table string, id uuid.UUID, sequence uint64, wait time.Duration) error {
	if s.await != nil {
		return s.await(ctx, table, id, sequence, wait)
	}
	return nil
}

func (s *shop) List(ctx context.Context, table, key string, after ports.Cursor, limit int) (ports.RowPage, error) {
	if s.list != nil {
		return s.list(ctx, table, key, after, limit)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var page ports.RowPage
	for _, p := range views.All() {
		for _, id := range slices.SortedFunc(maps.Keys(s.history), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) {
			step, err := p.Advance(nil, eventsourcing.UntypedAll(s.history[id]))
			if err != nil {
				return ports.RowPage{}, err
			}
			for _, row := range step.Put {
				if p.Table.Name == table && row[0] == key {
					page.Rows = append(page.Rows, row)
				}
			}
		}
	}
	return page, nil
}

func (s *shop) Names() []string { return []string{"event_store", "order_read_model"} }

func (s *shop) Table(ctx context.Context, name string, after ports.Cursor, limit int) (ports.TablePage, error) {
	if s.table != nil {
		return s.table(ctx, name, after, limit)
	}
	return ports.TablePage{}, ports.ErrNotFound
}

func (s *shop) Consumers(ctx context.Context) []ports.ConsumerStatus {
	if s.consumers != nil {
		return s.consumers(ctx)
	}
	return nil
}

// Progress has done 300 of 1,000 aggregates in the last three seconds.
func (s *shop) Progress() ports.VerifyProgress {
	return ports.VerifyProgress{
		Running: true, Phase: ports.VerifyEvents, Done: 300, Total: 1000,
		StartedAt: noon.Add(-5 * time.Second), PhaseStartedAt: noon.Add(-3 * time.Second),
	}
}

func (s *shop) Verify(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	if s.verify != nil {
		return s.verify(ctx, patience)
	}
	return ports.VerifyReport{}, nil
}

func (s *shop) VerifyTopic(ctx context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
	if s.verifyTopic != nil {
		return s.verifyTopic(ctx, options)
	}
	return ports.TopicReport{}, nil
}

func (s *shop) Repair(ctx context.Context, patience time.Duration) (ports.VerifyReport, error) {
	if s.repair != nil {
		return s.repair(ctx, patience)
	}
	return ports.VerifyReport{}, nil
}

func (s *shop) Explain(ctx context.Context, id uuid.UUID, after uint64, limit int) (ports.Explanation, error) {
	if s.explain != nil {
		explanation, err := s.explain(ctx, id)
		explanation.Events, explanation.More = partOf(explanation.Events, after, limit)
		return explanation, err
	}
	return ports.Explanation{}, fmt.Errorf("explain order %s: %w", id, ports.ErrNotFound)
}

// request is one request of a test.
type request struct {
	method, path, body string
	header             http.Header // canonical names
}

func (r request) with(name, value string) request {
	r.header = r.header.Clone()
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Add(name, value)
	return r
}

func get(path string) request        { return request{method: http.MethodGet, path: path} }
func post(path, body string) request { return request{method: http.MethodPost, path: path, body: body} }

func put(path, body string) request { return request{method: http.MethodPut, path: path, body: body} }

func (r request) http(ctx context.Context) *http.Request {
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	made := httptest.NewRequestWithContext(ctx, r.method, r.path, body)
	if r.body != "" {
		made.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(made.Header, r.header)
	return made
}

// do sends a request to a handler and returns the answer, after it has checked what is true of
// every answer.
func do(t testing.TB, handler http.Handler, r request) *httptest.ResponseRecorder {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r.http(context.Background()))
	checkAnswer(t, recorder)
	checkDescribed(t, r, recorder)
	return recorder
}

func checkAnswer(t testing.TB, answer *httptest.ResponseRecorder) {
	t.Helper()
	media := answer.Header().Get("Content-Type")
	if answer.Code >= 400 {
		p := problemIn(t, answer)
		if media != "application/problem+json" || p.Status != answer.Code || p.Type != "urn:orderflow:problem:"+p.Code ||
			p.Title == "" || p.Detail == "" || p.Code == "" {
			t.Errorf("status %d, %s: no proper problem: %s", answer.Code, media, answer.Body)
		}
	}
	if retry := answer.Header().Get("Retry-After"); (retry != "") != (answer.Code == http.StatusServiceUnavailable) {
		t.Errorf("status %d with Retry-After %q", answer.Code, retry)
	}
}

// problemDocument is a problem as a client sees it.
type problemDocument struct {
	Type, Title, Code, Detail string
	Status                    int
	Errors                    []struct{ Field, Message string }
	OrderID                   string `json:"order_id"`
	CommandID                 string `json:"command_id"`
	Expected, Actual          *uint64
}

func problemIn(t testing.TB, answer *httptest.ResponseRecorder) problemDocument {
	t.Helper()
	return bodyOf[problemDocument](t, answer)
}

func bodyOf[T any](t testing.TB, answer *httptest.ResponseRecorder) T {
	t.Helper()
	var document T
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
		t.Fatalf("body of status %d: %v: %q", answer.Code, err, answer.Body)
	}
	return document
}

// wantProblem checks status and code, and the field that is named unless that is "".
func wantProblem(t testing.TB, answer *httptest.ResponseRecorder, status int, code, field string) problemDocument {
	t.Helper()
	if answer.Code != status {
		t.Fatalf("status %d, want %d: %s", answer.Code, status, answer.Body)
	}
	p := problemIn(t, answer)
	if p.Code != code && code != "" {
		t.Errorf("code %q, want %q: %s", p.Code, code, answer.Body)
	}
	if field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != field) {
		t.Errorf("errors %v, want the first to be about %s", p.Errors, field)
	}
	return p
}

func wantStatus(t testing.TB, answer *httptest.ResponseRecorder, status int) {
	t.Helper()
	if answer.Code != status {
		t.Fatalf("status %d, want %d: %s", answer.Code, status, answer.Body)
	}
}

const (
	orderID  = "0195f3a0-0000-7000-8000-000000000001"
	creation = `{"order_id":"` + orderID + `","customer_id":"ann","currency":"EUR","items":[{"sku":"A-1","quantity":2,"unit_price":1250}]}`
)
