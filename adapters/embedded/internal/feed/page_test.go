package feed

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/history"
	"orderflow/ports"
)

// A subscription can read a page after a sweep has deleted its rows and before the subscription
// looks at the oldest position.
func TestPage_BeforeTheOldestPositionHasExpired(t *testing.T) {
	t.Parallel()
	var f *Feed
	db, err := engine.Open(t.Context(), engine.Options{Dir: "data", CacheBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler), FS: vfs.NewMem()},
		func(db *engine.DB, before datadir.Before) error {
			f = New(db, history.New(db, time.Now), Options{Bytes: 1, Now: time.Now})
			return f.Recover(before)
		})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(func() {}); err != nil {
			t.Error(err)
		}
	}()
	if err := f.deleteBefore(10); err != nil {
		t.Fatal(err)
	}
	if page, err := f.page(t.Context(), 2, 12); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("read %d records from before the beginning, error %v", len(page), err)
	}
	if page, err := f.salvage(t.Context(), 2, 12); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("salvaged %d records from before the beginning, error %v", len(page), err)
	}
}
