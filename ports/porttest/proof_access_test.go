package porttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brokenTokens replaces the functions that are set.
type brokenTokens struct {
	*memory.Store
	save func(ctx context.Context, token ports.AccessToken, replaces string) error
	list func(ctx context.Context) ([]ports.AccessToken, error)
}

func (b brokenTokens) SaveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if b.save == nil {
		return b.Store.SaveToken(ctx, token, replaces)
	}
	return b.save(ctx, token, replaces)
}

func (b brokenTokens) Tokens(ctx context.Context) ([]ports.AccessToken, error) {
	if b.list == nil {
		return b.Store.Tokens(ctx)
	}
	return b.list(ctx)
}

func soundTokens(s *memory.Store) TokenStoreHarness {
	return TokenStoreHarness{Tokens: s, Close: s.Close, Reopen: func(testing.TB) TokenStoreHarness { return soundTokens(s.Reopen()) }}
}

func tokensAs(broken func(s *memory.Store) brokenTokens) func(*memory.Store) TokenStoreHarness {
	return func(s *memory.Store) TokenStoreHarness {
		h := soundTokens(s)
		b := broken(s)
		b.Store = s
		h.Tokens = b
		return h
	}
}

// savesOtherToken stores another token than the given one.
func savesOtherToken(spoil func(*ports.AccessToken)) func(*memory.Store) TokenStoreHarness {
	return tokensAs(func(s *memory.Store) brokenTokens {
		return brokenTokens{save: func(ctx context.Context, token ports.AccessToken, replaces string) error {
			spoil(&token)
			return s.SaveToken(ctx, token, replaces)
		}}
	})
}

// idNow returns the id of the token that a name has.
func idNow(ctx context.Context, s *memory.Store, name string) string {
	tokens, _ := s.Tokens(ctx)
	for _, token := range tokens {
		if token.Name == name {
			return token.ID
		}
	}
	return ""
}

func TestTokenStore_IsProved(t *testing.T) {
	t.Parallel()
	const (
		fields = "every field of a token comes back, in the order of names"
		taken  = "a name belongs to one token, until that is replaced"
	)
	proofs := []proof[TokenStoreHarness]{
		{
			broken: "has a token from the beginning", scenario: "a new store has no tokens", says: "1 entries, want 0",
			adapter: func(s *memory.Store) TokenStoreHarness {
				_ = s.SaveToken(context.Background(), tokenNamed("default"), "")
				return soundTokens(s)
			},
		},
		{
			broken: "lists in the order of creation", scenario: fields, says: "entry 1",
			adapter: tokensAs(func(s *memory.Store) brokenTokens {
				return brokenTokens{list: func(ctx context.Context) ([]ports.AccessToken, error) {
					tokens, err := s.Tokens(ctx)
					for i := range len(tokens) / 2 {
						tokens[i], tokens[len(tokens)-1-i] = tokens[len(tokens)-1-i], tokens[i]
					}
					return tokens, err
				}}
			}),
		},
		{
			broken: "ignores which token is replaced", scenario: taken, says: "want another token",
			adapter: tokensAs(func(s *memory.Store) brokenTokens {
				return brokenTokens{save: func(ctx context.Context, token ports.AccessToken, _ string) error {
					return s.SaveToken(ctx, token, idNow(ctx, s, token.Name))
				}}
			}),
		},
		{
			broken: "compares with a token that was there before", scenario: "of those who replace a token at once, one does", says: "want 1",
			adapter: tokensAs(func(s *memory.Store) brokenTokens {
				var mu sync.Mutex
				var before sync.Map
				return brokenTokens{save: func(ctx context.Context, token ports.AccessToken, replaces string) error {
					mu.Lock()
					defer mu.Unlock()
					now := idNow(ctx, s, token.Name)
					before.Store(token.Name+" "+now, true)
					if _, ok := before.Load(token.Name + " " + replaces); ok {
						replaces = now
					}
					return s.SaveToken(ctx, token, replaces)
				}}
			}),
		},
		{
			broken: "ignores the context", scenario: "an ended context stops a token before it is stored", says: "SaveToken",
			adapter: tokensAs(func(s *memory.Store) brokenTokens {
				return brokenTokens{save: func(_ context.Context, token ports.AccessToken, replaces string) error {
					return s.SaveToken(context.Background(), token, replaces)
				}}
			}),
		},
		{
			broken: "answers when it is closed", scenario: "a closed store of tokens refuses", says: "Tokens after close",
			adapter: tokensAs(func(s *memory.Store) brokenTokens {
				return brokenTokens{list: func(ctx context.Context) ([]ports.AccessToken, error) {
					tokens, err := s.Tokens(ctx)
					if errors.Is(err, ports.ErrClosed) {
						err = nil
					}
					return tokens, err
				}}
			}),
		},
		{
			broken: "forgets at a restart", scenario: "tokens are there after a restart", says: "entries",
			adapter: func(s *memory.Store) TokenStoreHarness {
				h := soundTokens(s)
				h.Reopen = func(testing.TB) TokenStoreHarness { return soundTokens(memory.New(memory.Options{})) }
				return h
			},
		},
	}
	for broken, spoil := range map[string]func(*ports.AccessToken){
		"loses the hash":       func(a *ports.AccessToken) { a.Hash[31] = 0 },
		"loses a scope":        func(a *ports.AccessToken) { a.Scopes = a.Scopes[:max(1, len(a.Scopes)-1)] },
		"loses the expiry":     func(a *ports.AccessToken) { a.ExpiresAt = time.Time{} },
		"loses the revocation": func(a *ports.AccessToken) { a.RevokedAt = time.Time{} },
		"rounds to seconds":    func(a *ports.AccessToken) { a.ExpiresAt = a.ExpiresAt.Truncate(time.Second) },
		"keeps a local time":   func(a *ports.AccessToken) { a.CreatedAt = a.CreatedAt.In(time.FixedZone("x", 3600)) },
	} {
		says := "entry"
		if broken == "keeps a local time" {
			says = "not in UTC"
		}
		proofs = append(proofs, proof[TokenStoreHarness]{broken: broken, scenario: fields, says: says, adapter: savesOtherToken(spoil)})
	}
	prove(t, tokenStoreScenarios(), soundTokens, proofs)
}

// brokenOperations replaces the functions that are set.
type brokenOperations struct {
	*memory.Store
	append func(ctx context.Context, e ports.OperationEntry) error
	list   pager[ports.OperationEntry]
}

func (b brokenOperations) AppendOperation(ctx context.Context, e ports.OperationEntry) error {
	if b.append == nil {
		return b.Store.AppendOperation(ctx, e)
	}
	return b.append(ctx, e)
}

func (b brokenOperations) Operations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	if b.list == nil {
		return b.Store.Operations(ctx, after, limit)
	}
	entries, next, err := b.list(ctx, after, limit)
	return ports.OperationPage{Entries: entries, Next: next}, err
}

func soundOperations(s *memory.Store) OperationLogHarness {
	return OperationLogHarness{Log: s, Close: s.Close, Reopen: func(testing.TB) OperationLogHarness { return soundOperations(s.Reopen()) }}
}

func operationsAs(broken func(s *memory.Store) brokenOperations) func(*memory.Store) OperationLogHarness {
	return func(s *memory.Store) OperationLogHarness {
		h := soundOperations(s)
		b := broken(s)
		b.Store = s
		h.Log = b
		return h
	}
}

func appendsAs(broken func(s *memory.Store, ctx context.Context, e ports.OperationEntry) error) func(*memory.Store) OperationLogHarness {
	return operationsAs(func(s *memory.Store) brokenOperations {
		return brokenOperations{append: func(ctx context.Context, e ports.OperationEntry) error { return broken(s, ctx, e) }}
	})
}

func listsOperationsAs(broken func(list pager[ports.OperationEntry]) pager[ports.OperationEntry]) func(*memory.Store) OperationLogHarness {
	return operationsAs(func(s *memory.Store) brokenOperations {
		return brokenOperations{list: broken(soundOperations(s).pages())}
	})
}

func TestOperationLog_IsProved(t *testing.T) {
	t.Parallel()
	const pages = "entries come once, the newest first, over all pages"
	proofs := []proof[OperationLogHarness]{
		{
			broken: "begins with an entry", scenario: "a new log is empty", says: "entries",
			adapter: func(s *memory.Store) OperationLogHarness {
				_ = s.AppendOperation(context.Background(), entry(day))
				return soundOperations(s)
			},
		},
		{
			broken: "loses the reason", scenario: "every field of an entry comes back", says: "entry",
			adapter: appendsAs(func(s *memory.Store, ctx context.Context, e ports.OperationEntry) error {
				e.Reason = ""
				return s.AppendOperation(ctx, e)
			}),
		},
		{
			broken: "keeps a local time", scenario: "every field of an entry comes back", says: "not in UTC",
			adapter: appendsAs(func(s *memory.Store, ctx context.Context, e ports.OperationEntry) error {
				e.At = e.At.In(time.FixedZone("x", 3600))
				return s.AppendOperation(ctx, e)
			}),
		},
		{
			broken: "lists the oldest first", scenario: pages, says: "not in the order of time",
			adapter: listsOperationsAs(func(list pager[ports.OperationEntry]) pager[ports.OperationEntry] {
				return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.OperationEntry, ports.Cursor, error) {
					all, _, err := list(ctx, "", 1_000)
					for i := range len(all) / 2 {
						all[i], all[len(all)-1-i] = all[len(all)-1-i], all[i]
					}
					entries, next := paged(all, after, limit)
					return entries, next, err
				}
			}),
		},
		{
			broken: "adds it twice", scenario: "an entry that is appended again is there once", says: "entries",
			adapter: listsOperationsAs(func(list pager[ports.OperationEntry]) pager[ports.OperationEntry] {
				return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.OperationEntry, ports.Cursor, error) {
					entries, next, err := list(ctx, after, limit)
					return append(entries, entries...), next, err
				}
			}),
		},
		{
			broken: "keeps one entry for a millisecond", scenario: "entries of many writers are all there", says: "entry",
			adapter: operationsAs(func(s *memory.Store) brokenOperations {
				var kept sync.Map
				return brokenOperations{append: func(ctx context.Context, e ports.OperationEntry) error {
					if _, there := kept.LoadOrStore(e.At.UnixMilli(), true); there {
						return nil
					}
					return s.AppendOperation(ctx, e)
				}}
			}),
		},
		{
			broken: "takes any cursor", scenario: "a bad cursor of the log is refused", says: "bad cursor",
			adapter: listsOperationsAs(func(list pager[ports.OperationEntry]) pager[ports.OperationEntry] {
				return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.OperationEntry, ports.Cursor, error) {
					entries, next, err := list(ctx, after, limit)
					if errors.Is(err, ports.ErrBadCursor) {
						return list(ctx, "", limit)
					}
					return entries, next, err
				}
			}),
		},
		{
			broken: "ignores the context", scenario: "an ended context stops an entry before it is stored", says: "AppendOperation",
			adapter: appendsAs(func(s *memory.Store, _ context.Context, e ports.OperationEntry) error {
				return s.AppendOperation(context.Background(), e)
			}),
		},
		{
			broken: "accepts entries when it is closed", scenario: "a closed log refuses", says: "AppendOperation after close",
			adapter: appendsAs(func(s *memory.Store, ctx context.Context, e ports.OperationEntry) error {
				if err := s.AppendOperation(ctx, e); !errors.Is(err, ports.ErrClosed) {
					return err
				}
				return nil
			}),
		},
		{
			broken: "forgets at a restart", scenario: "the log is there after a restart", says: "ent",
			adapter: func(s *memory.Store) OperationLogHarness {
				h := soundOperations(s)
				h.Reopen = func(testing.TB) OperationLogHarness { return soundOperations(memory.New(memory.Options{})) }
				return h
			},
		},
	}
	for _, way := range []string{
		"returns one entry too many", "skips an entry at the end of a page", "repeats an entry at the end of a page",
	} {
		proofs = append(proofs, proof[OperationLogHarness]{
			broken: way, scenario: pages, says: "",
			adapter: listsOperationsAs(func(list pager[ports.OperationEntry]) pager[ports.OperationEntry] { return misreads(list, way) }),
		})
	}
	prove(t, operationLogScenarios(), soundOperations, proofs)
}
