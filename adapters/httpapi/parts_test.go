package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// longHistory is a history of an order with that many events.
func longHistory(events int) []projection.Event {
	history := make([]projection.Event, events)
	for i := range history {
		history[i] = projection.Event{
			Header: eventsourcing.Header{AggregateType: "order", AggregateID: uuid.MustParse(orderID), SequenceNumber: uint64(i + 1), CreatedAt: noon},
			Event:  order.OrderDelivered{},
		}
	}
	return history
}

type part struct {
	Events []struct {
		SequenceNumber uint64 `json:"sequence_number"`
	}
	NextAfter uint64 `json:"next_after"`
}

func TestParts_ofAHistory(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.events = func(context.Context, uuid.UUID) ([]projection.Event, error) { return longHistory(2_345), nil }
	shop.explain = func(_ context.Context, id uuid.UUID) (ports.Explanation, error) {
		explanation := ports.Explanation{AggregateID: id, AggregateType: "order"}
		for i := range 2_345 {
			explanation.Events = append(explanation.Events, ports.ExplainedEvent{SequenceNumber: uint64(i + 1), EventVersion: 1})
		}
		return explanation, nil
	}
	handler := handlerOf(t, shop.config())
	for _, path := range []string{"/v1/orders/" + orderID + "/events", "/v1/orders/" + orderID + "/explain", "/v1/aggregates/" + orderID + "/explain"} {
		for query, want := range map[string]struct{ first, count, next uint64 }{
			"":                       {1, 1_000, 1_000},
			"?limit=1":               {1, 1, 1},
			"?limit=100":             {1, 100, 100},
			"?limit=101&after=50":    {51, 101, 151},
			"?after=1000":            {1_001, 1_000, 2_000},
			"?after=2000":            {2_001, 345, 0},
			"?after=2345":            {0, 0, 0},
			"?after=99999&limit=7":   {0, 0, 0},
			"?after=2344&limit=1000": {2_345, 1, 0},
		} {
			answer := do(t, handler, get(path+query))
			wantStatus(t, answer, http.StatusOK)
			got := bodyOf[part](t, answer)
			if uint64(len(got.Events)) != want.count || got.NextAfter != want.next || want.count > 0 && got.Events[0].SequenceNumber != want.first {
				t.Errorf("%s%s: %d events, next %d; want %+v", path, query, len(got.Events), got.NextAfter, want)
			}
		}
		for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?after=-1"} {
			wantStatus(t, do(t, handler, get(path+query)), http.StatusBadRequest)
		}
	}
}

// The tag of a part changes when something is added to the part, and only then.
func TestParts_haveTags(t *testing.T) {
	t.Parallel()
	shop, events := newShop(), 1_500
	shop.events = func(context.Context, uuid.UUID) ([]projection.Event, error) { return longHistory(events), nil }
	handler := handlerOf(t, shop.config())
	path := "/v1/orders/" + orderID + "/events"
	tags := map[string]string{}
	for _, query := range []string{"", "?after=1000", "?after=1500"} {
		tags[query] = do(t, handler, get(path+query)).Header().Get("ETag")
	}
	events++
	for query, want := range map[string]int{"": http.StatusNotModified, "?after=1000": http.StatusOK, "?after=1500": http.StatusOK} {
		wantStatus(t, do(t, handler, get(path+query).with("If-None-Match", tags[query])), want)
	}
}

// P8, P10: large reads are limited in number. Small ones are not affected, and nothing is held for
// ever.
func TestParts_areLimitedInNumber(t *testing.T) {
	t.Parallel()
	shop := newShop()
	arrived, release := make(chan struct{}), make(chan struct{})
	shop.events = func(ctx context.Context, _ uuid.UUID) ([]projection.Event, error) {
		if slow, _ := ctx.Value(slowKey{}).(*int); slow != nil {
			if *slow++; *slow == 2 { // the second part: it has a slot
				arrived <- struct{}{}
				<-release
			}
		}
		return longHistory(1_000), nil
	}
	handler := handlerOf(t, shop.config())
	path := "/v1/orders/" + orderID + "/events"
	for range 2 { // the second time shows that every slot is free again
		ended := make(chan int)
		for range 8 {
			go func() {
				recorder := httptest.NewRecorder()
				handler.ServeHTTP(recorder, get(path).http(context.WithValue(context.Background(), slowKey{}, new(int))))
				ended <- recorder.Code
			}()
			<-arrived
		}
		busy := do(t, handler, get(path))
		wantProblem(t, busy, http.StatusServiceUnavailable, "unavailable", "")
		if busy.Header().Get("Retry-After") == "" {
			t.Error("nothing says when to try again")
		}
		wantStatus(t, do(t, handler, get(path+"?limit=100")), http.StatusOK)
		for range 8 {
			release <- struct{}{}
			if status := <-ended; status != http.StatusOK {
				t.Error(fmt.Sprint("a large read: status ", status))
			}
		}
		wantStatus(t, do(t, handler, get(path)), http.StatusOK)
	}
}

type slowKey struct{}
