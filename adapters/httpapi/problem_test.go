package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Every error of the ports, for a command and with what is logged about it.
func TestProblems_ofCommands(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	wrap := func(err error) error { return fmt.Errorf("append %s at 7: secret-host:9042: %w", id, err) }
	for name, test := range map[string]struct {
		err     error
		ifMatch string
		status  int
		code    string
		logged  string // level; "" for nothing
	}{
		"a rule refuses":            {&order.RuleError{Code: order.CodeOrderNotActive, AggregateID: id, Detail: "not now"}, "", 422, "order_not_active", ""},
		"a rule refuses, wrapped":   {wrap(&order.RuleError{Code: order.CodeOrderExists, AggregateID: id, Detail: "no"}), "", 422, "order_exists", ""},
		"a malformed command":       {&order.RuleError{Code: order.CodeInvalidText, Field: "reason", Detail: "must not be empty"}, "", 400, "invalid_text", ""},
		"no such order, by rule":    {&order.RuleError{Code: order.CodeOrderNotFound, AggregateID: id, Detail: "no"}, "", 404, "order_not_found", ""},
		"no such order":             {wrap(ports.ErrNotFound), "", 404, "order_not_found", ""},
		"no such order, both ways":  {fmt.Errorf("%w: %w", ports.ErrNotFound, &order.RuleError{Code: order.CodeOrderNotFound}), "", 404, "order_not_found", ""},
		"too many lost races":       {wrap(ports.ErrVersionConflict), "", 409, "version_conflict", ""},
		"a failed precondition":     {wrap(&ports.VersionConflictError{AggregateID: id, Expected: 3, Actual: 5}), `"3"`, 412, "precondition_failed", ""},
		"a failed one, heads lost":  {wrap(ports.ErrVersionConflict), `"3"`, 412, "precondition_failed", ""},
		"a command id reused":       {wrap(&ports.CommandIDReusedError{CommandID: id, AggregateID: id}), "", 422, "command_id_reused", ""},
		"an unknown outcome":        {wrap(ports.ErrOutcomeUnknown), "", 503, "outcome_unknown", "WARN"},
		"a store away":              {wrap(ports.ErrUnavailable), "", 503, "unavailable", "WARN"},
		"a full disk":               {wrap(fmt.Errorf("%w: no space left on device", ports.ErrFull)), "", 507, "storage_full", "ERROR"},
		"an event of a newer one":   {wrap(&ports.DecodeError{AggregateID: id, Newer: true, Err: errors.New("version 9")}), "", 503, "newer_data", "WARN"},
		"the id of something else":  {wrap(&ports.OtherTypeError{AggregateID: id, Type: "stock-item", Wanted: "order"}), "", 409, "other_aggregate_type", ""},
		"a store away by timeout":   {wrap(errors.Join(ports.ErrUnavailable, context.DeadlineExceeded)), "", 503, "unavailable", "WARN"},
		"corrupt data":              {wrap(&ports.DecodeError{AggregateID: id, Err: errors.New("bad byte")}), "", 500, "corrupt_data", "ERROR"},
		"a deadline":                {wrap(context.DeadlineExceeded), "", 504, "timeout", "WARN"},
		"a cancellation of another": {wrap(context.Canceled), "", 500, "internal", "ERROR"},
		"use after close":           {wrap(ports.ErrClosed), "", 500, "internal", "ERROR"},
		"anything else":             {errors.New("secret-host: boom"), "", 500, "internal", "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop, log := newShop(), &bytes.Buffer{}
			shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
				return ports.CommandResult[order.Event]{}, test.err
			}
			config := shop.config()
			config.Logger = slog.New(slog.NewTextHandler(log, nil))
			r := post("/v1/orders/"+orderID+"/cancel", `{"reason":"x"}`).with("X-Correlation-Id", orderID)
			if test.ifMatch != "" {
				r = r.with("If-Match", test.ifMatch)
			}
			answer := do(t, handlerOf(t, config), r)
			p := wantProblem(t, answer, test.status, test.code, "")
			if p.OrderID != orderID || answer.Header().Get("X-Correlation-ID") != orderID {
				t.Errorf("order %s, correlation id %s: want both %s", p.OrderID, answer.Header().Get("X-Correlation-ID"), orderID)
			}
			if strings.Contains(answer.Body.String(), "secret") {
				t.Errorf("the answer tells internals: %s", answer.Body)
			}
			if inDoubt := slices.Contains([]string{"outcome_unknown", "timeout", "internal"}, test.code); (p.CommandID != "") != inDoubt {
				t.Errorf("command_id %q", p.CommandID)
			}
			if test.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), test.logged) {
				t.Errorf("logged %q, want level %q", log, test.logged)
			}
			if test.logged != "" && (!strings.Contains(log.String(), test.err.Error()[:12]) || !strings.Contains(log.String(), orderID)) {
				t.Errorf("logged %q without the error or the order", log)
			}
		})
	}
}

// Somebody on call sees this text first.
func TestProblems_ofAFullDisk_sayWhatToDo(t *testing.T) {
	t.Parallel()
	shop := shopWithOrder(t)
	shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		return ports.CommandResult[order.Event]{}, ports.ErrFull
	}
	handler := handlerOf(t, shop.config())
	p := wantProblem(t, do(t, handler, post("/v1/orders", creation)), http.StatusInsufficientStorage, "storage_full", "")
	for _, want := range []string{"nothing was written", "reads still work", "free disk space"} {
		if !strings.Contains(p.Detail, want) {
			t.Errorf("detail %q does not say %q", p.Detail, want)
		}
	}
	wantStatus(t, do(t, handler, get("/v1/orders/"+orderID)), http.StatusOK)
}

func TestProblems_ofAFailedPrecondition_sayBothVersions(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
	p := wantProblem(t, do(t, handler, post("/v1/orders/"+orderID+"/cancel", `{"reason":"x"}`).with("If-Match", `"3"`)), 412, "precondition_failed", "")
	if p.Expected == nil || *p.Expected != 3 || p.Actual == nil || *p.Actual != 1 {
		t.Errorf("got %+v, want expected 3 and actual 1", p)
	}
}

// A creation whose outcome is unknown can be repeated with what the problem says, also when it had
// neither key nor order_id.
func TestProblems_ofAnUnknownOutcome_tellHowToRepeat(t *testing.T) {
	t.Parallel()
	shop := newShop()
	var sent []ports.CommandRequest[order.Command]
	shop.handle = func(_ context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		sent = append(sent, r)
		return ports.CommandResult[order.Event]{}, ports.ErrOutcomeUnknown
	}
	handler := handlerOf(t, shop.config())
	p := problemIn(t, do(t, handler, post("/v1/orders", strings.Replace(creation, `"order_id":"`+orderID+`",`, "", 1))))
	do(t, handler, post("/v1/orders", strings.Replace(creation, orderID, p.OrderID, 1)).with("Idempotency-Key", p.CommandID))
	if sent[0].CommandID != sent[1].CommandID || sent[0].Command.AggregateID() != sent[1].Command.AggregateID() {
		t.Errorf("the repetition is another command: %+v", sent)
	}
}

func TestProblems_ofRoutes(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Verifier = nil
	handler := handlerOf(t, config)
	for _, test := range []struct {
		request request
		status  int
		code    string
		allow   string
	}{
		{get("/v2/orders"), 404, "route_not_found", ""},
		{get("/docs"), 404, "route_not_found", ""},
		{get("/metrics"), 404, "route_not_found", ""},        // not configured here
		{post("/v1/verify", ""), 404, "route_not_found", ""}, // nor is this
		{post("/v1/orders/"+orderID, "{}"), 405, "method_not_allowed", "GET, HEAD"},
		{request{method: http.MethodDelete, path: "/v1/orders"}, 405, "method_not_allowed", "GET, HEAD, POST"},
		{get("/v1/orders/" + orderID + "/items"), 405, "method_not_allowed", "PUT"},
		{post("/", "{}"), 405, "method_not_allowed", "GET, HEAD"},
		{request{method: "BREW", path: "/livez"}, 405, "method_not_allowed", "GET, HEAD"},
		{get("/v1/orders/4711"), 400, "invalid_parameter", ""},
		{get("/v1/orders/" + uuid.Nil.String()), 400, "invalid_parameter", ""},
		{post("/v1/orders/4711/deliver", ""), 400, "invalid_parameter", ""},
		{get("/v1/consumers?verbose=1"), 400, "invalid_parameter", ""},
		{get("/livez?a;b"), 400, "invalid_parameter", ""},
	} {
		t.Run(test.request.method+" "+test.request.path, func(t *testing.T) {
			t.Parallel()
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, test.request.http(t.Context()))
			checkAnswer(t, answer)
			wantProblem(t, answer, test.status, test.code, "")
			if got := answer.Header().Get("Allow"); got != test.allow {
				t.Errorf("Allow %q, want %q", got, test.allow)
			}
		})
	}
}

func TestProblems_ofClientsThatLeave_areNoNoise(t *testing.T) {
	t.Parallel()
	shop, log := newShop(), &bytes.Buffer{}
	ctx, leave := context.WithCancel(t.Context())
	shop.order = func(ctx context.Context, _ uuid.UUID, _ uint64, _ time.Duration) (projection.Row, error) {
		leave()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	config := shop.config()
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	answer := httptest.NewRecorder()
	handlerOf(t, config).ServeHTTP(answer, get("/v1/orders/"+orderID).http(ctx))
	if answer.Body.Len() > 0 || log.Len() > 0 {
		t.Errorf("answered %q, logged %q; want neither", answer.Body, log)
	}
}

func TestProblems_ofADeadline(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.events = func(ctx context.Context, _ uuid.UUID) ([]projection.Event, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	config := shop.config()
	config.RequestTimeout = time.Millisecond
	wantProblem(t, do(t, handlerOf(t, config), get("/v1/orders/"+orderID+"/events")), http.StatusGatewayTimeout, "timeout", "")
}

func TestProblems_ofPanics(t *testing.T) {
	t.Parallel()
	shop, log := newShop(), &bytes.Buffer{}
	shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		panic("secret")
	}
	config := shop.config()
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	answer := do(t, handlerOf(t, config), post("/v1/orders", creation))
	wantProblem(t, answer, http.StatusInternalServerError, "internal", "")
	if strings.Contains(answer.Body.String(), "secret") {
		t.Errorf("the answer tells internals: %s", answer.Body)
	}
	if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "problem_test.go") || !strings.Contains(log.String(), "route=/v1/orders") {
		t.Errorf("logged %q, want the panic, where it was, and the route", log)
	}
}

// An answer that breaks off must not look complete, so the connection is closed.
func TestProblems_ofPanics_inAnAnswer(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("boom")
	})
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // net/http compares it in the same way
			t.Errorf("recovered %v, want http.ErrAbortHandler", got)
		}
	}()
	answer := httptest.NewRecorder()
	handlerOf(t, config).ServeHTTP(answer, get("/metrics").http(t.Context()))
	t.Error("the answer was taken for whole")
}
