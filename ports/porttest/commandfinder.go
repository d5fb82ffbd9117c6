package porttest

import (
	"context"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func commandFinderScenarios() []scenario[CommandFinderHarness] {
	return []scenario[CommandFinderHarness]{
		{"what no history has is not found", noCommand},
		{"every command of a history is found with all its records", everyCommand},
		{"a command is found as soon as its append is acknowledged", acknowledgedCommand},
		{"an append that was refused leaves no command", refusedCommand},
		{"a command id belongs to one aggregate", commandOfTwo},
		{"memory is not shared with finders", foundMemory},
		{"an ended context stops a search", commandFinderCancelled},
		{"a closed store refuses a search", commandFinderClosed},
		{"a restart loses no command", commandFinderReopened},
	}
}

func (t test) expectCommand(h CommandFinderHarness, id, commandID uuid.UUID, want []eventsourcing.Record) {
	t.Helper()
	var got []eventsourcing.Record
	var err error
	t.within("FindCommand", func(ctx context.Context) { got, err = h.Finder.FindCommand(ctx, id, commandID) })
	t.must("find a command", err)
	t.expectRecords("command", got, want)
}

func noCommand(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 2)
	t.append(h.Store, a)
	t.expectCommand(h, a.AggregateID, newID(), nil)
	t.expectCommand(h, newID(), a.CommandID, nil)
	t.expectCommand(h, uuid.Max, uuid.Max, nil)
}

func everyCommand(t test, h CommandFinderHarness) {
	id := newID()
	var commands []ports.Append
	head := uint64(0)
	for i := range 40 {
		a := command(id, head, 1+i%3)
		t.append(h.Store, a)
		commands, head = append(commands, a), head+uint64(len(a.Records))
	}
	for _, a := range commands {
		t.expectCommand(h, id, a.CommandID, a.Records)
	}
}

func acknowledgedCommand(t test, h CommandFinderHarness) {
	id := newID()
	for head := range uint64(50) {
		a := command(id, head, 1)
		t.append(h.Store, a)
		t.expectCommand(h, id, a.CommandID, a.Records)
	}
}

func refusedCommand(t test, h CommandFinderHarness) {
	first := command(newID(), 0, 2)
	t.append(h.Store, first)
	lost := command(first.AggregateID, 1, 1)
	t.expectConflict(h.Store, lost, 2)
	t.expectCommand(h, first.AggregateID, lost.CommandID, nil)
}

func commandOfTwo(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 1)
	t.append(h.Store, a)
	b := a
	b.AggregateID = newID()
	b = again(b, 2)
	t.append(h.Store, b)
	t.expectCommand(h, a.AggregateID, a.CommandID, a.Records)
	t.expectCommand(h, b.AggregateID, b.CommandID, b.Records)
}

func foundMemory(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 2)
	want := again(a, 0).Records
	for _, r := range a.Records {
		want = append(want, r.Clone())
	}
	t.append(h.Store, a)
	var got []eventsourcing.Record
	var err error
	t.within("FindCommand", func(ctx context.Context) { got, err = h.Finder.FindCommand(ctx, a.AggregateID, a.CommandID) })
	t.must("find a command", err)
	scribble(got)
	t.expectCommand(h, a.AggregateID, a.CommandID, want)
}

func findCalls(h CommandFinderHarness, a ports.Append) call {
	return call{"FindCommand", func(ctx context.Context) error {
		_, err := h.Finder.FindCommand(ctx, a.AggregateID, a.CommandID)
		return err
	}}
}

func commandFinderCancelled(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 1)
	t.append(h.Store, a)
	t.refusesCancelled(findCalls(h, a))
	t.expectCommand(h, a.AggregateID, a.CommandID, a.Records)
}

func commandFinderClosed(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 1)
	t.append(h.Store, a)
	t.refusesClosed(h, findCalls(h, a))
}

func commandFinderReopened(t test, h CommandFinderHarness) {
	a := command(newID(), 0, 2)
	t.append(h.Store, a)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectCommand(h, a.AggregateID, a.CommandID, a.Records)
	t.expectCommand(h, a.AggregateID, newID(), nil)
}
