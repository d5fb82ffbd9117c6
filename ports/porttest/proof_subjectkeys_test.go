package porttest

import (
	"context"
	"errors"
	"testing"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenKeys replaces the methods that are set.
type brokenKeys struct {
	*memory.Store
	load    func(ctx context.Context, subject ports.Subject) ([]byte, error)
	add     func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error)
	block   func(ctx context.Context, subject ports.Subject) error
	destroy func(ctx context.Context, subject ports.Subject) error
	list    func(ctx context.Context, found func(ports.Subject) error) error
}

func (b brokenKeys) LoadSubjectKey(ctx context.Context, subject ports.Subject) ([]byte, error) {
	if b.load == nil {
		return b.Store.LoadSubjectKey(ctx, subject)
	}
	return b.load(ctx, subject)
}

func (b brokenKeys) AddSubjectKey(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
	if b.add == nil {
		return b.Store.AddSubjectKey(ctx, subject, wrapped)
	}
	return b.add(ctx, subject, wrapped)
}

func (b brokenKeys) BlockSubject(ctx context.Context, subject ports.Subject) error {
	if b.block == nil {
		return b.Store.BlockSubject(ctx, subject)
	}
	return b.block(ctx, subject)
}

func (b brokenKeys) DestroySubject(ctx context.Context, subject ports.Subject) error {
	if b.destroy == nil {
		return b.Store.DestroySubject(ctx, subject)
	}
	return b.destroy(ctx, subject)
}

func (b brokenKeys) ErasedSubjects(ctx context.Context, found func(ports.Subject) error) error {
	if b.list == nil {
		return b.Store.ErasedSubjects(ctx, found)
	}
	return b.list(ctx, found)
}

func soundKeys(s *memory.Store) SubjectKeysHarness {
	return SubjectKeysHarness{
		Keys: s, Eraser: s, Erased: s, Close: s.Close,
		Reopen: func(testing.TB) SubjectKeysHarness { return soundKeys(s.Reopen()) },
	}
}

func keysAs(broken func(s *memory.Store) brokenKeys) func(*memory.Store) SubjectKeysHarness {
	return func(s *memory.Store) SubjectKeysHarness {
		h := soundKeys(s)
		b := broken(s)
		b.Store = s
		h.Keys, h.Eraser, h.Erased = b, b, b
		return h
	}
}

func TestSubjectKeys_areProved(t *testing.T) {
	t.Parallel()
	none := func(context.Context, ports.Subject) error { return nil }
	shared := wrappedKey(1) // the memory that a broken adapter shares
	prove(t, subjectKeysScenarios(), soundKeys, []proof[SubjectKeysHarness]{
		{
			broken: "lists no erasure", scenario: "the list of erasures has all of them and nothing else", says: "is not listed",
			adapter: keysAs(func(*memory.Store) brokenKeys {
				return brokenKeys{list: func(context.Context, func(ports.Subject) error) error { return nil }}
			}),
		},
		{
			broken: "lists a subject that has its key", scenario: "the list of erasures has all of them and nothing else", says: "are listed",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{list: func(ctx context.Context, found func(ports.Subject) error) error {
					return errors.Join(found("5f0c"), s.ErasedSubjects(ctx, found))
				}}
			}),
		},
		{
			broken: "goes on with the list after an error", scenario: "an error ends the list of erasures", says: "after 3 calls",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{list: func(ctx context.Context, found func(ports.Subject) error) error {
					var failed error
					err := s.ErasedSubjects(ctx, func(subject ports.Subject) error {
						failed = found(subject)
						return nil
					})
					return errors.Join(failed, err)
				}}
			}),
		},
		{
			broken: "takes a missing key for an erasure", scenario: "a subject without a key has none, and that is no erasure", says: "want the subject has no key",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{load: func(ctx context.Context, subject ports.Subject) ([]byte, error) {
					key, err := s.LoadSubjectKey(ctx, subject)
					if errors.Is(err, ports.ErrSubjectKeyMissing) {
						err = ports.ErrSubjectErased
					}
					return key, err
				}}
			}),
		},
		{
			broken: "says that it kept what it did not keep", scenario: "the first key of a subject stays", says: "a second key is kept",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
					_, err := s.AddSubjectKey(ctx, subject, wrapped)
					return wrapped, err
				}}
			}),
		},
		{
			broken: "returns what the caller gave", scenario: "of keys that are added at once, everybody gets the same", says: "caller",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
					if _, err := s.AddSubjectKey(ctx, subject, wrapped); err != nil {
						return nil, err
					}
					return append([]byte(nil), wrapped...), nil
				}}
			}),
		},
		{
			broken: "keeps anything", scenario: "an empty key is refused", says: "an empty key is accepted",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
					return s.AddSubjectKey(ctx, subject, append(wrapped, 0))
				}}
			}),
		},
		{
			broken: "blocks nothing", scenario: "a blocked subject gives and takes no key", says: "error <nil>",
			adapter: keysAs(func(*memory.Store) brokenKeys { return brokenKeys{block: none} }),
		},
		{
			broken: "destroys nothing", scenario: "a destroyed subject gives and takes no key", says: "error <nil>",
			adapter: keysAs(func(*memory.Store) brokenKeys { return brokenKeys{destroy: none} }),
		},
		{
			broken: "blocks only what has a key", scenario: "an erasure leaves a record for a subject without a key", says: "no key",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{block: func(ctx context.Context, subject ports.Subject) error {
					if _, err := s.LoadSubjectKey(ctx, subject); err != nil {
						return nil // this is what is broken
					}
					return s.BlockSubject(ctx, subject)
				}}
			}),
		},
		{
			broken: "cuts the names of subjects", scenario: "an erasure concerns no other subject", says: "erased",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				cut := func(subject ports.Subject) ports.Subject { return subject[:min(63, len(subject))] }
				return brokenKeys{
					load: func(ctx context.Context, subject ports.Subject) ([]byte, error) {
						return s.LoadSubjectKey(ctx, cut(subject))
					},
					add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
						return s.AddSubjectKey(ctx, cut(subject), wrapped)
					},
					block: func(ctx context.Context, subject ports.Subject) error { return s.BlockSubject(ctx, cut(subject)) },
					destroy: func(ctx context.Context, subject ports.Subject) error {
						return s.DestroySubject(ctx, cut(subject))
					},
				}
			}),
		},
		{
			broken: "adds a key after the block", scenario: "no key is given out after a block that was made at the same time", says: "the key is",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				other := memory.New(memory.Options{})
				return brokenKeys{
					load: func(ctx context.Context, subject ports.Subject) ([]byte, error) {
						if key, err := other.LoadSubjectKey(ctx, subject); err == nil {
							return key, nil
						}
						return s.LoadSubjectKey(ctx, subject)
					},
					block: func(ctx context.Context, subject ports.Subject) error {
						if err := s.BlockSubject(ctx, subject); err != nil {
							return err
						}
						_, err := other.AddSubjectKey(ctx, subject, wrappedKey(1))
						return err
					},
				}
			}),
		},
		{
			broken: "keeps the slice that it is given", scenario: "memory of keys is not shared", says: "the key is 78",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{
					add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
						shared = wrapped
						return s.AddSubjectKey(ctx, subject, wrapped)
					},
					load: func(context.Context, ports.Subject) ([]byte, error) { return shared, nil },
				}
			}),
		},
		{
			broken: "looks at no context", scenario: "an ended context stops a call on keys before it does anything", says: "AddSubjectKey",
			adapter: keysAs(func(s *memory.Store) brokenKeys {
				return brokenKeys{add: func(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
					return s.AddSubjectKey(context.WithoutCancel(ctx), subject, wrapped)
				}}
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store of keys refuses", says: "after close: error <nil>",
			adapter: func(s *memory.Store) SubjectKeysHarness {
				h := soundKeys(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets what it had", scenario: "keys and erasures are there after a restart", says: "no key",
			adapter: func(s *memory.Store) SubjectKeysHarness {
				h := soundKeys(s)
				h.Reopen = func(testing.TB) SubjectKeysHarness { return soundKeys(memory.New(memory.Options{})) }
				return h
			},
		},
	})
}
