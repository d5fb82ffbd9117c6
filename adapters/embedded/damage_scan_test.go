package embedded_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// TestScanHeads_FromTheEventsIsTheSame compares the scan that is used after damage with the usual
// one.
func TestScanHeads_FromTheEventsIsTheSame(t *testing.T) {
	t.Parallel()
	store := open(t, nil, embedded.Options{Dir: t.TempDir()})
	for range 25 {
		mustAppend(t, store.Store, command(newID(), 0, 1+rand.IntN(3)))
	}
	for _, limit := range []int{1, 7, 25, 100} {
		var usual, fallback []ports.Head
		for scan, heads := range map[string]*[]ports.Head{"usual": &usual, "fallback": &fallback} {
			err := pages(func(after ports.Cursor) (ports.Cursor, error) {
				list := store.ScanHeads
				if scan == "fallback" {
					list = store.ScanEvents
				}
				page, err := list(t.Context(), after, limit)
				*heads = append(*heads, page.Heads...)
				if len(page.Heads) > limit {
					t.Errorf("%d heads on a page of %d", len(page.Heads), limit)
				}
				return page.Next, err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if d := diff(usual, fallback); d != "" || len(usual) != 25 {
			t.Errorf("%d heads, limit %d: %s", len(usual), limit, d)
		}
	}
}

// TestExpire_GoesOnOverDamage damages rows that the sweep looks at.
func TestExpire_GoesOnOverDamage(t *testing.T) {
	t.Parallel()
	for damaged := uint64(1); damaged <= 40; damaged++ {
		shift := new(atomic.Int64)
		o := open(t, shift, embedded.Options{Dir: "data", FS: vfs.NewMem(), Now: func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }})
		mustSeekEnd(t, o.Store, "consumer")
		for range 20 {
			mustAppend(t, o.Store, command(newID(), 0, 1))
		}
		o.shift.Add(int64(25 * time.Hour))
		for range 20 {
			mustAppend(t, o.Store, command(newID(), 0, 1))
		}
		mustDamage(t, o.Store, layout.OutboxKey(damaged), layout.OutboxKey(damaged%40+1))
		if err := o.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := readList(o.ListOutbox)
		if least := 20; err != nil || len(rows) < least || len(rows) > least+2 {
			t.Errorf("with %d damaged, %d rows are left, error %v", damaged, len(rows), err)
		}
		mustClose(t, o.Store)
	}
}
