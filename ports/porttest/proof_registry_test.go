package porttest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenRegistry replaces the functions that are set.
type brokenRegistry struct {
	ports.ConsumerRegistry
	consumer func(ctx context.Context, name string) (ports.ConsumerRecord, error)
	save     saveFunc
}

type saveFunc = func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error)

func (b brokenRegistry) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	if b.consumer == nil {
		return b.ConsumerRegistry.Consumer(ctx, name)
	}
	return b.consumer(ctx, name)
}

func (b brokenRegistry) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
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

func saving(broken func(s *memory.Store) saveFunc) func(*memory.Store) ConsumerRegistryHarness {
	return func(s *memory.Store) ConsumerRegistryHarness {
		h := soundRegistry(s)
		h.Registry = brokenRegistry{ConsumerRegistry: s, save: broken(s)}
		return h
	}
}

// losing stores another record than the given one.
func losing(spoil func(record *ports.ConsumerRecord)) func(*memory.Store) ConsumerRegistryHarness {
	return saving(func(s *memory.Store) saveFunc {
		return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
			spoiled := record
			spoil(&spoiled)
			saved, err := s.SaveConsumer(ctx, spoiled)
			record.Revision = saved.Revision
			return record, err
		}
	})
}

// storedRevision returns the revision of a record in the store. It is 0 when there is none.
func storedRevision(s *memory.Store, name string) uint64 {
	record, _ := s.Consumer(context.Background(), name)
	return record.Revision
}

func TestConsumerRegistry_IsProved(t *testing.T) {
	t.Parallel()
	prove(t, consumerRegistryScenarios(), soundRegistry, append(proofsOfRevisions(), proofsOfRegistry()...))
}

func proofsOfRevisions() []proof[ConsumerRegistryHarness] {
	const (
		grow  = "revisions grow, and saving returns what is stored"
		stale = "a stale revision is refused and stores nothing"
		first = "a first save of what is there already is refused"
		race  = "of several who save the same revision one wins"
	)
	// unconditional saves without comparing revisions.
	unconditional := saving(func(s *memory.Store) saveFunc {
		return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
			record.Revision = storedRevision(s, record.Name)
			return s.SaveConsumer(ctx, record)
		}
	})
	return []proof[ConsumerRegistryHarness]{
		{broken: "ignores revisions", scenario: stale, says: "error <nil>, want version conflict", adapter: unconditional},
		{broken: "ignores revisions", scenario: first, says: "error <nil>, want version conflict", adapter: unconditional},
		{broken: "ignores revisions", scenario: race, says: "saved the same revision, want one", adapter: unconditional},
		{broken: "ignores revisions", scenario: "a revision that was never given is refused", says: "error <nil>, want version conflict", adapter: unconditional},
		{
			broken: "returns what it was given", scenario: grow, says: "the revision after 0 is 0",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					_, err := s.SaveConsumer(ctx, record)
					return record, err
				}
			}),
		},
		{
			broken: "returns the revision alone", scenario: grow, says: "saved {Name:a Revision:1 Paused:false",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					saved, err := s.SaveConsumer(ctx, record)
					return ports.ConsumerRecord{Name: saved.Name, Revision: saved.Revision}, err
				}
			}),
		},
		{
			broken: "refuses what is older, and stores it", scenario: stale, says: "consumer a is",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					saved, err := s.SaveConsumer(ctx, record)
					if errors.Is(err, ports.ErrVersionConflict) {
						record.Revision = storedRevision(s, record.Name)
						_, _ = s.SaveConsumer(ctx, record)
					}
					return saved, err
				}
			}),
		},
		{
			broken: "accepts revisions above the stored one", scenario: "a revision that was never given is refused", says: "error <nil>, want version conflict",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					record.Revision = min(record.Revision, storedRevision(s, record.Name))
					return s.SaveConsumer(ctx, record)
				}
			}),
		},
		{
			broken: "accepts a first save at any time", scenario: first, says: "error <nil>, want version conflict",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					if record.Revision == 0 {
						record.Revision = storedRevision(s, record.Name)
					}
					return s.SaveConsumer(ctx, record)
				}
			}),
		},
		{broken: "compares and then saves", scenario: race, says: "saved the same revision, want one", adapter: savesInTwoSteps},
	}
}

// savesInTwoSteps lets others save between its comparison and its save.
func savesInTwoSteps(s *memory.Store) ConsumerRegistryHarness {
	return saving(func(s *memory.Store) saveFunc {
		var mu sync.Mutex
		arrived, compared := 0, make(chan struct{})
		return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
			if storedRevision(s, record.Name) != record.Revision {
				return ports.ConsumerRecord{}, ports.ErrVersionConflict
			}
			mu.Lock()
			if arrived++; arrived == 2 {
				close(compared)
			}
			mu.Unlock()
			<-compared
			mu.Lock()
			defer mu.Unlock()
			record.Revision = storedRevision(s, record.Name)
			return s.SaveConsumer(ctx, record)
		}
	})(s)
}

func proofsOfRegistry() []proof[ConsumerRegistryHarness] {
	const (
		unknown   = "a consumer that never ran is not found"
		fields    = "every field of a record comes back"
		zero      = "zero times stay zero"
		replaced  = "a later record replaces the earlier one"
		cancelled = "an ended context stops a call before it does anything"
	)
	proofs := []proof[ConsumerRegistryHarness]{
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
			broken: "makes a time of none", scenario: zero, says: "1970-01-01",
			adapter: losing(func(record *ports.ConsumerRecord) {
				if record.From.IsZero() {
					record.From = time.Unix(0, 0).UTC()
				}
			}),
		},
		{
			broken: "keeps a time that is taken away", scenario: zero, says: "consumer a is",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					stored := record
					if old, err := s.Consumer(ctx, record.Name); err == nil && record.SwitchedAt.IsZero() {
						stored.SwitchedAt = old.SwitchedAt
					}
					saved, err := s.SaveConsumer(ctx, stored)
					record.Revision = saved.Revision
					return record, err
				}
			}),
		},
		{
			broken: "keeps the first record", scenario: replaced, says: "consumer a is",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					if old, err := s.Consumer(ctx, record.Name); err == nil {
						return s.SaveConsumer(ctx, old)
					}
					return s.SaveConsumer(ctx, record)
				}
			}),
		},
		{
			broken: "writes only what is set", scenario: replaced, says: "CatchingUp:true",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					old, err := s.Consumer(ctx, record.Name)
					record.CatchingUp = record.CatchingUp || err == nil && old.CatchingUp
					return s.SaveConsumer(ctx, record)
				}
			}),
		},
		{
			broken: "cuts names at a slash", scenario: "consumers are separate", says: "version conflict",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					record.Name, _, _ = strings.Cut(record.Name, "/")
					return s.SaveConsumer(ctx, record)
				}
			}),
		},
		{
			broken: "saves although the context has ended", scenario: cancelled, says: "SaveConsumer with an ended context: error <nil>",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					return s.SaveConsumer(context.WithoutCancel(ctx), record)
				}
			}),
		},
		{
			broken: "saves and then looks at the context", scenario: cancelled, says: "want not found",
			adapter: saving(func(s *memory.Store) saveFunc {
				return func(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
					saved, err := s.SaveConsumer(context.WithoutCancel(ctx), record)
					if ctx.Err() != nil {
						return ports.ConsumerRecord{}, ctx.Err()
					}
					return saved, err
				}
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
	}
	for field, spoil := range map[string]func(*ports.ConsumerRecord){
		"the pause":                           func(r *ports.ConsumerRecord) { r.Paused = false },
		"the catch-up":                        func(r *ports.ConsumerRecord) { r.CatchingUp = false },
		"where the effects start":             func(r *ports.ConsumerRecord) { r.From = time.Time{} },
		"the milliseconds":                    func(r *ports.ConsumerRecord) { r.From = r.From.Truncate(time.Second) },
		"the number of the live one":          func(r *ports.ConsumerRecord) { r.Live.Number = 0 },
		"the version of the live one":         func(r *ports.ConsumerRecord) { r.Live.Version = 0 },
		"the generation that is being filled": func(r *ports.ConsumerRecord) { r.Next = ports.Generation{} },
		"the previous generation":             func(r *ports.ConsumerRecord) { r.Previous = ports.Generation{} },
		"when it was switched":                func(r *ports.ConsumerRecord) { r.SwitchedAt = time.Time{} },
	} {
		proofs = append(proofs, proof[ConsumerRegistryHarness]{
			broken: "loses " + field, scenario: fields, says: ", want {Name:", adapter: losing(spoil),
		})
	}
	return proofs
}
