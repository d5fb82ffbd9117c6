package porttest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func headScannerScenarios() []scenario[HeadScannerHarness] {
	return slices.Concat([]scenario[HeadScannerHarness]{
		{"an empty store has no heads", noHeads},
		{"every aggregate appears once, with its head", everyHead},
		{"a cursor goes on where its page ended", headCursor},
		{"aggregates that are written meanwhile do not hide others", headsWhileWriting},
		{"a bad cursor is refused", badHeadCursor},
		{"an ended context stops a call before it does anything", headScannerCancelled},
		{"a closed store refuses", headScannerClosed},
		{"a cursor survives a restart", headCursorReopened},
	}, headTypeScenarios())
}

// heads lists through the scanner of h.
func (h HeadScannerHarness) heads(ctx context.Context, after ports.Cursor, limit int) ([]ports.Head, ports.Cursor, error) {
	p, err := h.Scanner.ScanHeads(ctx, after, limit)
	return p.Heads, p.Next, err
}

// someAggregates writes n aggregates, with 1, 2 or 3 events each.
func (t test) someAggregates(store ports.EventStore, n int) map[uuid.UUID][]eventsourcing.Record {
	t.Helper()
	histories := make(map[uuid.UUID][]eventsourcing.Record, n)
	for i := range n {
		id := newID()
		histories[id] = t.append(store, command(id, 0, i%3+1))
	}
	return histories
}

// expectHeads checks that each aggregate of histories is listed exactly once.
func (t test) expectHeads(got []ports.Head, histories map[uuid.UUID][]eventsourcing.Record) {
	t.Helper()
	seen := map[uuid.UUID]bool{}
	for _, head := range got {
		history, known := histories[head.AggregateID]
		switch {
		case !known:
			t.Fatalf("the scan found %s, which nobody wrote", head.AggregateID)
		case seen[head.AggregateID]:
			t.Fatalf("the scan found %s twice", head.AggregateID)
		case head.SequenceNumber != uint64(len(history)):
			t.Fatalf("the scan found %s at %d, want %d", head.AggregateID, head.SequenceNumber, len(history))
		}
		seen[head.AggregateID] = true
	}
	if len(seen) != len(histories) {
		t.Fatalf("the scan found %d aggregates, want %d", len(seen), len(histories))
	}
}

func noHeads(t test, h HeadScannerHarness) {
	if got := walk(t, h.heads, "", 10); len(got) != 0 {
		t.Fatalf("the scan of an empty store found %v", got)
	}
}

func everyHead(t test, h HeadScannerHarness) {
	histories := t.someAggregates(h.Store, 13)
	var first []ports.Head
	for _, limit := range []int{1, 3, 13, 1_000} {
		got := walk(t, h.heads, "", limit)
		t.expectHeads(got, histories)
		if first == nil {
			first = got
		}
		if diff := firstDiffer(got, first); diff != "" {
			t.Fatalf("two scans have different orders: %s", diff)
		}
	}
}

func headCursor(t test, h HeadScannerHarness) {
	histories := t.someAggregates(h.Store, 10)
	got, next := page(t, h.heads, "", 4)
	for range 2 { // a cursor may be used again
		t.expectHeads(slices.Concat(got, walk(t, h.heads, next, 3)), histories)
	}
}

// headsWhileWriting scans in small steps. Between them it writes to aggregates that were listed, to
// others that were not, and to new ones.
func headsWhileWriting(t test, h HeadScannerHarness) {
	histories := t.someAggregates(h.Store, 20)
	touched := map[uuid.UUID]bool{}
	counts := map[uuid.UUID]int{}
	var next ports.Cursor
	for range 1_000 {
		var heads []ports.Head
		heads, next = page(t, h.heads, next, 3)
		for _, head := range heads {
			counts[head.AggregateID]++
		}
		if next == "" {
			break
		}
		if len(touched) < 8 {
			for id, history := range histories {
				if !touched[id] {
					t.append(h.Store, command(id, uint64(len(history)), 1))
					touched[id] = true
					break
				}
			}
			t.append(h.Store, command(newID(), 0, 1))
		}
	}
	if next != "" {
		t.Fatalf("the scan has no end")
	}
	for id := range histories {
		if n := counts[id]; n == 0 || n > 1 && !touched[id] {
			t.Fatalf("the scan found %s %d times, want once (written meanwhile: %t)", id, n, touched[id])
		}
	}
}

func badHeadCursor(t test, h HeadScannerHarness) {
	t.someAggregates(h.Store, 3)
	t.refusesCursors(func(ctx context.Context, cursor ports.Cursor) error {
		_, err := h.Scanner.ScanHeads(ctx, cursor, 2)
		return err
	})
}

func headScannerCalls(h HeadScannerHarness) call {
	return call{"ScanHeads", func(ctx context.Context) error { _, err := h.Scanner.ScanHeads(ctx, "", 1); return err }}
}

func headScannerCancelled(t test, h HeadScannerHarness) {
	t.someAggregates(h.Store, 2)
	t.refusesCancelled(headScannerCalls(h))
}

func headScannerClosed(t test, h HeadScannerHarness) {
	t.someAggregates(h.Store, 2)
	t.refusesClosed(h, headScannerCalls(h))
}

func headCursorReopened(t test, h HeadScannerHarness) {
	histories := t.someAggregates(h.Store, 10)
	got, next := page(t, h.heads, "", 4)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectHeads(slices.Concat(got, walk(t, h.heads, next, 4)), histories)
	t.expectHeads(walk(t, h.heads, "", 4), histories)
}
