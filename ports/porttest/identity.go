package porttest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/ports"
)

func storeIdentityScenarios() []scenario[StoreIdentityHarness] {
	return []scenario[StoreIdentityHarness]{
		{"a store has one id, whoever asks first", oneStoreID},
		{"the id is there after a restart", storeIDReopened},
		{"another store has another id", otherStoreID},
		{"an ended context stops a call", storeIDCancelled},
		{"a closed store refuses", storeIDClosed},
	}
}

func (t test) storeID(s ports.StoreIdentity) (id uuid.UUID) {
	t.Helper()
	var err error
	t.within("StoreID", func(ctx context.Context) { id, err = s.StoreID(ctx) })
	t.must("tell the id of the store", err)
	return id
}

func oneStoreID(t test, h StoreIdentityHarness) {
	ids := make([]uuid.UUID, t.Writers)
	t.together(t.Writers, "StoreID", func(ctx context.Context, i int) (err error) {
		ids[i], err = h.Identity.StoreID(ctx)
		return err
	})
	if ids = slices.Compact(append(ids, t.storeID(h.Identity))); len(ids) != 1 || ids[0] == uuid.Nil {
		t.Fatalf("the store has the ids %v", ids)
	}
}

func storeIDReopened(t test, h StoreIdentityHarness) {
	before := t.storeID(h.Identity)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	if after := t.storeID(h.Identity); after != before {
		t.Fatalf("the id was %s, and after a restart it is %s", before, after)
	}
}

func otherStoreID(t test, h StoreIdentityHarness) {
	one := t.storeID(h.Identity)
	if other := t.storeID(h.Another(t)); other == one {
		t.Fatalf("another store has the same id %s", one)
	}
}

func storeIDCall(h StoreIdentityHarness) call {
	return call{"StoreID", func(ctx context.Context) error {
		_, err := h.Identity.StoreID(ctx)
		return err
	}}
}

func storeIDCancelled(t test, h StoreIdentityHarness) { t.refusesCancelled(storeIDCall(h)) }

func storeIDClosed(t test, h StoreIdentityHarness) { t.refusesClosed(h, storeIDCall(h)) }
