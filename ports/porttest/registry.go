package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/ports"
)

func consumerRegistryScenarios() []scenario[ConsumerRegistryHarness] {
	return []scenario[ConsumerRegistryHarness]{
		{"a consumer that never ran is not found", unknownConsumer},
		{"every field of a record comes back", savedConsumer},
		{"zero times stay zero", timelessConsumer},
		{"a later record replaces the earlier one", replacedConsumer},
		{"revisions grow, and saving returns what is stored", revisionsGrow},
		{"a stale revision is refused and stores nothing", staleRevision},
		{"a first save of what is there already is refused", secondFirstSave},
		{"a revision that was never given is refused", futureRevision},
		{"of several who save the same revision one wins", oneSaveWins},
		{"consumers are separate", separateConsumers},
		{"an ended context stops a call before it does anything", registryCancelled},
		{"a closed store refuses", registryClosed},
		{"everything is there after a restart", registryReopened},
	}
}

// saveConsumer saves a record and returns it as it was stored.
func (t test) saveConsumer(registry ports.ConsumerRegistry, record ports.ConsumerRecord) (saved ports.ConsumerRecord) {
	t.Helper()
	var err error
	t.within("SaveConsumer", func(ctx context.Context) { saved, err = registry.SaveConsumer(ctx, record) })
	t.must("save a consumer", err)
	return saved
}

// refusesRevision saves a record whose revision is not the one that is there.
func (t test) refusesRevision(registry ports.ConsumerRegistry, record ports.ConsumerRecord) {
	t.Helper()
	var err error
	t.within("SaveConsumer", func(ctx context.Context) { _, err = registry.SaveConsumer(ctx, record) })
	if !errors.Is(err, ports.ErrVersionConflict) {
		t.Fatalf("save of revision %d: error %v, want %v", record.Revision, err, ports.ErrVersionConflict)
	}
}

func (t test) expectConsumer(registry ports.ConsumerRegistry, want ports.ConsumerRecord) {
	t.Helper()
	var got ports.ConsumerRecord
	var err error
	t.within("Consumer", func(ctx context.Context) { got, err = registry.Consumer(ctx, want.Name) })
	t.must("consumer "+want.Name, err)
	if got != want {
		t.Fatalf("consumer %s is %+v, want %+v", want.Name, got, want)
	}
}

func (t test) expectNoConsumer(registry ports.ConsumerRegistry, name string) {
	t.Helper()
	var err error
	t.within("Consumer", func(ctx context.Context) { _, err = registry.Consumer(ctx, name) })
	if !errors.Is(err, ports.ErrNotFound) {
		t.Fatalf("consumer %s, which never ran: error %v, want %v", name, err, ports.ErrNotFound)
	}
}

// fullConsumer returns a record with every field set, to values that depend on n.
func fullConsumer(name string, n int) ports.ConsumerRecord {
	return ports.ConsumerRecord{
		Name:       name,
		Paused:     true,
		CatchingUp: true,
		From:       day.Add(time.Duration(n) * time.Millisecond),
		Live:       ports.Generation{Number: 10 * n, Version: 10*n + 1},
		Next:       ports.Generation{Number: 10*n + 2, Version: 10*n + 3},
		Previous:   ports.Generation{Number: 10*n + 4, Version: 10*n + 5},
		SwitchedAt: day.Add(time.Duration(n) * time.Hour),
	}
}

func unknownConsumer(t test, h ConsumerRegistryHarness) {
	t.expectNoConsumer(h.Registry, "a")
	t.saveConsumer(h.Registry, fullConsumer("a", 1))
	t.expectNoConsumer(h.Registry, "b")
	t.expectNoConsumer(h.Registry, "a-longer-name")
}

func savedConsumer(t test, h ConsumerRegistryHarness) {
	for _, record := range []ports.ConsumerRecord{
		{Name: "just-a-name"},
		fullConsumer("everything", 1),
		{Name: "paused", Paused: true},
		{Name: "catching-up", CatchingUp: true, Live: ports.Generation{Number: 7, Version: 2}},
		{Name: "rebuilding", Live: ports.Generation{Number: 7, Version: 2}, Next: ports.Generation{Number: 8, Version: 3}},
		{Name: "switched", Live: ports.Generation{Number: 8, Version: 3}, Previous: ports.Generation{Number: 7, Version: 2}, SwitchedAt: day},
		{Name: "long-ago", From: time.UnixMilli(-1).UTC()},
		{Name: "Zoë/1 ", Live: ports.Generation{Number: 1 << 30, Version: 1<<31 - 1}},
	} {
		t.expectConsumer(h.Registry, t.saveConsumer(h.Registry, record))
		record.Revision = t.consumer(h.Registry, record.Name).Revision
		t.expectConsumer(h.Registry, record)
	}
}

func (t test) consumer(registry ports.ConsumerRegistry, name string) (record ports.ConsumerRecord) {
	t.Helper()
	var err error
	t.within("Consumer", func(ctx context.Context) { record, err = registry.Consumer(ctx, name) })
	t.must("consumer "+name, err)
	return record
}

// timelessConsumer checks that a zero time stays zero, also when another time was stored before.
func timelessConsumer(t test, h ConsumerRegistryHarness) {
	record := ports.ConsumerRecord{Name: "a", Live: ports.Generation{Number: 1, Version: 1}}
	for range 2 {
		saved := t.saveConsumer(h.Registry, record)
		t.expectConsumer(h.Registry, saved)
		if !saved.From.IsZero() || !saved.SwitchedAt.IsZero() {
			t.Fatalf("saved %+v, want zero times", saved)
		}
		saved.From, saved.SwitchedAt = day, day.Add(time.Hour)
		record = t.saveConsumer(h.Registry, saved)
		t.expectConsumer(h.Registry, record)
		record.From, record.SwitchedAt = time.Time{}, time.Time{}
	}
}

func replacedConsumer(t test, h ConsumerRegistryHarness) {
	revision := uint64(0)
	for _, record := range []ports.ConsumerRecord{
		{Name: "a", Live: ports.Generation{Number: 1}, CatchingUp: true},
		fullConsumer("a", 2),
		fullConsumer("a", 3),
		{Name: "a", Live: ports.Generation{Number: 2}, Paused: true},
		{Name: "a"},
	} {
		record.Revision = revision
		record.Revision = t.saveConsumer(h.Registry, record).Revision
		t.expectConsumer(h.Registry, record)
		revision = record.Revision
	}
}

func revisionsGrow(t test, h ConsumerRegistryHarness) {
	record := fullConsumer("a", 1)
	for n := range 5 {
		if n%2 == 1 {
			record.Paused = !record.Paused // a save that changes nothing also counts
		}
		saved := t.saveConsumer(h.Registry, record)
		if saved.Revision <= record.Revision {
			t.Fatalf("the revision after %d is %d", record.Revision, saved.Revision)
		}
		record.Revision = saved.Revision
		if saved != record {
			t.Fatalf("saved %+v, want %+v", saved, record)
		}
		t.expectConsumer(h.Registry, record)
	}
}

func staleRevision(t test, h ConsumerRegistryHarness) {
	first := t.saveConsumer(h.Registry, fullConsumer("a", 1))
	second := first
	second.Paused = false
	second = t.saveConsumer(h.Registry, second)
	stale := fullConsumer("a", 3)
	stale.Revision = first.Revision
	for range 2 {
		t.refusesRevision(h.Registry, stale)
		t.expectConsumer(h.Registry, second)
	}
	stale.Revision = second.Revision
	t.expectConsumer(h.Registry, t.saveConsumer(h.Registry, stale))
}

func secondFirstSave(t test, h ConsumerRegistryHarness) {
	for _, first := range []ports.ConsumerRecord{fullConsumer("a", 1), {Name: "just-a-name"}} {
		saved := t.saveConsumer(h.Registry, first)
		t.refusesRevision(h.Registry, fullConsumer(first.Name, 2))
		t.refusesRevision(h.Registry, first)
		t.expectConsumer(h.Registry, saved)
	}
}

func futureRevision(t test, h ConsumerRegistryHarness) {
	early := fullConsumer("a", 1)
	early.Revision = 1
	t.refusesRevision(h.Registry, early)
	t.expectNoConsumer(h.Registry, "a")
	saved := t.saveConsumer(h.Registry, fullConsumer("a", 2))
	early.Revision = saved.Revision + 1
	t.refusesRevision(h.Registry, early)
	t.expectConsumer(h.Registry, saved)
}

// oneSaveWins lets writers that have all read the same record save at the same time, a few times.
func oneSaveWins(t test, h ConsumerRegistryHarness) {
	var current ports.ConsumerRecord
	for round := range 4 {
		saved := make([]ports.ConsumerRecord, t.Writers)
		failures := make([]error, t.Writers)
		t.together(t.Writers, "saves of the same revision", func(ctx context.Context, i int) error {
			mine := fullConsumer("a", 100*round+i)
			mine.Revision = current.Revision
			saved[i], failures[i] = h.Registry.SaveConsumer(ctx, mine)
			if failures[i] != nil && !errors.Is(failures[i], ports.ErrVersionConflict) {
				return fmt.Errorf("save by writer %d: %w", i, failures[i])
			}
			return nil
		})
		winners := 0
		for i, failure := range failures {
			if failure == nil {
				winners++
				current = saved[i]
			}
		}
		if winners != 1 {
			t.Fatalf("%d of %d writers saved the same revision, want one", winners, t.Writers)
		}
		t.expectConsumer(h.Registry, current)
	}
}

func separateConsumers(t test, h ConsumerRegistryHarness) {
	a, b := fullConsumer("a", 1), fullConsumer("a/b", 2)
	a = t.saveConsumer(h.Registry, a)
	b = t.saveConsumer(h.Registry, b)
	t.expectConsumer(h.Registry, a)
	t.expectConsumer(h.Registry, b)
	b.Paused = false
	b = t.saveConsumer(h.Registry, b)
	t.expectConsumer(h.Registry, t.saveConsumer(h.Registry, a))
	t.expectConsumer(h.Registry, b)
}

func registryCalls(h ConsumerRegistryHarness) []call {
	return []call{
		{"Consumer", func(ctx context.Context) error { _, err := h.Registry.Consumer(ctx, "a"); return err }},
		{"SaveConsumer", func(ctx context.Context) error {
			_, err := h.Registry.SaveConsumer(ctx, fullConsumer("b", 1))
			return err
		}},
	}
}

func registryCancelled(t test, h ConsumerRegistryHarness) {
	saved := t.saveConsumer(h.Registry, fullConsumer("a", 1))
	t.refusesCancelled(registryCalls(h)...)
	t.expectConsumer(h.Registry, saved)
	t.expectNoConsumer(h.Registry, "b")
}

func registryClosed(t test, h ConsumerRegistryHarness) {
	t.saveConsumer(h.Registry, fullConsumer("a", 1))
	t.refusesClosed(h, registryCalls(h)...)
}

func registryReopened(t test, h ConsumerRegistryHarness) {
	saved := t.saveConsumer(h.Registry, fullConsumer("a", 3))
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectConsumer(h.Registry, saved)
	t.expectNoConsumer(h.Registry, "b")
	t.refusesRevision(h.Registry, fullConsumer("a", 4))
	t.expectConsumer(h.Registry, t.saveConsumer(h.Registry, saved))
}
