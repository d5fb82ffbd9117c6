package filling

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// targetNote is the name of the note that says what a publisher is bound to.
const targetNote = "target"

// bound is the stored form of a target, as JSON.
type bound struct {
	Version int    `json:"version"`
	Target  string `json:"target"`
}

const boundVersion = 1

// Binder binds publishers to their targets. Offsets and states are about what a target has
// received. So a publisher never changes its target: another target is another consumer.
type Binder struct {
	Views ports.ViewStore
	// Leases let one process at a time bind the consumers of one name, so that two processes that
	// start together with different targets do not bind the same consumer. Nil means that there is
	// only one process.
	Leases ports.Leases
	Owner  ports.LeaseOwner
	// Same reports whether two targets are one.
	Same func(bound, target string) bool
}

// Find returns the name of the consumer that publishes to target, and the target that the consumer
// is bound to so far; empty when it is bound to none.
//
// The first target has the plain name. A further target has a digest appended: it has not received
// what the first one has. What an earlier version has published without storing a target belongs to
// the first target that is bound.
func (b Binder) Find(ctx context.Context, plain, target string) (name, bound string, err error) {
	sum := sha256.Sum256([]byte(target))
	for _, name := range []string{plain, plain + "-" + hex.EncodeToString(sum[:4])} {
		bound, err := BoundTarget(ctx, b.Views, name)
		if err != nil {
			return "", "", err
		}
		if bound == "" || b.Same(bound, target) {
			return name, bound, nil
		}
	}
	return "", "", &ports.RefusedError{Reason: "two targets have the same digest: " + target}
}

// Bind does what Find does, and stores that the consumer publishes to target from now on.
func (b Binder) Bind(ctx context.Context, plain, target string) (name, bound string, err error) {
	if name, bound, err = b.Find(ctx, plain, target); err != nil || bound == target {
		return name, bound, err
	}
	if b.Leases != nil {
		lease := plain + "/target"
		if err := b.await(ctx, lease); err != nil {
			return "", "", err
		}
		defer func() { err = errors.Join(err, b.Leases.ReleaseLease(context.WithoutCancel(ctx), lease, b.Owner)) }()
		if name, bound, err = b.Find(ctx, plain, target); err != nil || bound == target {
			return name, bound, err
		}
	}
	return name, bound, bind(ctx, b.Views, name, target)
}

const (
	// bindTTL is the time for which one process keeps others from binding, at most.
	bindTTL = 10 * time.Second
	// bindPoll is the pause between two attempts to be that process.
	bindPoll = 100 * time.Millisecond
)

// await waits until a lease is ours.
func (b Binder) await(ctx context.Context, lease string) error {
	for {
		_, err := b.Leases.AcquireLease(ctx, lease, b.Owner, bindTTL)
		if held := (*ports.LeaseHeldError)(nil); !errors.As(err, &held) {
			if err != nil {
				err = fmt.Errorf("bind a publisher to its target: %w", err)
			}
			return err
		}
		if err := portkit.Sleep(ctx, bindPoll); err != nil {
			return err
		}
	}
}

// BoundTarget returns the target to which a publisher of that name publishes; empty when none was
// bound yet.
func BoundTarget(ctx context.Context, views ports.ViewStore, name string) (target string, err error) {
	_, data, err := OpenNote(ctx, views, name, targetNote)
	if err != nil || len(data) == 0 {
		return "", err
	}
	var noted bound
	if err := json.Unmarshal(data, &noted); err != nil || noted.Version != boundVersion {
		return "", fmt.Errorf("the target that %s is bound to cannot be read: %w", name, ports.ErrCorrupt)
	}
	return noted.Target, nil
}

func bind(ctx context.Context, views ports.ViewStore, name, target string) error {
	note, _, err := OpenNote(ctx, views, name, targetNote)
	if err != nil {
		return err
	}
	data, err := json.Marshal(bound{Version: boundVersion, Target: target})
	if err != nil {
		return fmt.Errorf("bind %s to its target: %w", name, err)
	}
	return note.Save(ctx, data)
}
