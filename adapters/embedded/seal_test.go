package embedded_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
)

// TestClose_APowerCutBehindItLeavesADirectoryThatOpens cuts the power right after a clean shutdown.
func TestClose_APowerCutBehindItLeavesADirectoryThatOpens(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	var acked acknowledged
	for range 3 { // so that there are files to be removed
		store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: mem})
		if err != nil {
			t.Fatal(err)
		}
		acked.add(mustAppend(t, store, command(newID(), 0, 1)))
		mustClose(t, store)
		mem = mem.CrashClone(vfs.CrashCloneCfg{})
	}
	store := open(t, nil, embedded.Options{Dir: "data", FS: mem})
	for id, want := range acked.snapshot() {
		if !sameRecords(want, mustLoad(t, store.Store, id)) {
			t.Errorf("what was acknowledged for %s is not there", id)
		}
	}
}
