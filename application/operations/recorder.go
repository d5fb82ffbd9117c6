package operations

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// The actions. They are stored, so they never change.
const (
	ActionPause        = "pause"
	ActionResume       = "resume"
	ActionReset        = "reset"
	ActionRebuild      = "rebuild"
	ActionAbortRebuild = "abort-rebuild"
	ActionRollback     = "rollback"
	ActionRetry        = "retry"
	ActionSkip         = "skip"
	ActionUnskip       = "unskip"
	ActionRepair       = "repair"
	ActionCreateToken  = "create-token"
	ActionRevokeToken  = "revoke-token"
	ActionLogLevel     = "log-level"
	ActionBeginFault   = "begin-fault"
	ActionEndFaults    = "end-faults"
	ActionErase        = "erase"

	ActionDropSnapshots = "drop-snapshots"
)

// failureTimeout bounds the writing of the entry about a failure.
const failureTimeout = 5 * time.Second

// maxFailure bounds the text of a failure, in bytes.
const maxFailure = 1_000

// Config is what a [Recorder] needs. All fields are required.
type Config struct {
	Log ports.OperationLog
	// Now is the clock.
	Now func() time.Time
	// NewID makes the ids of entries. It must be safe for concurrent use.
	NewID func() uuid.UUID
}

// Recorder writes down actions. It is safe for concurrent use.
type Recorder struct{ config Config }

// NewRecorder returns a Recorder.
func NewRecorder(config Config) Recorder { return Recorder{config} }

// do writes down an action and does it.
func (r Recorder) do(ctx context.Context, e ports.OperationEntry, action func() error) error {
	who := ports.PrincipalOf(ctx)
	e.Subject, e.TokenID = who.Subject, who.TokenID
	if e.Reason == "" {
		e.Reason = ports.ReasonOf(ctx)
	}
	if err := r.append(ctx, e); err != nil {
		return fmt.Errorf("nothing was done, because it cannot be written down: %w", err)
	}
	err := action()
	if err == nil {
		return nil
	}
	if e.Failure = err.Error(); len(e.Failure) > maxFailure {
		e.Failure = e.Failure[:maxFailure]
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	_ = r.append(ctx, e) // the attempt is written down, and its own failure matters more
	return err
}

func (r Recorder) append(ctx context.Context, e ports.OperationEntry) error {
	e.ID, e.At = r.config.NewID(), r.config.Now().UTC().Truncate(time.Millisecond)
	return r.config.Log.AppendOperation(ctx, e)
}

// Consumers returns a manager of consumers whose actions are written down.
func (r Recorder) Consumers(m ports.ConsumerManager) ports.ConsumerManager { return consumers{r, m} }

type consumers struct {
	Recorder
	next ports.ConsumerManager
}

// Pause implements [ports.ConsumerManager].
func (c consumers) Pause(ctx context.Context, consumer string) error {
	return c.do(ctx, ports.OperationEntry{Action: ActionPause, Target: consumer}, func() error {
		return c.next.Pause(ctx, consumer)
	})
}

// Resume implements [ports.ConsumerManager].
func (c consumers) Resume(ctx context.Context, consumer string) error {
	return c.do(ctx, ports.OperationEntry{Action: ActionResume, Target: consumer}, func() error {
		return c.next.Resume(ctx, consumer)
	})
}

// Reset implements [ports.ConsumerManager].
func (c consumers) Reset(ctx context.Context, consumer string, request ports.ResetRequest) (consequence string, err error) {
	if request.DryRun {
		return c.next.Reset(ctx, consumer, request)
	}
	from := "the beginning"
	if !request.From.IsZero() {
		from = request.From.UTC().Format(time.RFC3339Nano)
	}
	detail := "to " + from
	if request.Force {
		detail += ", forced"
	}
	err = c.do(ctx, ports.OperationEntry{Action: ActionReset, Target: consumer, Detail: detail}, func() error {
		consequence, err = c.next.Reset(ctx, consumer, request)
		return err
	})
	return consequence, err
}

// Rebuilds returns a rebuilder whose actions are written down.
func (r Recorder) Rebuilds(b ports.Rebuilder) ports.Rebuilder { return rebuilds{r, b} }

type rebuilds struct {
	Recorder
	next ports.Rebuilder
}

// Rebuild implements [ports.Rebuilder].
func (b rebuilds) Rebuild(ctx context.Context, consumer string, request ports.RebuildRequest) error {
	detail := ""
	if request.SkipVerification {
		detail = "without verification"
	}
	return b.do(ctx, ports.OperationEntry{Action: ActionRebuild, Target: consumer, Detail: detail}, func() error {
		return b.next.Rebuild(ctx, consumer, request)
	})
}

// AbortRebuild implements [ports.Rebuilder].
func (b rebuilds) AbortRebuild(ctx context.Context, consumer string) error {
	return b.do(ctx, ports.OperationEntry{Action: ActionAbortRebuild, Target: consumer}, func() error {
		return b.next.AbortRebuild(ctx, consumer)
	})
}

// Rollback implements [ports.Rebuilder].
func (b rebuilds) Rollback(ctx context.Context, consumer string) error {
	return b.do(ctx, ports.OperationEntry{Action: ActionRollback, Target: consumer}, func() error {
		return b.next.Rollback(ctx, consumer)
	})
}

// Parking returns a manager of parked aggregates whose actions are written down.
func (r Recorder) Parking(m ports.ParkingManager) ports.ParkingManager { return parking{m, r} }

type parking struct {
	ports.ParkingManager
	recorder Recorder
}

// RetryParked implements [ports.ParkingManager].
func (p parking) RetryParked(ctx context.Context, consumer string, aggregateID uuid.UUID) error {
	return p.recorder.do(ctx, ports.OperationEntry{Action: ActionRetry, Target: consumer, AggregateID: aggregateID}, func() error {
		return p.ParkingManager.RetryParked(ctx, consumer, aggregateID)
	})
}

// SkipParked implements [ports.ParkingManager].
func (p parking) SkipParked(ctx context.Context, consumer string, aggregateID uuid.UUID, reason string) error {
	e := ports.OperationEntry{Action: ActionSkip, Target: consumer, AggregateID: aggregateID, Reason: reason}
	return p.recorder.do(ctx, e, func() error {
		return p.ParkingManager.SkipParked(ctx, consumer, aggregateID, reason)
	})
}

// Skips returns a manager of skipped events whose actions are written down.
func (r Recorder) Skips(m ports.SkipManager) ports.SkipManager { return skips{m, r} }

type skips struct {
	ports.SkipManager
	recorder Recorder
}

// Unskip implements [ports.SkipManager].
func (s skips) Unskip(ctx context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	e := ports.OperationEntry{
		Action: ActionUnskip, Target: consumer, AggregateID: aggregateID, Detail: fmt.Sprintf("event %d", sequence),
	}
	return s.recorder.do(ctx, e, func() error { return s.SkipManager.Unskip(ctx, consumer, aggregateID, sequence) })
}

// Verification returns a verifier whose repairs are written down.
func (r Recorder) Verification(v ports.Verifier) ports.Verifier { return verification{v, r} }

type verification struct {
	ports.Verifier
	recorder Recorder
}

// Repair implements [ports.Verifier].
func (v verification) Repair(ctx context.Context, patience time.Duration) (report ports.VerifyReport, err error) {
	err = v.recorder.do(ctx, ports.OperationEntry{Action: ActionRepair}, func() error {
		report, err = v.Verifier.Repair(ctx, patience)
		return err
	})
	return report, err
}

// Tokens returns a manager of tokens whose actions are written down.
func (r Recorder) Tokens(m ports.TokenManager) ports.TokenManager { return tokens{m, r} }

type tokens struct {
	ports.TokenManager
	recorder Recorder
}

// CreateToken implements [ports.TokenManager].
func (t tokens) CreateToken(ctx context.Context, r ports.TokenRequest) (text string, token ports.AccessToken, err error) {
	e := ports.OperationEntry{Action: ActionCreateToken, Target: r.Name, Detail: fmt.Sprint(r.AllScopes())}
	err = t.recorder.do(ctx, e, func() error {
		text, token, err = t.TokenManager.CreateToken(ctx, r)
		return err
	})
	return text, token, err
}

// RevokeToken implements [ports.TokenManager].
func (t tokens) RevokeToken(ctx context.Context, name string) error {
	return t.recorder.do(ctx, ports.OperationEntry{Action: ActionRevokeToken, Target: name}, func() error {
		return t.TokenManager.RevokeToken(ctx, name)
	})
}

// LogLevels returns a keeper of the level of the log whose changes are written down.
func (r Recorder) LogLevels(l ports.LogLevels) ports.LogLevels { return logLevels{l, r} }

type logLevels struct {
	ports.LogLevels
	recorder Recorder
}

// SetLogLevel implements [ports.LogLevels].
func (l logLevels) SetLogLevel(ctx context.Context, level slog.Level) error {
	e := ports.OperationEntry{Action: ActionLogLevel, Target: strings.ToLower(level.String())}
	return l.recorder.do(ctx, e, func() error { return l.LogLevels.SetLogLevel(ctx, level) })
}

// Faults returns a maker of faults whose actions are written down.
func (r Recorder) Faults(m ports.FaultMaker) ports.FaultMaker { return faults{r, m} }

type faults struct {
	Recorder
	next ports.FaultMaker
}

// Begin implements [ports.FaultMaker].
func (f faults) Begin(ctx context.Context, fault ports.Fault, lasts time.Duration) (begun ports.Fault, err error) {
	err = f.do(ctx, ports.OperationEntry{
		Action: ActionBeginFault, Target: fault.Consumer, AggregateID: fault.AggregateID, Detail: string(fault.Kind),
	}, func() error {
		begun, err = f.next.Begin(ctx, fault, lasts)
		return err
	})
	return begun, err
}

// End implements [ports.FaultMaker].
func (f faults) End(ctx context.Context) error {
	return f.do(ctx, ports.OperationEntry{Action: ActionEndFaults}, func() error { return f.next.End(ctx) })
}

// Now implements [ports.FaultMaker].
func (f faults) Now() []ports.Fault { return f.next.Now() }

// Snapshots returns what deletes snapshots, with each deletion written down.
func (r Recorder) Snapshots(d ports.SnapshotDropper) ports.SnapshotDropper { return snapshots{r, d} }

type snapshots struct {
	Recorder
	next ports.SnapshotDropper
}

// DropSnapshotsOf implements [ports.SnapshotDropper].
func (s snapshots) DropSnapshotsOf(ctx context.Context, aggregateID uuid.UUID) (aggregates uint64, err error) {
	err = s.do(ctx, ports.OperationEntry{Action: ActionDropSnapshots, Target: "snapshots", AggregateID: aggregateID}, func() error {
		aggregates, err = s.next.DropSnapshotsOf(ctx, aggregateID)
		return err
	})
	return aggregates, err
}

// Erasures returns what erases personal data, with its requests written down. Entries name the
// customer as events do, by the subject.
func (r Recorder) Erasures(e ports.Erasures, subjectOf func(customer string) ports.Subject) ports.Erasures {
	return erasures{e, r, subjectOf}
}

type erasures struct {
	ports.Erasures
	recorder  Recorder
	subjectOf func(customer string) ports.Subject
}

// Erase implements [ports.Erasures].
func (e erasures) Erase(ctx context.Context, customer string, r ports.ErasureRequest) (erasure ports.Erasure, err error) {
	entry := ports.OperationEntry{Action: ActionErase, Target: string(e.subjectOf(customer)), Reason: r.Reason, Detail: r.Reference}
	if r.Force {
		entry.Detail = strings.TrimPrefix(entry.Detail+", forced", ", ")
	}
	err = e.recorder.do(ctx, entry, func() error {
		erasure, err = e.Erasures.Erase(ctx, customer, r)
		return err
	})
	return erasure, err
}
