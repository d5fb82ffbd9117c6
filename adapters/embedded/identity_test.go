package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"orderflow/ports"
	"orderflow/ports/porttest"
)

func TestStoreIdentity(t *testing.T) {
	t.Parallel()
	var harness func(o opened) porttest.StoreIdentityHarness
	harness = func(o opened) porttest.StoreIdentityHarness {
		return porttest.StoreIdentityHarness{
			Identity: o, Close: o.Close,
			Reopen: func(t testing.TB) porttest.StoreIdentityHarness { return harness(o.reopen(t)) },
			Another: func(t testing.TB) ports.StoreIdentity { // in the same directory
				mustClose(t, o.Store)
				if err := os.RemoveAll(o.options.Dir); err != nil {
					t.Fatal(err)
				}
				return open(t, o.shift, o.options)
			},
		}
	}
	porttest.StoreIdentity(t, func(t *testing.T) porttest.StoreIdentityHarness { return harness(openNew(t)) })
}

func TestStoreIdentity_survivesAMoveAndTellsDamage(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	before, err := o.StoreID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, o.Store)
	elsewhere := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(o.options.Dir, elsewhere); err != nil {
		t.Fatal(err)
	}
	o.options.Dir = elsewhere
	moved := open(t, o.shift, o.options)
	if after, err := moved.StoreID(t.Context()); err != nil || after != before {
		t.Errorf("the id was %s, and after a move it is %s, %v", before, after, err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, "STOREID"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := moved.StoreID(t.Context()); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("a damaged id: %s, %v", id, err)
	}
}
