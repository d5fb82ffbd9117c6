package porttest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenRegistry replaces what is set.
type brokenRegistry struct {
	ports.ConsumerRegistry
	consumer func(ctx context.Context, name string) (ports.ConsumerRecord, error)
	save     func(ctx context.Context, record ports.ConsumerRecord) error
}

func (b brokenRegistry) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	if b.consumer == nil {
		return b.ConsumerRegistry.Consumer(ctx, name)
	}
	return b.consumer(ctx, name)
}

func (b brokenRegistry) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) error {
	if b.save == nil {
		return b.ConsumerRegistry.SaveConsumer(ctx, record)
	}
	return b.save(ctx, record)
}

func soundRegistry(s *memory.Store) ConsumerRegistryHarness {
	return ConsumerRegistryHarness{
		Registry: s, Close: s.Close,
		Reopen: func(testing.TB) ConsumerRegistryHarness { return soundRegistry(s.Reopen()) },
	}
}

// finding breaks Consumer, saving breaks SaveConsumer.
func finding(broken func(s *memory.Store, ctx context.Context, name string) (ports.ConsumerRecord, error)) func(*memory.Store) ConsumerRegistryHarness {
	return func(s *memory.Store) ConsumerRegistryHarness {
		h := soundRegistry(s)
		h.Registry = brokenRegistry{ConsumerRegistry: s, consumer: func(ctx context.Context, name string) (ports.ConsumerRecord, error) {
			return broken(s, ctx, name)
		}}
		return h
	}
}

func saving(broken func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error) func(*memory.Store) ConsumerRegistryHarness {
	return func(s *memory.Store) ConsumerRegistryHarness {
		h := soundRegistry(s)
		h.Registry = brokenRegistry{ConsumerRegistry: s, save: func(ctx context.Context, record ports.ConsumerRecord) error {
			return broken(s, ctx, record)
		}}
		return h
	}
}

func TestConsumerRegistry_IsProved(t *testing.T) {
	t.Parallel()
	const (
		unknown   = "a consumer that never ran is not found"
		fields    = "every field of a record comes back"
		cancelled = "an ended context stops a call before it does anything"
	)
	prove(t, consumerRegistryScenarios(), soundRegistry, []proof[ConsumerRegistryHarness]{
		{
			broken: "makes up a consumer", scenario: unknown, says: "error <nil>, want not found",
			adapter: finding(func(s *memory.Store, ctx context.Context, name string) (ports.ConsumerRecord, error) {
				record, err := s.Consumer(ctx, name)
				if errors.Is(err, ports.ErrNotFound) {
					return ports.ConsumerRecord{Name: name}, nil
				}
				return record, err
			}),
		},
		{
			broken: "takes a beginning for a name", scenario: unknown, says: "error <nil>, want not found",
			adapter: finding(func(s *memory.Store, ctx context.Context, name string) (ports.ConsumerRecord, error) {
				return s.Consumer(ctx, name[:1])
			}),
		},
		{
			broken: "loses the catch-up", scenario: fields, says: "CatchingUp:true}",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				record.CatchingUp = false
				return s.SaveConsumer(ctx, record)
			}),
		},
		{
			broken: "loses the generation", scenario: fields, says: "Generation:7",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				record.Generation = 0
				return s.SaveConsumer(ctx, record)
			}),
		},
		{
			broken: "keeps the first record", scenario: "a later record replaces the earlier one", says: "CatchingUp:true}, want",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				if _, err := s.Consumer(ctx, record.Name); err == nil {
					return nil
				}
				return s.SaveConsumer(ctx, record)
			}),
		},
		{
			broken: "writes only what is set", scenario: "a later record replaces the earlier one", says: "CatchingUp:true}, want",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				old, err := s.Consumer(ctx, record.Name)
				record.CatchingUp = record.CatchingUp || err == nil && old.CatchingUp
				return s.SaveConsumer(ctx, record)
			}),
		},
		{
			broken: "cuts names at a slash", scenario: "consumers are separate", says: "consumer a is",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				record.Name, _, _ = strings.Cut(record.Name, "/")
				return s.SaveConsumer(ctx, record)
			}),
		},
		{
			broken: "saves although the context has ended", scenario: cancelled, says: "SaveConsumer with an ended context: error <nil>",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				return s.SaveConsumer(context.WithoutCancel(ctx), record)
			}),
		},
		{
			broken: "saves and then looks at the context", scenario: cancelled, says: "want not found",
			adapter: saving(func(s *memory.Store, ctx context.Context, record ports.ConsumerRecord) error {
				return errors.Join(s.SaveConsumer(context.WithoutCancel(ctx), record), ctx.Err())
			}),
		},
		{
			broken: "finds although the context has ended", scenario: cancelled, says: "Consumer with an ended context",
			adapter: finding(func(s *memory.Store, ctx context.Context, name string) (ports.ConsumerRecord, error) {
				return s.Consumer(context.WithoutCancel(ctx), name)
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses", says: "Consumer after close: error <nil>",
			adapter: func(s *memory.Store) ConsumerRegistryHarness {
				h := soundRegistry(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets everything", scenario: "everything is there after a restart", says: "not found",
			adapter: func(s *memory.Store) ConsumerRegistryHarness {
				h := soundRegistry(s)
				h.Reopen = func(testing.TB) ConsumerRegistryHarness { return soundRegistry(memory.New(memory.Options{})) }
				return h
			},
		},
	})
}
