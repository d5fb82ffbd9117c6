package porttest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// identity is a broken ports.StoreIdentity.
type identity func(ctx context.Context) (uuid.UUID, error)

func (f identity) StoreID(ctx context.Context) (uuid.UUID, error) { return f(ctx) }

func soundIdentity(s *memory.Store) StoreIdentityHarness {
	return StoreIdentityHarness{
		Identity: s, Another: func(testing.TB) ports.StoreIdentity { return memory.New(memory.Options{}) },
		Close: s.Close, Reopen: func(testing.TB) StoreIdentityHarness { return soundIdentity(s.Reopen()) },
	}
}

// identifies breaks StoreID, before a restart and after it.
func identifies(broken func(s *memory.Store) identity) func(*memory.Store) StoreIdentityHarness {
	var harness func(s *memory.Store) StoreIdentityHarness
	harness = func(s *memory.Store) StoreIdentityHarness {
		h := soundIdentity(s)
		h.Identity = broken(s)
		h.Reopen = func(testing.TB) StoreIdentityHarness { return harness(s.Reopen()) }
		h.Another = func(testing.TB) ports.StoreIdentity { return broken(memory.New(memory.Options{})) }
		return h
	}
	return harness
}

func TestStoreIdentity_isProved(t *testing.T) {
	t.Parallel()
	fixed := func(id uuid.UUID) func(*memory.Store) identity {
		return func(*memory.Store) identity {
			return func(ctx context.Context) (uuid.UUID, error) { return id, ctx.Err() }
		}
	}
	prove(t, storeIdentityScenarios(), soundIdentity, []proof[StoreIdentityHarness]{
		{
			broken: "has no id", scenario: "a store has one id, whoever asks first", says: "has the ids",
			adapter: identifies(fixed(uuid.Nil)),
		},
		{
			broken: "makes a new id for each call", scenario: "a store has one id, whoever asks first", says: "has the ids",
			adapter: identifies(func(*memory.Store) identity {
				return func(context.Context) (uuid.UUID, error) { return newID(), nil }
			}),
		},
		{
			broken: "makes a new id at each start", scenario: "the id is there after a restart", says: "after a restart it is",
			adapter: identifies(func(*memory.Store) identity {
				id := newID()
				return func(context.Context) (uuid.UUID, error) { return id, nil }
			}),
		},
		{
			broken: "has the same id everywhere", scenario: "another store has another id", says: "the same id",
			adapter: identifies(fixed(uuid.UUID{15: 1})),
		},
		{
			broken: "looks at no context", scenario: "an ended context stops a call", says: "StoreID",
			adapter: identifies(func(s *memory.Store) identity {
				return func(context.Context) (uuid.UUID, error) { return s.StoreID(context.Background()) }
			}),
		},
		{
			broken: "answers when it is closed", scenario: "a closed store refuses", says: "StoreID",
			adapter: identifies(func(s *memory.Store) identity {
				return func(ctx context.Context) (uuid.UUID, error) {
					id, err := s.StoreID(ctx)
					if errors.Is(err, ports.ErrClosed) {
						return uuid.UUID{15: 1}, nil
					}
					return id, err
				}
			}),
		},
	})
}
