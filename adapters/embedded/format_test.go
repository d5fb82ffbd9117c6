package embedded_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// What testdata/format2/README.md says about the directories that are packed there.
const (
	oldOrders, oldEvents = 54, 182
	oldSkipped           = "01a2295f-1355-71ac-b70a-8b2d1717bd58"
	oldParked            = "01a2295f-1355-71b2-b4d3-dbc343c87c18"
)

var oldProjections = []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku"}

// oldData reads a data directory of format 2, as files of the directory "data".
func oldData(t *testing.T, name string) files {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "format2", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all[path.Join("data", strings.TrimPrefix(header.Name, name))] = content
	}
}

// checkOldData expects everything that the directory of format 2 held to be there, as orders.
func checkOldData(t *testing.T, store *embedded.Store) {
	t.Helper()
	c, err := readEvents(store)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Heads) != oldOrders || len(c.Events) != oldEvents || len(c.Outbox) != oldEvents {
		t.Errorf("%d heads, %d events, %d rows of the outbox", len(c.Heads), len(c.Events), len(c.Outbox))
	}
	for id, name := range c.Types {
		if name != "order" {
			t.Errorf("the head of %s is of type %q", id, name)
		}
	}
	for _, r := range append(c.Events, c.Outbox...) {
		if r.AggregateType != "order" || !strings.HasPrefix(r.EventType, "order.") {
			t.Errorf("event %s of type %q belongs to an aggregate of type %q", r.EventID, r.EventType, r.AggregateType)
		}
	}
	for _, consumer := range append(oldProjections, "file-publisher") {
		checkOldConsumer(t, store, consumer)
	}
}

func checkOldConsumer(t *testing.T, store *embedded.Store, consumer string) {
	t.Helper()
	projects := consumer != "file-publisher"
	record, err := store.Consumer(t.Context(), consumer)
	live := 1
	if consumer == "orders-by-status" {
		live = 3
	}
	if err != nil || record.Live.Number != live || record.Paused || record.CatchingUp {
		t.Errorf("%s is %+v, error %v", consumer, record, err)
	}
	if lag, err := store.Lag(t.Context(), consumer); err != nil || lag != (ports.Lag{Known: true}) {
		t.Errorf("lag of %s: %+v, error %v", consumer, lag, err)
	}
	parked, err := store.Parked(t.Context(), consumer, "", 10)
	if wantParked := projects; err != nil || (len(parked.Aggregates) == 1) != wantParked {
		t.Fatalf("parked by %s: %+v, error %v", consumer, parked, err)
	}
	skips, err := store.Skips(t.Context(), ports.SkipQuery{Consumer: consumer, Limit: 10})
	if err != nil || (len(skips.Skips) == 1) != projects {
		t.Fatalf("skips of %s: %+v, error %v", consumer, skips, err)
	}
	if projects {
		p, s := parked.Aggregates[0], skips.Skips[0]
		if p.AggregateID.String() != oldParked || p.SequenceNumber != 5 || p.Kind != ports.FailureUndecodable || p.Attempts < 1 {
			t.Errorf("parked by %s: %+v", consumer, p)
		}
		if s.AggregateID.String() != oldSkipped || s.SequenceNumber != 5 || s.Reason != "the payload is cut short" {
			t.Errorf("skipped by %s: %+v", consumer, s)
		}
	}
	state, err := store.State(t.Context(), ports.ViewID{Consumer: consumer, Generation: live}, uuid.MustParse(oldSkipped))
	if err != nil || state.SequenceNumber < 5 {
		t.Errorf("state of %s: %+v, error %v", consumer, state, err)
	}
}

// TestFormat_OldDataIsReadAndContinued opens what an earlier version left, after a clean shutdown
// and after a kill. It reads everything, continues with old and new aggregates, and opens it again.
func TestFormat_OldDataIsReadAndContinued(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"closed", "killed"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := oldData(t, name).fs(t, "", nil)
			// The clock stands where the data was written, so that the feed still holds it.
			options := embedded.Options{Dir: "data", FS: mem, Now: func() time.Time { return time.UnixMilli(1_796_000_000_000) }}
			store := open(t, nil, options)
			checkOldData(t, store.Store)

			id := uuid.MustParse(oldParked)
			history := mustLoad(t, store.Store, id)
			old := command(id, uint64(len(history)), 2)
			for i := range old.Records {
				old.Records[i].AggregateType = "order"
			}
			mustAppend(t, store.Store, old)
			added := command(uuid.UUID{15: 1}, 0, 3)
			mustAppend(t, store.Store, added)
			wrong := command(id, uint64(len(history)+2), 1)
			wrong.Records[0].AggregateType = "stock_item"
			var other *ports.OtherTypeError
			if _, err := store.Append(t.Context(), wrong); !errors.As(err, &other) || other.Type != "order" {
				t.Errorf("an event of another type: error %v", err)
			}
			store = store.reopen(t)
			if d := diff(append(history, old.Records...), mustLoad(t, store.Store, id)); d != "" {
				t.Error(d)
			}
			if d := diff(added.Records, mustLoad(t, store.Store, added.AggregateID)); d != "" {
				t.Error(d)
			}
			expectRepeated(t, store.Store, history)
			expectFeed(t, store.Store, append(old.Records, added.Records...))
			if got := string(filesOf(t, mem)["data/VERSION"]); got != "orderflow embedded store\nformat 4\n" {
				t.Errorf("VERSION holds %q", got)
			}
		})
	}
}

// expectRepeated sends the first command of an old history again: it is known.
func expectRepeated(t *testing.T, store *embedded.Store, history []eventsourcing.Record) {
	t.Helper()
	first := eventsourcing.ByCommand(history, history[0].CommandID)
	again, err := store.Append(t.Context(), ports.Append{
		AggregateID: history[0].AggregateID, CommandID: history[0].CommandID, Records: first,
	})
	if d := diff(first, again.Records); err != nil || !again.Duplicate || d != "" {
		t.Errorf("a command of the old data: duplicate %t, error %v: %s", again.Duplicate, err, d)
	}
}

// expectFeed expects an old consumer to continue from its offset.
func expectFeed(t *testing.T, store *embedded.Store, want []eventsourcing.Record) {
	t.Helper()
	sub := mustSubscribe(t, store, "orders-by-sku")
	for _, r := range want {
		if d := cmp.Diff(r, mustNext(t, sub).Record); d != "" {
			t.Error(d)
		}
	}
}

// TestFormat_OpeningOldDataMayEndAnywhere lets the machine die at every operation on the file
// system, while old data is opened for the first time and the first event is written. Opening it
// again finds all of it.
func TestFormat_OpeningOldDataMayEndAnywhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"closed", "killed"} {
		old := oldData(t, name)
		for n, done := int64(1), false; !done; n += 3 {
			mem := old.crashable(t)
			fs := newFaultyFrom(mem, n)
			options := embedded.Options{Dir: "data", FS: fs, Now: func() time.Time { return time.UnixMilli(1_796_000_000_000) }}
			acked := 0
			store, err := embedded.Open(t.Context(), options)
			if err == nil {
				if _, err := store.Append(t.Context(), command(newID(), 0, 1)); err == nil {
					acked = 1
				}
			}
			done = !fs.broken.Load()
			crashed := mem.CrashClone(vfs.CrashCloneCfg{})
			if err == nil {
				_ = store.Close() // it may report the broken disk
			}
			options.FS = crashed
			again, err := embedded.Open(t.Context(), options)
			if err != nil {
				t.Fatalf("%s, operation %d: %v", name, n, err)
			}
			c, err := readEvents(again)
			if err == nil && (len(c.Heads) < oldOrders+acked || len(c.Events) < oldEvents+acked) {
				err = fmt.Errorf("%d heads, %d events", len(c.Heads), len(c.Events))
			}
			if err := errors.Join(err, again.Close()); err != nil {
				t.Fatalf("%s, operation %d: %v", name, n, err)
			}
		}
	}
}
