package porttest

import (
	"context"

	"orderflow/ports"
)

// checkScenarios are those of ports.ViewChecker. They pass for a store that does not implement it.
func checkScenarios() []scenario[ViewsHarness] {
	return []scenario[ViewsHarness]{
		{"a view has states from its first change to its drop", hasStates},
		{"an ended context stops a check", checkCancelled},
		{"a closed store refuses a check", checkClosed},
	}
}

func (t test) expectStates(h ViewsHarness, view ports.ViewID, want bool) {
	t.Helper()
	var has bool
	var err error
	t.within("HasStates", func(ctx context.Context) { has, err = h.Checker.HasStates(ctx, view) })
	t.must("check a view", err)
	if has != want {
		t.Fatalf("%s/%d has states: %t, want %t", view.Consumer, view.Generation, has, want)
	}
}

func hasStates(t test, h ViewsHarness) {
	if h.Checker == nil {
		return
	}
	view := ports.ViewID{Consumer: "b", Generation: 1}
	t.expectStates(h, view, false)
	for _, other := range []ports.ViewID{{Consumer: "b", Generation: 2}, {Consumer: "a", Generation: 1}, {Consumer: "bc", Generation: 1}} {
		t.applyTo(h, other, listing(newID(), 1, "ACTIVE"))
		t.expectStates(h, view, false)
	}
	bare := ports.Change{AggregateID: newID(), State: ports.ViewState{SequenceNumber: 1}}
	t.applyTo(h, view, bare)
	t.expectStates(h, view, true)
	t.drop(h, view, nil)
	t.expectStates(h, view, false)
	t.expectStates(h, ports.ViewID{Consumer: "b", Generation: 2}, true)
}

func checkCall(h ViewsHarness) call {
	return call{"HasStates", func(ctx context.Context) error {
		_, err := h.Checker.HasStates(ctx, someView)
		return err
	}}
}

func checkCancelled(t test, h ViewsHarness) {
	if h.Checker != nil {
		t.refusesCancelled(checkCall(h))
	}
}

func checkClosed(t test, h ViewsHarness) {
	if h.Checker != nil {
		t.refusesClosed(h, checkCall(h))
	}
}
