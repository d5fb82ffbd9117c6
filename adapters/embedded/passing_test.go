package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Many orders pass through a status. Each costs a list of that status two steps: its row, and the
// deletion of it. The engine drops both when it merges files. Then a list costs nothing more,
// however many orders there were.
func TestRows_StepOverOrdersThatHaveMovedOn(t *testing.T) {
	t.Parallel()
	options := embedded.Options{Dir: t.TempDir()}
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	const orders, together = 10_000, 100
	p := views.OrdersByStatus()
	view := ports.ViewID{Consumer: p.Name, Generation: 1}
	at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	row := func(id uuid.UUID, n int, status string, sequence int64) projection.Row {
		created := at.Add(time.Duration(n) * 300 * time.Millisecond)
		return projection.Row{status, created, id, "customer", "EUR", int64(100), sequence, created}
	}
	for n := 0; n < orders; n += together {
		var come, gone []ports.Change
		for i := range together {
			id := uuid.Must(uuid.NewV7())
			change := ports.Change{
				AggregateID: id, State: ports.ViewState{SequenceNumber: 1}, Table: p.Table,
				Put: []projection.Row{row(id, n+i, "ACTIVE", 1)},
			}
			come = append(come, change)
			change.State.SequenceNumber, change.Delete = 2, change.Put
			change.Put = []projection.Row{row(id, n+i, "CONFIRMED", 2)}
			gone = append(gone, change)
		}
		for _, changes := range [][]ports.Change{come, gone} {
			if err := store.Apply(t.Context(), view, changes...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if steps, rows := store.StepsOfList(view, p.Table, 50, "ACTIVE"); rows != 0 || steps < orders || steps > 2*orders+2 {
		t.Errorf("%d steps and %d rows before the files are merged, want up to %d and none", steps, rows, 2*orders)
	}
	if steps, rows := store.StepsOfList(view, p.Table, 50, "CONFIRMED"); rows != 50 || steps > 51 {
		t.Errorf("%d steps for %d rows", steps, rows)
	}
	mustClose(t, store)
	merge(t, options.Dir)

	store, err = embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, store)
	if steps, rows := store.StepsOfList(view, p.Table, 50, "ACTIVE"); rows != 0 || steps > 1 {
		t.Errorf("%d steps and %d rows after the files were merged, want none", steps, rows)
	}
}

// merge merges all files of the engine, which it does by itself in the background.
func merge(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"SEAL", "WATERMARK"} { // or the store says that somebody was here
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	db, err := pebble.Open(filepath.Join(dir, "pebble"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	// Two deletions of nothing, before and behind all keys, so that every file is rewritten and
	// none is only moved.
	first, last := []byte{0}, []byte{0xff}
	err = errors.Join(db.Delete(first, nil), db.Delete(last, nil), db.Compact(t.Context(), first, last, false), db.Close())
	if err != nil {
		t.Fatal(err)
	}
}

// silent drops the log of the engine.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}
