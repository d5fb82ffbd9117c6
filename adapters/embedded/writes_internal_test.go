package embedded

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// A batch gets each key and each value as it was added, in the order of the keys, also when the
// memory was used before.
func TestWrites_PropFillABatchInOrder(t *testing.T) {
	t.Parallel()
	db, err := pebble.Open("data", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	table := &projection.Table{
		Name: "rows", Owner: "id", Bucket: projection.Day,
		Columns: []projection.Column{
			{Name: "key", Kind: projection.Text, Role: projection.Partition},
			{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
			{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
			{Name: "n", Kind: projection.BigInt, Role: projection.Regular},
		},
	}
	view := ports.ViewID{Consumer: "a", Generation: 3}
	var reused reusedWrites
	rapid.Check(t, func(t *rapid.T) {
		w := reused.take(view)
		defer reused.put(w)
		want := map[string]string{}
		deleted := map[string]bool{}
		for n := range rapid.IntRange(0, 20).Draw(t, "changes") {
			change := ports.Change{AggregateID: uuid.UUID{byte(rapid.Int().Draw(t, "id")), byte(n)}, Table: table}
			change.State.SequenceNumber = rapid.Uint64Range(0, 2).Draw(t, "sequence")
			change.State.Data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
			row := projection.Row{rapid.String().Draw(t, "key"), layout.FromMillis(int64(n)), change.AggregateID, int64(n)}
			key, err := layout.RowKey(view, table, table.Key(row))
			if err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "delete") {
				change.Delete, deleted[string(key)] = []projection.Row{row}, true
			} else {
				value, err := layout.AppendRow(nil, table, row)
				if err != nil {
					t.Fatal(err)
				}
				change.Put, want[string(key)] = []projection.Row{row}, string(value)
			}
			state := string(layout.StateKey(view, change.AggregateID))
			if change.State.SequenceNumber == 0 {
				deleted[state] = true
			} else {
				want[state] = string(layout.AppendState(nil, change.State))
			}
			if err := w.addRows(&change); err != nil {
				t.Fatal(err)
			}
			w.addState(&change)
		}
		batch := db.NewBatch()
		defer batch.Close() //nolint:errcheck // nothing depends on it
		w.fill(batch)
		var before []byte
		for r := batch.Reader(); ; {
			kind, key, value, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if bytes.Compare(before, key) >= 0 {
				t.Fatalf("%x comes after %x", key, before)
			}
			before = key
			switch {
			case kind == pebble.InternalKeyKindDelete && deleted[string(key)]:
				delete(deleted, string(key))
			case kind == pebble.InternalKeyKindSet && want[string(key)] == string(value):
				delete(want, string(key))
			default:
				t.Fatalf("%s %x = %x was not added", kind, key, value)
			}
		}
		if len(want)+len(deleted) > 0 {
			t.Fatalf("%d puts and %d deletions are missing", len(want), len(deleted))
		}
	})
}
