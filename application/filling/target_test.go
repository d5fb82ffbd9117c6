package filling_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/application/filling"
	"orderflow/ports"
)

// slow is a view store that takes a second for each call. So what two callers read is old when they
// write.
type slow struct{ *memory.Store }

// State implements ports.ViewStore.
func (s slow) State(ctx context.Context, view ports.ViewID, id uuid.UUID) (ports.ViewState, error) {
	defer time.Sleep(time.Second)
	return s.Store.State(ctx, view, id)
}

// Apply implements ports.ViewStore.
func (s slow) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	time.Sleep(time.Second)
	return s.Store.Apply(ctx, view, changes...)
}

func binder(store slow) filling.Binder {
	return filling.Binder{
		Views: store, Leases: store.Store, Owner: ports.LeaseOwner{ID: uuid.New(), Address: "here"},
		Same: func(bound, target string) bool { return bound == target },
	}
}

// Processes that start together with different targets are different consumers, and so they stay.
func TestBinder_ProcessesThatStartTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := slow{memory.New(memory.Options{})}
		targets := []string{"a", "b", "a", "c"}
		names := make([]string, len(targets))
		bind := func(i int) {
			var err error
			if names[i], _, err = binder(store).Bind(t.Context(), "publisher", targets[i]); err != nil {
				t.Errorf("bind to %s: %v", targets[i], err)
			}
		}
		for i := range targets {
			go bind(i)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if names[0] != names[2] || names[0] == names[1] || names[1] == names[3] || names[0] == names[3] {
			t.Errorf("the consumers of %q are %q", targets, names)
		}
		for i, before := range append([]string(nil), names...) {
			if bind(i); names[i] != before {
				t.Errorf("the consumer of %s was %s and is %s", targets[i], before, names[i])
			}
			if bound, err := filling.BoundTarget(t.Context(), store, names[i]); err != nil || bound != targets[i] {
				t.Errorf("%s is bound to %q (error %v), want %q", names[i], bound, err, targets[i])
			}
		}
	})
}

// A process that only looks binds nothing.
func TestBinder_FindBindsNothing(t *testing.T) {
	t.Parallel()
	store := slow{memory.New(memory.Options{})}
	name, bound, err := binder(store).Find(t.Context(), "publisher", "a")
	if name != "publisher" || bound != "" || err != nil {
		t.Errorf("found %q, bound to %q, error %v", name, bound, err)
	}
	if bound, err := filling.BoundTarget(t.Context(), store, name); bound != "" || err != nil {
		t.Errorf("it is bound to %q, error %v", bound, err)
	}
}
