package httpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/ports"
)

// drawer has snapshots of some aggregates.
type drawer struct {
	aggregates map[uuid.UUID]bool
	reason     string
	err        error
}

// DropSnapshotsOf implements ports.SnapshotDropper.
func (d *drawer) DropSnapshotsOf(ctx context.Context, id uuid.UUID) (n uint64, err error) {
	d.reason = ports.ReasonOf(ctx)
	for known := range d.aggregates {
		if id == uuid.Nil || id == known {
			delete(d.aggregates, known)
			n++
		}
	}
	return n, d.err
}

func TestSnapshots(t *testing.T) {
	t.Parallel()
	first, others := uuid.New(), []uuid.UUID{uuid.New(), uuid.New()}
	d := &drawer{aggregates: map[uuid.UUID]bool{first: true, others[0]: true, others[1]: true}}
	config := newShop().config()
	config.Snapshots = d
	handler := handlerOf(t, config)
	for _, test := range []struct {
		path   string
		status int
		says   string
	}{
		{"/v1/snapshots?aggregate_id=" + first.String() + "&reason=a+test", 200, `{"aggregates":1}`},
		{"/v1/snapshots?aggregate_id=x", 400, `"aggregate_id"`},
		{"/v1/snapshots?reason=a+test", 200, `{"aggregates":2}`},
	} {
		answer := do(t, handler, request{method: "DELETE", path: test.path})
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.says) || d.reason != "a test" {
			t.Errorf("%s: %d %s, reason %q", test.path, answer.Code, answer.Body, d.reason)
		}
	}
	d.err = ports.ErrUnavailable
	wantProblem(t, do(t, handler, request{method: "DELETE", path: "/v1/snapshots"}), 503, "unavailable", "")
}
