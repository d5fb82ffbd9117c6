package operations_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/operations"
	"orderflow/ports"
)

// acted counts calls, and fails if told to.
type acted struct {
	calls []string
	err   error
}

func (a *acted) call(name string) error {
	a.calls = append(a.calls, name)
	return a.err
}

func (a *acted) Pause(context.Context, string) error  { return a.call("pause") }
func (a *acted) Resume(context.Context, string) error { return a.call("resume") }
func (a *acted) Reset(context.Context, string, ports.ResetRequest) (string, error) {
	return "moved", a.call("reset")
}

func (a *acted) Rebuild(context.Context, string, ports.RebuildRequest) error {
	return a.call("rebuild")
}
func (a *acted) AbortRebuild(context.Context, string) error { return a.call("abort-rebuild") }
func (a *acted) Rollback(context.Context, string) error     { return a.call("rollback") }

func (a *acted) ListParked(context.Context, string, ports.Cursor, int) (ports.ParkedPage, error) {
	return ports.ParkedPage{}, a.call("list")
}
func (a *acted) RetryParked(context.Context, string, uuid.UUID) error { return a.call("retry") }
func (a *acted) SkipParked(context.Context, string, uuid.UUID, string) error {
	return a.call("skip")
}

func (a *acted) ListSkips(context.Context, ports.SkipQuery) (ports.SkipPage, error) {
	return ports.SkipPage{}, a.call("list")
}

func (a *acted) Unskip(context.Context, string, uuid.UUID, uint64) error { return a.call("unskip") }

func (a *acted) Verify(context.Context, time.Duration) (ports.VerifyReport, error) {
	return ports.VerifyReport{}, a.call("verify")
}

func (a *acted) Repair(context.Context, time.Duration) (ports.VerifyReport, error) {
	return ports.VerifyReport{Repaired: 1}, a.call("repair")
}

func (a *acted) CreateToken(context.Context, ports.TokenRequest) (string, ports.AccessToken, error) {
	return "secret", ports.AccessToken{}, a.call("create-token")
}
func (a *acted) RevokeToken(context.Context, string) error { return a.call("revoke-token") }
func (a *acted) ListTokens(context.Context) ([]ports.AccessToken, error) {
	return nil, a.call("list")
}

func (a *acted) LogLevel() slog.Level { return slog.LevelInfo }
func (a *acted) SetLogLevel(context.Context, slog.Level) error {
	return a.call("log-level")
}

func (a *acted) Erase(context.Context, string, ports.ErasureRequest) (ports.Erasure, error) {
	return ports.Erasure{}, a.call("erase")
}

func (a *acted) Erasure(context.Context, string) (ports.Erasure, error) {
	return ports.Erasure{}, a.call("read")
}

func (a *acted) DropSnapshotsOf(context.Context, uuid.UUID) (uint64, error) {
	return 3, a.call("drop-snapshots")
}

// pseudonym is the subject of every customer.
func pseudonym(string) ports.Subject { return "0a1b" }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func recorder(log ports.OperationLog) operations.Recorder {
	at := noon
	return operations.NewRecorder(operations.Config{Log: log, NewID: uuid.New, Now: func() time.Time {
		at = at.Add(time.Second)
		return at
	}})
}

// all does every action once, through a recorder.
func all(ctx context.Context, r operations.Recorder, a *acted) (errs []error) {
	id := uuid.New()
	do := func(err error) { errs = append(errs, err) }
	do(r.Consumers(a).Pause(ctx, "c"))
	do(r.Consumers(a).Resume(ctx, "c"))
	_, err := r.Consumers(a).Reset(ctx, "c", ports.ResetRequest{Force: true})
	do(err)
	do(r.Rebuilds(a).Rebuild(ctx, "c", ports.RebuildRequest{SkipVerification: true}))
	do(r.Rebuilds(a).AbortRebuild(ctx, "c"))
	do(r.Rebuilds(a).Rollback(ctx, "c"))
	do(r.Parking(a).RetryParked(ctx, "c", id))
	do(r.Parking(a).SkipParked(ctx, "c", id, "test data"))
	do(r.Skips(a).Unskip(ctx, "c", id, 7))
	_, err = r.Verification(a).Repair(ctx, 0)
	do(err)
	_, _, err = r.Tokens(a).CreateToken(ctx, ports.TokenRequest{Name: "ci", Role: ports.RoleViewer})
	do(err)
	do(r.Tokens(a).RevokeToken(ctx, "ci"))
	do(r.LogLevels(a).SetLogLevel(ctx, slog.LevelDebug))
	_, err = r.Snapshots(a).DropSnapshotsOf(ctx, id)
	do(err)
	_, err = r.Erasures(a, pseudonym).Erase(ctx, "ann", ports.ErasureRequest{Reason: "ticket 4711", Reference: "r", Force: true})
	do(err)
	return errs
}

func entries(t *testing.T, log ports.OperationLog) []ports.OperationEntry {
	t.Helper()
	page, err := log.Operations(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(page.Entries)
	return page.Entries
}

func TestRecorder_everyActionIsWrittenDown(t *testing.T) {
	t.Parallel()
	store, a := memory.New(memory.Options{}), &acted{}
	ctx := ports.WithReason(ports.WithPrincipal(t.Context(), ports.Principal{Subject: "oidc:anna", TokenID: "t7"}), "ticket 4711")
	for _, err := range all(ctx, recorder(store), a) {
		if err != nil {
			t.Error(err)
		}
	}
	var actions []string
	for _, e := range entries(t, store) {
		actions = append(actions, e.Action)
		reason := "ticket 4711"
		if e.Action == operations.ActionSkip {
			reason = "test data"
		}
		if e.Subject != "oidc:anna" || e.TokenID != "t7" || e.Reason != reason || e.Failure != "" {
			t.Errorf("entry %+v", e)
		}
		if e.Target == "" && e.Action != operations.ActionRepair {
			t.Errorf("entry without a target: %+v", e)
		}
	}
	if !slices.Equal(actions, a.calls) || len(actions) != 15 {
		t.Errorf("written down: %v, done: %v", actions, a.calls)
	}
}

func TestRecorder_aFailureIsWrittenDown(t *testing.T) {
	t.Parallel()
	store, a := memory.New(memory.Options{}), &acted{err: errors.New("it does not work")}
	for _, err := range all(t.Context(), recorder(store), a) {
		if !errors.Is(err, a.err) {
			t.Errorf("error %v, want %v", err, a.err)
		}
	}
	got := entries(t, store)
	for i := 0; i+1 < len(got); i += 2 {
		if got[i].Failure != "" || got[i+1].Failure != "it does not work" || got[i].Action != got[i+1].Action {
			t.Errorf("entries %+v and %+v", got[i], got[i+1])
		}
	}
	if len(got) != 30 {
		t.Errorf("%d entries, want 30", len(got))
	}
}

// Nothing is done that cannot be written down.
func TestRecorder_withoutALogNothingIsDone(t *testing.T) {
	t.Parallel()
	store, a := memory.New(memory.Options{}), &acted{}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range all(t.Context(), recorder(store), a) {
		if !errors.Is(err, ports.ErrClosed) {
			t.Errorf("error %v, want %v", err, ports.ErrClosed)
		}
	}
	if len(a.calls) > 0 {
		t.Errorf("done all the same: %v", a.calls)
	}
}

func TestRecorder_readingIsNotWrittenDown(t *testing.T) {
	t.Parallel()
	store, a := memory.New(memory.Options{}), &acted{}
	r := recorder(store)
	_, err1 := r.Consumers(a).Reset(t.Context(), "c", ports.ResetRequest{DryRun: true})
	_, err2 := r.Parking(a).ListParked(t.Context(), "c", "", 1)
	_, err3 := r.Skips(a).ListSkips(t.Context(), ports.SkipQuery{})
	_, err4 := r.Verification(a).Verify(t.Context(), 0)
	_, err5 := r.Tokens(a).ListTokens(t.Context())
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil || len(a.calls) != 5 {
		t.Fatal(a.calls, err)
	}
	if got := entries(t, store); len(got) > 0 {
		t.Errorf("entries %+v", got)
	}
}
