package porttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/ports"
)

// TokenStoreHarness gives the TokenStore suite an adapter to test.
type TokenStoreHarness struct {
	Tokens ports.TokenStore
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) TokenStoreHarness
	Tuning
}

// OperationLogHarness gives the OperationLog suite an adapter to test.
type OperationLogHarness struct {
	Log ports.OperationLog
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) OperationLogHarness
	Tuning
}

func (h TokenStoreHarness) close() error   { return h.Close() }
func (h OperationLogHarness) close() error { return h.Close() }

// TokenStore tests the contract of [ports.TokenStore]. Each test calls factory for an adapter with
// its own data.
func TokenStore(t *testing.T, factory func(t *testing.T) TokenStoreHarness) {
	runSuite(t, factory, tokenStoreScenarios())
}

// OperationLog tests the contract of [ports.OperationLog]. Each test calls factory for an adapter
// with its own data.
func OperationLog(t *testing.T, factory func(t *testing.T) OperationLogHarness) {
	runSuite(t, factory, operationLogScenarios())
}

func tokenStoreScenarios() []scenario[TokenStoreHarness] {
	return []scenario[TokenStoreHarness]{
		{"a new store has no tokens", noTokens},
		{"every field of a token comes back, in the order of names", everyTokenField},
		{"a name belongs to one token, until that is replaced", takenName},
		{"of those who replace a token at once, one does", oneReplaces},
		{"an ended context stops a token before it is stored", tokensCancelled},
		{"a closed store of tokens refuses", tokensClosed},
		{"tokens are there after a restart", tokensReopened},
	}
}

// tokenNamed returns a token with every field set.
func tokenNamed(name string) ports.AccessToken {
	id := newID().String()
	return ports.AccessToken{
		Name: name, ID: id, Hash: sha256.Sum256([]byte(id)),
		Scopes:    []ports.Scope{ports.ScopeOpsWrite, ports.ScopeOrdersRead, "stock:read"},
		CreatedBy: "token:日本 \"x\"", CreatedAt: day, ExpiresAt: day.Add(time.Hour + time.Millisecond), RevokedAt: day.Add(time.Minute),
	}
}

func (t test) saveToken(h TokenStoreHarness, token ports.AccessToken, replaces string) error {
	t.Helper()
	var err error
	t.within("SaveToken", func(ctx context.Context) { err = h.Tokens.SaveToken(ctx, token, replaces) })
	return err
}

func (t test) expectTokens(h TokenStoreHarness, want ...ports.AccessToken) {
	t.Helper()
	var got []ports.AccessToken
	var err error
	t.within("Tokens", func(ctx context.Context) { got, err = h.Tokens.Tokens(ctx) })
	t.must("tokens", err)
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("tokens: %s", diff)
	}
	for _, token := range got {
		for _, at := range []time.Time{token.CreatedAt, token.ExpiresAt, token.RevokedAt} {
			if at.Location() != time.UTC {
				t.Fatalf("tokens: the time %s is not in UTC", at)
			}
		}
	}
}

func noTokens(t test, h TokenStoreHarness) { t.expectTokens(h) }

func everyTokenField(t test, h TokenStoreHarness) {
	bare := ports.AccessToken{Name: "bare", ID: "1", CreatedAt: day, Scopes: []ports.Scope{ports.ScopeAdmin}}
	other, last := tokenNamed("a-2"), tokenNamed("zz")
	for _, token := range []ports.AccessToken{last, bare, other} {
		t.must("save a token", t.saveToken(h, token, ""))
	}
	t.expectTokens(h, other, bare, last)
}

func takenName(t test, h TokenStoreHarness) {
	first, second := tokenNamed("ci"), tokenNamed("ci")
	other := tokenNamed("d")
	t.must("save a token", t.saveToken(h, other, ""))
	if err := t.saveToken(h, second, first.ID); !errors.Is(err, ports.ErrTokenTaken) {
		t.Fatalf("a token in place of none: %v, want %v", err, ports.ErrTokenTaken)
	}
	t.must("save a token", t.saveToken(h, first, ""))
	for _, replaces := range []string{"", second.ID, other.ID} {
		if err := t.saveToken(h, second, replaces); !errors.Is(err, ports.ErrTokenTaken) {
			t.Fatalf("a token in place of %q: %v, want %v", replaces, err, ports.ErrTokenTaken)
		}
	}
	t.expectTokens(h, first, other)
	first.RevokedAt = day.Add(time.Hour)
	t.must("revoke a token", t.saveToken(h, first, first.ID))
	t.expectTokens(h, first, other)
	t.must("replace a token", t.saveToken(h, second, first.ID))
	t.expectTokens(h, second, other)
}

func oneReplaces(t test, h TokenStoreHarness) {
	old := tokenNamed("ci")
	t.must("save a token", t.saveToken(h, old, ""))
	for _, replaces := range []string{old.ID, ""} {
		name := "ci"
		if replaces == "" {
			name = "new"
		}
		var won atomic.Int32
		t.together(t.Writers, "SaveToken of several", func(ctx context.Context, _ int) error {
			err := h.Tokens.SaveToken(ctx, tokenNamed(name), replaces)
			if err == nil {
				won.Add(1)
			} else if errors.Is(err, ports.ErrTokenTaken) {
				err = nil
			}
			return err
		})
		if n := won.Load(); n != 1 {
			t.Fatalf("%d of %d have replaced the token %q, want 1", n, t.Writers, replaces)
		}
	}
}

func tokenCalls(h TokenStoreHarness) []call {
	return []call{
		{"SaveToken", func(ctx context.Context) error { return h.Tokens.SaveToken(ctx, tokenNamed("late"), "") }},
		{"Tokens", func(ctx context.Context) error {
			_, err := h.Tokens.Tokens(ctx)
			return err
		}},
	}
}

func tokensCancelled(t test, h TokenStoreHarness) {
	t.refusesCancelled(tokenCalls(h)...)
	t.expectTokens(h)
}

func tokensClosed(t test, h TokenStoreHarness) { t.refusesClosed(h, tokenCalls(h)...) }

func tokensReopened(t test, h TokenStoreHarness) {
	token := tokenNamed("ci")
	t.must("save a token", t.saveToken(h, token, ""))
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectTokens(h, token)
	if err := t.saveToken(h, tokenNamed("ci"), ""); !errors.Is(err, ports.ErrTokenTaken) {
		t.Fatalf("after a restart the name is free: %v", err)
	}
}

func operationLogScenarios() []scenario[OperationLogHarness] {
	return []scenario[OperationLogHarness]{
		{"a new log is empty", noOperations},
		{"every field of an entry comes back", everyOperationField},
		{"entries come once, the newest first, over all pages", operationPages},
		{"an entry that is appended again is there once", operationAgain},
		{"entries of many writers are all there", manyOperators},
		{"a bad cursor of the log is refused", badOperationCursor},
		{"an ended context stops an entry before it is stored", operationsCancelled},
		{"a closed log refuses", operationsClosed},
		{"the log is there after a restart", operationsReopened},
	}
}

// entry returns an entry with every field set.
func entry(at time.Time) ports.OperationEntry {
	return ports.OperationEntry{
		ID: newID(), At: at, Subject: "oidc:anna", TokenID: "t1", Action: "pause", Target: "orders-by-sku",
		AggregateID: newID(), Reason: "ticket 4711: \"日本\"", Detail: "line 1\nline 2", Failure: "refused",
	}
}

func (t test) appendOperations(h OperationLogHarness, entries ...ports.OperationEntry) {
	t.Helper()
	for _, e := range entries {
		var err error
		t.within("AppendOperation", func(ctx context.Context) { err = h.Log.AppendOperation(ctx, e) })
		t.must("append an entry", err)
	}
}

func (h OperationLogHarness) pages() pager[ports.OperationEntry] {
	return func(ctx context.Context, after ports.Cursor, limit int) ([]ports.OperationEntry, ports.Cursor, error) {
		p, err := h.Log.Operations(ctx, after, limit)
		return p.Entries, p.Next, err
	}
}

// expectOperations checks that the log has these entries, the newest first. Those of the same time
// may have any order.
func (t test) expectOperations(got []ports.OperationEntry, want ...ports.OperationEntry) {
	t.Helper()
	if !slices.IsSortedFunc(got, func(a, b ports.OperationEntry) int { return b.At.Compare(a.At) }) {
		t.Fatalf("the log is not in the order of time")
	}
	byID := func(a, b ports.OperationEntry) int { return slices.Compare(a.ID[:], b.ID[:]) }
	got, want = slices.SortedFunc(slices.Values(got), byID), slices.SortedFunc(slices.Values(want), byID)
	if diff := firstDiffer(got, want); diff != "" {
		t.Fatalf("log: %s", diff)
	}
	for _, e := range got {
		if e.At.Location() != time.UTC {
			t.Fatalf("log: the time %s is not in UTC", e.At)
		}
	}
}

func noOperations(t test, h OperationLogHarness) { t.expectOperations(walk(t, h.pages(), "", 10)) }

func everyOperationField(t test, h OperationLogHarness) {
	large := entry(day.Add(time.Millisecond))
	large.Detail = string(largeJSON())
	entries := []ports.OperationEntry{entry(day), large, {ID: newID(), At: day.Add(time.Hour), Action: "resume"}}
	t.appendOperations(h, entries...)
	t.expectOperations(walk(t, h.pages(), "", 10), entries...)
}

// someOperations appends entries of several years, out of order, some at the same time.
func (t test) someOperations(h OperationLogHarness) (entries []ports.OperationEntry) {
	t.Helper()
	for _, after := range []time.Duration{0, 400 * 24 * time.Hour, time.Hour, time.Hour, time.Hour, 31 * 24 * time.Hour, 700 * 24 * time.Hour} {
		e := entry(day.Add(after))
		e.Reason = fmt.Sprint(len(entries))
		entries = append(entries, e)
	}
	t.appendOperations(h, entries...)
	return entries
}

func operationPages(t test, h OperationLogHarness) {
	entries := t.someOperations(h)
	first := walk(t, h.pages(), "", 1)
	t.expectOperations(first, entries...)
	for _, limit := range []int{2, 3, len(entries), 100} {
		if diff := firstDiffer(walk(t, h.pages(), "", limit), first); diff != "" {
			t.Fatalf("two listings have different orders: %s", diff)
		}
	}
}

func operationAgain(t test, h OperationLogHarness) {
	e := entry(day)
	t.appendOperations(h, e, e)
	t.expectOperations(walk(t, h.pages(), "", 10), e)
}

func manyOperators(t test, h OperationLogHarness) {
	entries := make([]ports.OperationEntry, 4*t.Writers)
	for i := range entries {
		entries[i] = entry(day.Add(time.Duration(i%3) * time.Millisecond))
	}
	t.together(len(entries), "AppendOperation of several", func(ctx context.Context, i int) error {
		return h.Log.AppendOperation(ctx, entries[i])
	})
	t.expectOperations(walk(t, h.pages(), "", 7), entries...)
}

func badOperationCursor(t test, h OperationLogHarness) {
	t.someOperations(h)
	t.refusesCursors(func(ctx context.Context, cursor ports.Cursor) error {
		_, err := h.Log.Operations(ctx, cursor, 2)
		return err
	})
}

func operationCalls(h OperationLogHarness) []call {
	return []call{
		{"AppendOperation", func(ctx context.Context) error { return h.Log.AppendOperation(ctx, entry(day)) }},
		{"Operations", func(ctx context.Context) error {
			_, err := h.Log.Operations(ctx, "", 1)
			return err
		}},
	}
}

func operationsCancelled(t test, h OperationLogHarness) {
	t.refusesCancelled(operationCalls(h)...)
	t.expectOperations(walk(t, h.pages(), "", 10))
}

func operationsClosed(t test, h OperationLogHarness) { t.refusesClosed(h, operationCalls(h)...) }

func operationsReopened(t test, h OperationLogHarness) {
	entries := t.someOperations(h)
	got, next := page(t, h.pages(), "", 3)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectOperations(append(got, walk(t, h.pages(), next, 2)...), entries...)
}
