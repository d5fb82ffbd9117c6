package embedded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

func mustBeat(t testing.TB, store *embedded.Store, at time.Time) {
	t.Helper()
	if err := store.Beat(t.Context(), at); err != nil {
		t.Fatal(err)
	}
}

func TestBeat_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	mustSeekEnd(t, o.Store, "consumer")
	mustAppend(t, o.Store, command(newID(), 0, 2))
	before, err := readEvents(o.Store)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(10) {
		mustBeat(t, o.Store, time.UnixMilli(n))
	}
	for name, store := range map[string]func() *embedded.Store{
		"open":     func() *embedded.Store { return o.Store },
		"reopened": func() *embedded.Store { o = o.reopen(t); return o.Store },
	} {
		after, err := readEvents(store())
		if err != nil {
			t.Fatal(err)
		}
		if !before.equal(after) {
			t.Errorf("%s: heartbeats have changed %+v to %+v", name, before, after)
		}
	}
	if n := o.KeysOfBeats(); n != 0 {
		t.Errorf("%d keys are stored for heartbeats", n)
	}
	mustAppend(t, o.Store, command(newID(), 0, 1))
	sub := mustSubscribe(t, o.Store, "consumer")
	if _, last := readAll(t, sub, 3); last.Offset != "3" {
		t.Errorf("heartbeats have taken positions: the third record is at %s", last.Offset)
	}
}

// Heartbeats alone, on an idle store, must make Pebble replace its log. Otherwise the directory
// grows for as long as nothing happens.
func TestBeat_LogsDoNotGrowForEver(t *testing.T) {
	t.Parallel()
	const enough = 100_000
	fs := vfs.NewMem()
	o := open(t, nil, embedded.Options{Dir: "data", FS: fs})
	logs := func() string {
		names, err := fs.List("data/pebble")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".log") {
				return name
			}
		}
		return ""
	}
	first := logs()
	for n := int64(0); logs() == first; n++ {
		if n == enough {
			t.Fatalf("after %d heartbeats the first log is still there", n)
		}
		mustBeat(t, o.Store, time.UnixMilli(n))
	}
}

func TestBeat_ADeadDiskSendsNone(t *testing.T) {
	t.Parallel()
	fs := newFaults(errDisk, on(".log", errorfs.OpFileSyncData, errorfs.OpFileSync))
	store, err := embedded.Open(t.Context(), embedded.Options{Dir: "data", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	intact := command(newID(), 0, 2)
	mustAppend(t, store, intact)
	mustSeekEnd(t, store, "consumer")
	sub := mustSubscribe(t, store, "consumer")
	at := time.UnixMilli(1_900_000_000_000).UTC()
	mustBeat(t, store, at)
	if d := mustNext(t, sub); !d.Beat.Equal(at) {
		t.Fatalf("delivered %+v, want the heartbeat of %s", d, at)
	}
	fs.broken.Store(true)
	if err := store.Beat(t.Context(), at.Add(time.Second)); !errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Errorf("beat on a disk that just died: error %v, want %v", err, ports.ErrOutcomeUnknown)
	}
	if err := store.Beat(t.Context(), at.Add(2*time.Second)); !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown) {
		t.Errorf("beat on a dead disk: error %v, want %v", err, ports.ErrUnavailable)
	}
	ended, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if d, err := sub.Next(ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("delivered %+v, error %v, with a dead disk", d, err)
	}
	if d := diff(intact.Records, mustLoad(t, store, intact.AggregateID)); d != "" {
		t.Error(d) // no append is in doubt
	}
	_ = store.Close() // it may report the broken file
}

func TestBeat_AfterCloseIsRefused(t *testing.T) {
	t.Parallel()
	o := openNew(t)
	mustClose(t, o.Store)
	if err := o.Beat(t.Context(), time.UnixMilli(1)); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("error %v, want %v", err, ports.ErrClosed)
	}
}

// A subscription that is far behind gets a heartbeat only when it has what came before that.
func TestBeat_WaitsForASubscriptionThatIsBehindTheRing(t *testing.T) {
	t.Parallel()
	o := open(t, nil, embedded.Options{Dir: "data", FS: vfs.NewMem(), FeedBytes: 2000})
	mustSeekEnd(t, o.Store, "slow")
	slow := mustSubscribe(t, o.Store, "slow")
	id := newID()
	const events = 2000
	// more heartbeats than are kept, and far more records than the ring holds
	for n := range uint64(events) {
		mustAppend(t, o.Store, command(id, n, 1))
		mustBeat(t, o.Store, time.UnixMilli(int64(n+1)))
	}
	heard, last := 0, time.Time{}
	for n := uint64(0); last.UnixMilli() != events; {
		d := mustNext(t, slow)
		if d.Beat.IsZero() {
			n++
			continue
		}
		heard, last = heard+1, d.Beat
		if uint64(last.UnixMilli()) > n {
			t.Fatalf("got the heartbeat behind event %d, with %d events", last.UnixMilli(), n)
		}
	}
	if heard > events/100 {
		t.Errorf("%d heartbeats came, most of them stale", heard)
	}
}
