package porttest

import (
	"context"
	"errors"

	"orderflow/ports"
)

func consumerRegistryScenarios() []scenario[ConsumerRegistryHarness] {
	return []scenario[ConsumerRegistryHarness]{
		{"a consumer that never ran is not found", unknownConsumer},
		{"every field of a record comes back", savedConsumer},
		{"a later record replaces the earlier one", replacedConsumer},
		{"consumers are separate", separateConsumers},
		{"an ended context stops a call before it does anything", registryCancelled},
		{"a closed store refuses", registryClosed},
		{"everything is there after a restart", registryReopened},
	}
}

func (t test) saveConsumer(registry ports.ConsumerRegistry, record ports.ConsumerRecord) {
	t.Helper()
	var err error
	t.within("SaveConsumer", func(ctx context.Context) { err = registry.SaveConsumer(ctx, record) })
	t.must("save a consumer", err)
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

func unknownConsumer(t test, h ConsumerRegistryHarness) {
	t.expectNoConsumer(h.Registry, "a")
	t.saveConsumer(h.Registry, ports.ConsumerRecord{Name: "a", Generation: 1})
	t.expectNoConsumer(h.Registry, "b")
	t.expectNoConsumer(h.Registry, "a-longer-name")
}

func savedConsumer(t test, h ConsumerRegistryHarness) {
	for _, record := range []ports.ConsumerRecord{
		{Name: "just-a-name"},
		{Name: "catching-up", Generation: 7, CatchingUp: true},
		{Name: "Zoë/1 ", Generation: 1 << 30},
	} {
		t.saveConsumer(h.Registry, record)
		t.expectConsumer(h.Registry, record)
	}
}

func replacedConsumer(t test, h ConsumerRegistryHarness) {
	for _, record := range []ports.ConsumerRecord{
		{Name: "a", Generation: 1, CatchingUp: true},
		{Name: "a", Generation: 1},
		{Name: "a", Generation: 2, CatchingUp: true},
		{Name: "a"},
	} {
		t.saveConsumer(h.Registry, record)
		t.expectConsumer(h.Registry, record)
	}
}

func separateConsumers(t test, h ConsumerRegistryHarness) {
	a, b := ports.ConsumerRecord{Name: "a", Generation: 1, CatchingUp: true}, ports.ConsumerRecord{Name: "a/b", Generation: 2}
	t.saveConsumer(h.Registry, a)
	t.saveConsumer(h.Registry, b)
	t.expectConsumer(h.Registry, a)
	t.expectConsumer(h.Registry, b)
}

func registryCalls(h ConsumerRegistryHarness) []call {
	return []call{
		{"Consumer", func(ctx context.Context) error { _, err := h.Registry.Consumer(ctx, "a"); return err }},
		{"SaveConsumer", func(ctx context.Context) error {
			return h.Registry.SaveConsumer(ctx, ports.ConsumerRecord{Name: "a", Generation: 1})
		}},
	}
}

func registryCancelled(t test, h ConsumerRegistryHarness) {
	t.refusesCancelled(registryCalls(h)...)
	t.expectNoConsumer(h.Registry, "a")
}

func registryClosed(t test, h ConsumerRegistryHarness) {
	t.saveConsumer(h.Registry, ports.ConsumerRecord{Name: "a", Generation: 1})
	t.refusesClosed(h, registryCalls(h)...)
}

func registryReopened(t test, h ConsumerRegistryHarness) {
	record := ports.ConsumerRecord{Name: "a", Generation: 3, CatchingUp: true}
	t.saveConsumer(h.Registry, record)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectConsumer(h.Registry, record)
	t.expectNoConsumer(h.Registry, "b")
}
