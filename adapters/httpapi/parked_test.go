package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// parkedOrders returns n parked orders, with ids that count up from 1.
func parkedOrders(n int) []ports.ParkedAggregate {
	next := numbered()
	var orders []ports.ParkedAggregate
	for range n {
		orders = append(orders, ports.ParkedAggregate{
			Consumer: kept, AggregateID: next(), SequenceNumber: 2, EventID: uuid.MustParse(orderID), EventType: "order.confirmed",
			Kind: ports.FailureBug, Error: "panic: nil map", Attempts: 6, FailedAt: noon, ParkedAt: noon.Add(time.Second),
		})
	}
	return orders
}

func document(p ports.ParkedAggregate) object {
	return object{
		"aggregate_id": p.AggregateID.String(), "aggregate_type": "order", "order_id": p.AggregateID.String(), "sequence_number": float64(p.SequenceNumber), "event_id": orderID, "event_type": "order.confirmed",
		"kind": "bug", "error": p.Error, "attempts": float64(p.Attempts),
		"failed_at": "2026-03-01T12:00:00.000Z", "parked_at": "2026-03-01T12:00:01.000Z",
		"fingerprint": endpoint.Fingerprint(p),
	}
}

func TestParked_areListedPageByPage(t *testing.T) {
	t.Parallel()
	k := &keeper{parked: parkedOrders(3)}
	handler := handlerOf(t, k.config())
	page := bodyOf[object](t, do(t, handler, get(consumerPath+"/parked?limit=2")))
	if diff := cmp.Diff([]any{document(k.parked[0]), document(k.parked[1])}, page["parked"]); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	last := bodyOf[object](t, do(t, handler, get(consumerPath+"/parked?limit=2&cursor="+page["next_cursor"].(string))))
	if diff := cmp.Diff(object{"parked": []any{document(k.parked[2])}}, last); diff != "" {
		t.Errorf("last page (-want +got):\n%s", diff)
	}
	k.parked = nil
	if diff := cmp.Diff(object{"parked": []any{}}, bodyOf[object](t, do(t, handler, get(consumerPath+"/parked")))); diff != "" {
		t.Errorf("without any (-want +got):\n%s", diff)
	}
}

func TestParked_isShownWithWhatWaits(t *testing.T) {
	t.Parallel()
	k := &keeper{parked: parkedOrders(250)} // more than a page
	last := &k.parked[249]
	last.RetriedAt = noon.Add(time.Minute)
	for n := uint64(1); n <= 3; n++ {
		k.waiting = append(k.waiting, record{
			Header:    eventsourcing.Header{AggregateType: "order", AggregateID: last.AggregateID, SequenceNumber: n, EventID: last.AggregateID, CreatedAt: noon},
			EventType: "order.confirmed", EventVersion: 2, Payload: []byte("secret"),
		})
	}
	waiting := func(n int) object {
		return object{
			"aggregate_type": "order", "sequence_number": float64(n), "event_id": last.AggregateID.String(), "event_type": "order.confirmed", "event_version": 2.0,
			"created_at": "2026-03-01T12:00:00.000Z",
		}
	}
	parked := document(*last)
	parked["retried_at"] = "2026-03-01T12:01:00.000Z"
	handler := handlerOf(t, k.config())
	path := consumerPath + "/parked/" + last.AggregateID.String()
	want := object{"parked": parked, "waiting": []any{waiting(2), waiting(3)}}
	if diff := cmp.Diff(want, bodyOf[object](t, do(t, handler, get(path)))); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}

	k.waiting, k.unreadable = nil, fmt.Errorf("load: %w", ports.ErrCorrupt)
	want = object{"parked": parked, "waiting": []any{}, "waiting_error": k.unreadable.Error()}
	if diff := cmp.Diff(want, bodyOf[object](t, do(t, handler, get(path)))); diff != "" {
		t.Errorf("with events that cannot be read (-want +got):\n%s", diff)
	}
	k.unreadable = ports.ErrUnavailable
	wantProblem(t, do(t, handler, get(path)), http.StatusServiceUnavailable, "unavailable", "")
	p := wantProblem(t, do(t, handler, get(consumerPath+"/parked/"+orderID)), http.StatusNotFound, "not_found", "")
	if p.OrderID != orderID {
		t.Errorf("order_id %q, want that of the order that is not parked", p.OrderID)
	}
}

func TestParked_retryOfOne(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	wantStatus(t, do(t, handlerOf(t, k.config()), post(consumerPath+"/parked/"+orderID+"/retry", "")), http.StatusNoContent)
	if diff := cmp.Diff([]string{"retry " + orderID}, k.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func TestParked_retryOfAll(t *testing.T) {
	t.Parallel()
	retryAll := func(t *testing.T, k *keeper) object {
		answer := do(t, handlerOf(t, k.config()), post(consumerPath+"/retry-parked", ""))
		wantStatus(t, answer, http.StatusOK)
		return bodyOf[object](t, answer)
	}

	t.Run("tells what still fails", func(t *testing.T) {
		t.Parallel()
		k := &keeper{parked: parkedOrders(250)}
		still := k.parked[7]
		still.Attempts++
		k.retry = func(id uuid.UUID) error {
			switch id {
			case still.AggregateID:
				return fmt.Errorf("retry: %w", &ports.StillParkedError{Parked: still})
			case k.parked[3].AggregateID:
				return ports.ErrNotFound // another request was faster
			}
			return nil
		}
		want := object{"released": 248.0, "still_parked": []any{document(still)}, "not_tried": 0.0}
		if diff := cmp.Diff(want, retryAll(t, k)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
		if len(k.asked) != 250 {
			t.Errorf("%d orders were tried, want each of 250 once", len(k.asked))
		}
	})

	t.Run("tells what was done before something came between", func(t *testing.T) {
		t.Parallel()
		k := &keeper{parked: parkedOrders(5)}
		k.retry = func(id uuid.UUID) error {
			if id == k.parked[2].AggregateID {
				return errors.New("the store is away")
			}
			return nil
		}
		want := object{"released": 2.0, "still_parked": []any{}, "not_tried": 3.0, "error": "the store is away"}
		if diff := cmp.Diff(want, retryAll(t, k)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("has nothing to do", func(t *testing.T) {
		t.Parallel()
		want := object{"released": 0.0, "still_parked": []any{}, "not_tried": 0.0}
		if diff := cmp.Diff(want, retryAll(t, &keeper{})); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	})

	t.Run("ends when its client leaves", func(t *testing.T) {
		t.Parallel()
		ctx, leave := context.WithCancel(t.Context())
		k := &keeper{parked: parkedOrders(5)}
		k.retry = func(id uuid.UUID) error {
			if id == k.parked[2].AggregateID {
				leave()
				return ctx.Err()
			}
			return nil
		}
		handler := handlerOf(t, k.config())
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, post(consumerPath+"/retry-parked", "").http(ctx))
		if len(k.asked) != 3 || answer.Body.Len() > 0 {
			t.Errorf("%d orders were tried, want 3; answered %q, want nothing", len(k.asked), answer.Body)
		}
	})
}

func TestParked_skip(t *testing.T) {
	t.Parallel()
	one := parkedOrders(1)[0]
	path := consumerPath + "/parked/" + one.AggregateID.String() + "/skip"

	t.Run("passes the reason on", func(t *testing.T) {
		t.Parallel()
		k := &keeper{parked: []ports.ParkedAggregate{one}}
		handler := handlerOf(t, k.config())
		wantStatus(t, do(t, handler, post(path, `{"reason":"test data"}`)), http.StatusNoContent)
		wantStatus(t, do(t, handler, post(path, `{"reason":"again","sequence_number":2}`)), http.StatusNoContent)
		want := []string{"skip " + one.AggregateID.String() + ": test data", "skip " + one.AggregateID.String() + ": again"}
		if diff := cmp.Diff(want, k.asked); diff != "" {
			t.Errorf("asked for (-want +got):\n%s", diff)
		}
	})

	t.Run("refuses when another event fails by now", func(t *testing.T) {
		t.Parallel()
		k := &keeper{parked: []ports.ParkedAggregate{one}}
		answer := do(t, handlerOf(t, k.config()), post(path, `{"reason":"x","sequence_number":1}`))
		wantProblem(t, answer, http.StatusConflict, "refused", "")
		if diff := cmp.Diff(any(document(one)), bodyOf[object](t, answer)["parked"]); diff != "" || len(k.asked) > 0 {
			t.Errorf("asked for %v, want nothing; parked (-want +got):\n%s", k.asked, diff)
		}
	})

	t.Run("refuses when the order is not parked any more", func(t *testing.T) {
		t.Parallel()
		k := &keeper{}
		wantProblem(t, do(t, handlerOf(t, k.config()), post(path, `{"reason":"x","sequence_number":2}`)), http.StatusNotFound, "not_found", "")
		if len(k.asked) > 0 {
			t.Errorf("asked for %v, want nothing", k.asked)
		}
	})
}

func TestSkips(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	k := &keeper{skips: []ports.Skip{{
		Consumer: kept, AggregateID: id, SequenceNumber: 2, EventID: id, EventType: "order.confirmed",
		Reason: "test data", Error: "panic: nil map", SkippedAt: noon,
	}}}
	handler := handlerOf(t, k.config())
	page := bodyOf[object](t, do(t, handler, get(consumerPath+"/skips?limit=7&aggregate_id="+orderID)))
	want := object{
		"skips": []any{object{
			"aggregate_id": orderID, "order_id": orderID, "sequence_number": 2.0, "event_id": orderID, "event_type": "order.confirmed",
			"reason": "test data", "error": "panic: nil map", "skipped_at": "2026-03-01T12:00:00.000Z",
		}},
		"next_cursor": "bW9yZQ",
	}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantStatus(t, do(t, handler, get(consumerPath+"/skips?cursor=bW9yZQ")), http.StatusOK)
	wantStatus(t, do(t, handler, post(consumerPath+"/unskip", `{"aggregate_id":"`+orderID+`","sequence_number":2}`)), http.StatusNoContent)
	asked := []string{
		fmt.Sprintf(`skips of %s after "", 7`, id), fmt.Sprintf(`skips of %s after "more", 50`, uuid.Nil), fmt.Sprintf("unskip 2 of %s", id),
	}
	if diff := cmp.Diff(asked, k.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}
