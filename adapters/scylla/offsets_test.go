package scylla_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// position returns a position in a stream of the CDC log.
func position() uuid.UUID { return uuid.UUID(gocql.TimeUUID()) }

func TestOffsets(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	save := func(consumer string, offsets map[string]uuid.UUID) {
		t.Helper()
		if err := store.SaveOffsets(t.Context(), consumer, 1, offsets); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(consumer string, want map[string]uuid.UUID) {
		t.Helper()
		got, err := store.LoadOffsets(t.Context(), consumer)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("offsets of %s (-want +got):\n%s\n%v", consumer, diff, err)
		}
	}
	expect("a", map[string]uuid.UUID{})
	save("a", nil)
	expect("a", map[string]uuid.UUID{})
	many := map[string]uuid.UUID{}
	for i := range 250 {
		many[fmt.Sprint("stream-", i)] = position()
	}
	save("a", many)
	expect("a", many)
	expect("b", map[string]uuid.UUID{})
	later := map[string]uuid.UUID{"stream-1": position(), "stream-new": position()}
	save("a", later)
	maps.Copy(many, later)
	expect("a", many)
	save("b", later)
	sim.Advance(8 * 24 * time.Hour)
	expect("b", map[string]uuid.UUID{})

	mustClose(t, store)
	if err := store.SaveOffsets(t.Context(), "a", 1, later); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("save: error %v, want %v", err, ports.ErrClosed)
	}
	if _, err := store.LoadOffsets(t.Context(), "a"); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("load: error %v, want %v", err, ports.ErrClosed)
	}
}
