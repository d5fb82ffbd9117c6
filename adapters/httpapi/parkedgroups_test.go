package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// parkedForTwoCauses returns 250 parked orders: every tenth has failed for another reason than the
// rest. The one that comes first in the list was parked last.
func parkedForTwoCauses() []ports.ParkedAggregate {
	orders := parkedOrders(250)
	for i := range orders {
		orders[i].ParkedAt = noon.Add(time.Duration(1000-i) * time.Second)
		orders[i].Error = fmt.Sprintf("no price for article %d", 1000+i)
		if i%10 == 0 {
			orders[i].Error = fmt.Sprintf("no stock of article %d", 1000+i)
		}
	}
	return orders
}

func TestParked_areGroupedByCause(t *testing.T) {
	t.Parallel()
	k := &keeper{parked: parkedForTwoCauses()}
	groups := bodyOf[object](t, do(t, handlerOf(t, k.config()), get(consumerPath+"/parked-groups")))["groups"]
	at := func(i int) string { return endpoint.Timestamp(noon.Add(time.Duration(1000-i) * time.Second)) }
	want := []any{
		object{
			"fingerprint": endpoint.Fingerprint(k.parked[1]), "kind": "bug", "event_type": "order.confirmed", "aggregates": 225.0,
			"error": "no price for article 1249", "oldest": at(249), "newest": at(1),
		},
		object{
			"fingerprint": endpoint.Fingerprint(k.parked[0]), "kind": "bug", "event_type": "order.confirmed", "aggregates": 25.0,
			"error": "no stock of article 1240", "oldest": at(240), "newest": at(0),
		},
	}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	k.parked = nil
	if diff := cmp.Diff(object{"groups": []any{}}, bodyOf[object](t, do(t, handlerOf(t, k.config()), get(consumerPath+"/parked-groups")))); diff != "" {
		t.Errorf("without any (-want +got):\n%s", diff)
	}
	wantStatus(t, do(t, handlerOf(t, k.config()), get("/v1/consumers/none/parked-groups")), http.StatusNotFound)
}

func TestParked_oneGroupIsListedAndRetried(t *testing.T) {
	t.Parallel()
	k := &keeper{parked: parkedForTwoCauses()}
	handler := handlerOf(t, k.config())
	of := "?fingerprint=" + endpoint.Fingerprint(k.parked[0])

	page := bodyOf[object](t, do(t, handler, get(consumerPath+"/parked"+of+"&limit=100")))
	if listed, _ := page["parked"].([]any); len(listed) != 10 || page["next_cursor"] == nil {
		t.Errorf("%d of the group are on the first page, want 10 and more pages", len(listed))
	}

	answer := do(t, handler, post(consumerPath+"/retry-parked"+of+"&limit=2", ""))
	wantStatus(t, answer, http.StatusOK)
	if diff := cmp.Diff(object{"released": 2.0, "still_parked": []any{}, "not_tried": 0.0}, bodyOf[object](t, answer)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	oldest := []string{"retry " + k.parked[240].AggregateID.String(), "retry " + k.parked[230].AggregateID.String()}
	if diff := cmp.Diff(oldest, k.asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	wantStatus(t, do(t, handler, post(consumerPath+"/retry-parked"+of, "")), http.StatusOK)
	if len(k.asked) != 2+25 {
		t.Errorf("%d orders were tried, want the 25 of the group", len(k.asked)-2)
	}
	wantStatus(t, do(t, handler, get(consumerPath+"/parked?fingerprint=x")), http.StatusBadRequest)
	wantStatus(t, do(t, handler, post(consumerPath+"/retry-parked?limit=0", "")), http.StatusBadRequest)
}
