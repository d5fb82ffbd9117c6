package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/ports"
)

const consumerPath = "/v1/consumers/" + kept

func TestConsumers_doWhatIsAsked(t *testing.T) {
	t.Parallel()
	reset := func(body string) request { return post(consumerPath+"/reset", body) }
	rebuild := func(body string) request { return post(consumerPath+"/rebuild", body) }
	for _, test := range []struct {
		request request
		status  int
		want    string
	}{
		{post(consumerPath+"/pause", ""), 204, "pause"},
		{post(consumerPath+"/resume", ""), 204, "resume"},
		{reset(`{"from":"begin"}`), 200, "reset to 0001-01-01T00:00:00Z, force false, dry run false"},
		{reset(`{"from":"now","force":true}`), 200, "reset to 2026-03-01T12:00:00Z, force true, dry run false"},
		{reset(`{"from":"2026-02-01T12:00:00.5+02:00","force":false,"dry_run":true}`), 200, "reset to 2026-02-01T10:00:00.5Z, force false, dry run true"},
		{rebuild(""), 202, "rebuild {SkipVerification:false AggregatesPerSecond:0}"},
		{rebuild("{}"), 202, "rebuild {SkipVerification:false AggregatesPerSecond:0}"},
		{rebuild(`{"skip_verification":true,"orders_per_second":200}`), 202, "rebuild {SkipVerification:true AggregatesPerSecond:200}"},
		{post(consumerPath+"/rebuild/abort", ""), 204, "abort"},
		{post(consumerPath+"/rollback", ""), 202, "roll back"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			k := &keeper{consequence: "it starts over"}
			answer := do(t, handlerOf(t, k.config()), test.request)
			wantStatus(t, answer, test.status)
			if diff := cmp.Diff([]string{test.want}, k.asked); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
			if test.status == http.StatusOK && !strings.Contains(answer.Body.String(), `{"consequence":"it starts over"}`) {
				t.Errorf("answered %s", answer.Body)
			}
		})
	}
}

// everyConsumerRequest returns one request for each operation that manages a consumer.
func everyConsumerRequest(consumer string) map[string]request {
	path := "/v1/consumers/" + consumer
	return map[string]request{
		"pause":     post(path+"/pause", ""),
		"resume":    post(path+"/resume", ""),
		"reset":     post(path+"/reset", `{"from":"begin"}`),
		"rebuild":   post(path+"/rebuild", ""),
		"abort":     post(path+"/rebuild/abort", ""),
		"roll back": post(path+"/rollback", ""),
		"retry":     post(path+"/parked/"+orderID+"/retry", ""),
		"skip":      post(path+"/parked/"+orderID+"/skip", `{"reason":"x"}`),
		"retry all": post(path+"/retry-parked", ""),
		"unskip":    post(path+"/unskip", `{"aggregate_id":"`+orderID+`","sequence_number":2}`),
	}
}

// Every error of the ports, for every operation that changes something.
func TestConsumers_problems(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	parked := ports.ParkedAggregate{
		Consumer: kept, AggregateID: id, SequenceNumber: 3, EventID: id, EventType: "order.shipped", Kind: ports.FailureUndecodable,
		Error: "bad byte", Attempts: 7, FailedAt: noon, ParkedAt: noon, RetriedAt: noon,
	}
	wrap := func(err error) error { return fmt.Errorf("save secret-host:9042: %w", err) }
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		detail string // a part of it
		logged string // level; "" for nothing
	}{
		"refused":           {wrap(&ports.RefusedError{Reason: "it would publish twice; force it"}), 409, "refused", "it would publish twice; force it", ""},
		"held elsewhere":    {wrap(&ports.LeaseHeldError{Name: kept, Owner: ports.LeaseOwner{ID: id, Address: "http://10.0.0.7:8080"}}), 409, "held_elsewhere", "http://10.0.0.7:8080", ""},
		"still parked":      {wrap(&ports.StillParkedError{Parked: parked}), 409, "still_parked", "bad byte", ""},
		"not found":         {wrap(ports.ErrNotFound), 404, "not_found", "there is no such consumer", ""},
		"unavailable":       {wrap(ports.ErrUnavailable), 503, "unavailable", "try again", "WARN"},
		"disk full":         {wrap(ports.ErrFull), 507, "storage_full", "free disk space", "ERROR"},
		"outcome unknown":   {wrap(ports.ErrOutcomeUnknown), 503, "outcome_unknown", "look at the status of the consumer", "WARN"},
		"corrupt":           {wrap(ports.ErrCorrupt), 500, "corrupt_data", "stored data", "ERROR"},
		"too late":          {wrap(context.DeadlineExceeded), 504, "timeout", "look at the status of the consumer", "WARN"},
		"something unknown": {wrap(errors.New("boom")), 500, "internal", "internal error", "ERROR"},
	} {
		for operation, r := range everyConsumerRequest(kept) {
			if operation == "retry all" && (name == "still parked" || name == "not found" || name == "too late") {
				continue // which means something else there, or cannot happen
			}
			t.Run(operation+", "+name, func(t *testing.T) {
				t.Parallel()
				k, log := &keeper{err: test.err, parked: []ports.ParkedAggregate{parked}}, &bytes.Buffer{}
				config := k.config()
				config.Logger = slog.New(slog.NewTextHandler(log, nil))
				answer := do(t, handlerOf(t, config), r)
				p := wantProblem(t, answer, test.status, test.code, "")
				if !strings.Contains(p.Detail, test.detail) || strings.Contains(answer.Body.String(), "secret") {
					t.Errorf("detail %q, want %q in it and no internals", p.Detail, test.detail)
				}
				if about := strings.Contains(r.path+r.body, orderID); (p.OrderID == orderID) != about {
					t.Errorf("order_id %q, want one: %t", p.OrderID, about)
				}
				if test.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), test.logged) {
					t.Errorf("logged %q, want level %q", log, test.logged)
				}
				if test.logged != "" && (!strings.Contains(log.String(), "secret-host") || !strings.Contains(log.String(), "consumer="+kept)) {
					t.Errorf("logged %q without the error or the consumer", log)
				}
				var body object
				if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
					t.Fatal(err)
				}
				if want := (object{"id": orderID, "address": "http://10.0.0.7:8080"}); test.code == "held_elsewhere" && !cmp.Equal(want, body["holder"]) {
					t.Errorf("holder %v, want %v", body["holder"], want)
				}
				if got, _ := body["parked"].(object); test.code == "still_parked" && (got["order_id"] != orderID || got["sequence_number"] != 3.0) {
					t.Errorf("parked %v, want the order", body["parked"])
				}
			})
		}
	}
}

func TestConsumers_unknown(t *testing.T) {
	t.Parallel()
	requests := everyConsumerRequest("nobody")
	requests["list"] = get("/v1/consumers/nobody/parked")
	requests["show"] = get("/v1/consumers/nobody/parked/" + orderID)
	requests["skips"] = get("/v1/consumers/nobody/skips")
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := (&keeper{}).config()
			p := wantProblem(t, do(t, handlerOf(t, config), r), http.StatusNotFound, "not_found", "")
			if !strings.Contains(p.Detail, "there is no such consumer") {
				t.Errorf("detail %q does not say what is not there", p.Detail)
			}
			config.Consumers = statuses{{Name: kept}, {Name: "a"}, {Name: "b"}}
			p = wantProblem(t, do(t, handlerOf(t, config), r), http.StatusNotFound, "not_found", "")
			if want := "there is no such consumer: nobody; the consumers are " + kept + ", a and b"; p.Detail != want {
				t.Errorf("detail %q, want %q", p.Detail, want)
			}
		})
	}
	t.Run("or it has not parked something", func(t *testing.T) {
		t.Parallel()
		config := (&keeper{}).config()
		config.Consumers = statuses{{Name: kept}}
		p := wantProblem(t, do(t, handlerOf(t, config), get(consumerPath+"/parked/"+orderID)), http.StatusNotFound, "not_found", "")
		if want := kept + " has not parked this aggregate"; p.Detail != want {
			t.Errorf("detail %q, want %q", p.Detail, want)
		}
	})
}

// statuses are the statuses of some consumers.
type statuses []ports.ConsumerStatus

func (s statuses) Consumers(context.Context) []ports.ConsumerStatus { return s }

func TestConsumers_areNotForPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	for name, r := range everyConsumerRequest(kept) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &keeper{}
			wantProblem(t, do(t, handlerOf(t, k.config()), r.with("Sec-Fetch-Site", "cross-site")), http.StatusForbidden, "cross_origin", "")
			if len(k.asked) > 0 {
				t.Errorf("it was done all the same: %v", k.asked)
			}
		})
	}
}

func TestConsumers_badRequests(t *testing.T) {
	t.Parallel()
	reset, rebuild, skip := consumerPath+"/reset", consumerPath+"/rebuild", consumerPath+"/parked/"+orderID+"/skip"
	for _, test := range []struct {
		request     request
		code, field string
	}{
		{post(reset, ""), "invalid_body", ""},
		{post(reset, `{}`), "invalid_body", "from"},
		{post(reset, `{"from":"yesterday"}`), "invalid_body", "from"},
		{post(reset, `{"from":"2026-13-01T00:00:00Z"}`), "invalid_body", "from"},
		{post(reset, `{"from":null}`), "invalid_body", "from"},
		{post(reset, `{"from":"now","force":"yes"}`), "invalid_body", "force"},
		{post(reset, `{"from":"now","force":1}`), "invalid_body", "force"},
		{post(reset, `{"from":"now","force":null}`), "invalid_body", "force"},
		{post(reset, `{"from":"now","force":tru}`), "invalid_body", "force"},
		{post(reset, `{"from":"now","dry_run":truely}`), "invalid_body", ""},
		{post(reset, `{"from":"now","dry-run":true}`), "invalid_body", "dry-run"},
		{post(reset+"?force=true", `{"from":"now"}`), "invalid_parameter", "force"},
		{post(rebuild, `{"orders_per_second":-1}`), "invalid_body", "orders_per_second"},
		{post(rebuild, `{"orders_per_second":2147483648}`), "invalid_body", "orders_per_second"},
		{post(rebuild, `{"skip_verification":"no"}`), "invalid_body", "skip_verification"},
		{post(rebuild, `{"rate":1}`), "invalid_body", "rate"},
		{post(skip, `{}`), "invalid_body", "reason"},
		{post(skip, `{"reason":""}`), "invalid_body", "reason"},
		{post(skip, `{"reason":" \n"}`), "invalid_body", "reason"},
		{post(skip, `{"reason":"`+strings.Repeat("ü", 501)+`"}`), "invalid_body", "reason"},
		{post(skip, `{"reason":"x","sequence_number":0}`), "invalid_body", "sequence_number"},
		{post(skip, `{"reason":"x","sequence_number":"1"}`), "invalid_body", "sequence_number"},
		{post(consumerPath+"/unskip", `{"aggregate_id":"x","sequence_number":1}`), "invalid_body", "aggregate_id"},
		{post(consumerPath+"/unskip", `{"aggregate_id":"`+orderID+`","sequence_number":0}`), "invalid_body", "sequence_number"},
		{get(consumerPath + "/skips?aggregate_id=4711"), "invalid_parameter", "aggregate_id"},
		{post(consumerPath+"/parked/4711/skip", `{"reason":"x"}`), "invalid_parameter", "aggregate_id"},
		{post(consumerPath+"/parked/4711/retry", ""), "invalid_parameter", "aggregate_id"},
		{get(consumerPath + "/parked/4711"), "invalid_parameter", "aggregate_id"},
		{get(consumerPath + "/parked?limit=201"), "invalid_parameter", "limit"},
		{get(consumerPath + "/parked?cursor=%25"), "bad_cursor", "cursor"},
		{get(consumerPath + "/parked?cursor=bW9yZQ"), "bad_cursor", "cursor"},
		{post(consumerPath+"/pause?for=1h", ""), "invalid_parameter", "for"},
	} {
		t.Run(test.request.path+" "+test.request.body, func(t *testing.T) {
			t.Parallel()
			k := &keeper{}
			wantProblem(t, do(t, handlerOf(t, k.config()), test.request), http.StatusBadRequest, test.code, test.field)
			if len(k.asked) > 0 {
				t.Errorf("it was done all the same: %v", k.asked)
			}
		})
	}
}

// At the limits, the schemas and the API agree.
func TestConsumers_schemasAreWhatIsAccepted(t *testing.T) {
	t.Parallel()
	reason := func(text string) string { return `{"reason":"` + text + `"}` }
	handler := handlerOf(t, (&keeper{parked: []ports.ParkedAggregate{{AggregateID: uuid.MustParse(orderID), SequenceNumber: 1}}}).config())
	for path, bodies := range map[string][]string{
		consumerPath + "/reset": {
			`{"from":"begin"}`, `{"from":"now","force":true,"dry_run":false}`, `{"from":"2026-03-01T12:00:00Z"}`, `{"from":"2026-03-01T12:00:00.25-01:30"}`,
			`{"from":"2026-03-01"}`, `{"from":"4709-80-98T36497.:Z"}`, `{"from":"2026-02-30T12:00:00Z"}`, `{"from":"2026-03-01T12:00:00,5Z"}`, `{"from":"2026-03-01T1:00:00Z"}`, `{"from":"2026-03-01T12:00:00+02:00"}`, `{"from":"NOW"}`, `{"from":""}`, `{}`, `{"from":1}`, `{"from":"now","force":0}`, `{"from":"now","more":0}`,
		},
		consumerPath + "/rebuild": {
			`{}`, `{"orders_per_second":0}`, `{"orders_per_second":2147483647}`, `{"orders_per_second":2147483648}`, `{"orders_per_second":-1}`,
			`{"orders_per_second":1.5}`, `{"skip_verification":true}`, `{"skip_verification":null}`, `{"verify":true}`,
		},
		consumerPath + "/parked/" + orderID + "/skip": {
			reason("x"), reason(strings.Repeat("ü", 500)), reason(strings.Repeat("ü", 501)), reason(""), reason(" "), `{}`, `{"reason":1}`,
			`{"reason":"x","sequence_number":1}`, `{"reason":"x","sequence_number":0}`, `{"reason":"x","who":"me"}`,
		},
	} {
		schema := served().bodySchema(http.MethodPost, path)
		for _, body := range bodies {
			var document any
			if err := json.Unmarshal([]byte(body), &document); err != nil {
				t.Fatal(err)
			}
			answer := do(t, handler, post(path, body))
			accepted := answer.Code != http.StatusBadRequest
			if breach := served().check(schema, document, "body"); accepted != (breach == "") {
				t.Errorf("%s %.200s: answered %d, and the schema says %q", path, body, answer.Code, breach)
			}
		}
	}
}

// A service without them has no such routes.
func TestConsumers_withoutTheirPorts(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Manager, config.Rebuilder, config.Parked, config.Skips, config.Records = nil, nil, nil, nil, nil
	handler := handlerOf(t, config)
	for name, r := range everyConsumerRequest(kept) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, do(t, handler, r), http.StatusNotFound, "route_not_found", "")
		})
	}
	wantStatus(t, do(t, handler, get("/v1/consumers")), http.StatusOK)
}
