package cli

import "testing"

func TestSnapshots_drop(t *testing.T) {
	t.Parallel()
	const all, one = "DELETE /v1/snapshots", "DELETE /v1/snapshots?aggregate_id=" + anOrder
	s := newFakeService(t, map[string][]string{all: {`200 {"aggregates":7}`}, one: {`200 {"aggregates":1}`}})
	s.wantRun(t, 0, "the snapshots of 7 aggregates are deleted\n", "", []string{all}, "snapshots", "drop")
	s.wantRun(t, 0, "the snapshots of 1 aggregates are deleted\n", "", []string{all, one}, "snapshots", "drop", anOrder)
	want(t, 2, "is not the id of an order", "snapshots", "drop", "x")
	want(t, 2, "", "snapshots", "drop", anOrder, "y")
}
