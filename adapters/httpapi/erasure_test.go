package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// eraser erases nothing, and remembers what it was asked for.
type eraser struct {
	err     error
	erasure ports.Erasure
	asked   []string
}

func (e *eraser) Erase(_ context.Context, customer string, r ports.ErasureRequest) (ports.Erasure, error) {
	e.asked = append(e.asked, fmt.Sprintf("%s %+v", customer, r))
	return e.erasure, e.err
}

func (e *eraser) Erasure(_ context.Context, customer string) (ports.Erasure, error) {
	e.asked = append(e.asked, customer)
	return e.erasure, e.err
}

func (e *eraser) handler(t *testing.T) http.Handler {
	t.Helper()
	config := newShop().config()
	config.erasures = e
	return handlerOf(t, config)
}

func TestErasures(t *testing.T) {
	t.Parallel()
	e := &eraser{erasure: ports.Erasure{
		Subject: "0a1b", SubjectID: uuid.UUID{15: 1}, State: ports.ErasureRequested, Reason: "r", RequestedAt: noon, Waits: "paused",
	}}
	handler := e.handler(t)
	answer := do(t, handler, post("/v1/customers/ann/erase", `{"reason":"r","reference":"ticket 4711","force":true}`))
	wantStatus(t, answer, 202)
	const requested = `{"subject":"0a1b","subject_id":"00000000-0000-0000-0000-000000000001","state":"requested","reason":"r",` +
		`"requested_at":"2026-03-01T12:00:00.000Z","aggregates":0,"rewritten":0,"plain_events":0,"waits":"paused"}`
	if got := strings.TrimSpace(answer.Body.String()); got != requested {
		t.Errorf("%s, want %s", got, requested)
	}
	e.erasure.State, e.erasure.EndedAt, e.erasure.Waits, e.erasure.Reference = ports.ErasurePartial, noon.Add(time.Second), "", "ticket 4711"
	e.erasure.Aggregates, e.erasure.Rewritten, e.erasure.Plain = 3, 7, 1
	answer = do(t, handler, get("/v1/customers/ann/erasure"))
	wantStatus(t, answer, 200)
	const partial = `{"subject":"0a1b","subject_id":"00000000-0000-0000-0000-000000000001","state":"partial","reason":"r",` +
		`"reference":"ticket 4711","requested_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:01.000Z",` +
		`"aggregates":3,"rewritten":7,"plain_events":1}`
	if got := strings.TrimSpace(answer.Body.String()); got != partial {
		t.Errorf("%s, want %s", got, partial)
	}
	if got := strings.Join(e.asked, ";"); got != "ann {Reason:r Reference:ticket 4711 Force:true};ann" {
		t.Errorf("asked %q", got)
	}
}

func TestErasures_refusals(t *testing.T) {
	t.Parallel()
	malformed := subject.Check(subject.RequestErasure{SubjectID: subject.ID("a"), Token: "a", Reason: "a\nb"})
	for name, test := range map[string]struct {
		err    error
		body   string
		status int
		code   string
	}{
		"unfinished orders": {&ports.RefusedError{Reason: "2 of 3 orders are not finished"}, `{"reason":"r"}`, 409, "refused"},
		"no orders":         {ports.ErrNotFound, `{"reason":"r"}`, 404, "not_found"},
		"no reason":         {nil, `{}`, 400, "invalid_body"},
		"a control":         {malformed, `{"reason":"a\u000ab"}`, 400, "invalid_text"},
		"another member":    {nil, `{"reason":"r","customer":"ann"}`, 400, "invalid_body"},
		"an outage":         {ports.ErrUnavailable, `{"reason":"r"}`, 503, "unavailable"},
		"an unknown end":    {ports.ErrOutcomeUnknown, `{"reason":"r"}`, 503, "outcome_unknown"},
	} {
		handler := (&eraser{err: test.err}).handler(t)
		answer := do(t, handler, post("/v1/customers/ann/erase", test.body))
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), `"code":"`+test.code+`"`) {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	answer := do(t, (&eraser{err: ports.ErrNotFound}).handler(t), get("/v1/customers/ann/erasure"))
	wantStatus(t, answer, 404)
}

// A command with new personal data of an erased customer is refused, and says why.
func TestCommands_ofAnErasedCustomer(t *testing.T) {
	t.Parallel()
	shop := newShop()
	shop.handle = func(context.Context, ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		return ports.CommandResult[order.Event]{}, fmt.Errorf("append: %w", ports.ErrSubjectErased)
	}
	answer := do(t, handlerOf(t, shop.config()), post("/v1/orders/"+uuid.NewString()+"/confirm", `{"payment_reference":"p"}`))
	wantStatus(t, answer, 409)
	if !strings.Contains(answer.Body.String(), `"code":"subject_erased"`) {
		t.Errorf("%s", answer.Body)
	}
}
