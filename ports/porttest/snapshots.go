package porttest

import (
	"context"
	"fmt"
	"math"

	"github.com/google/uuid"

	"orderflow/ports"
)

func snapshotsScenarios() []scenario[SnapshotsHarness] {
	return []scenario[SnapshotsHarness]{
		{"an aggregate without snapshots has none", noSnapshots},
		{"every field of a snapshot comes back", everySnapshotField},
		{"the newest snapshot at or before a sequence number is found", newestSnapshot},
		{"saving again replaces the snapshot", savedAgain},
		{"kinds and aggregates are separate", separateSnapshots},
		{"snapshots up to a sequence number are dropped, and no others", droppedSnapshots},
		{"memory is not shared with savers", snapshotMemory},
		{"an ended context stops a call before it does anything", snapshotsCancelled},
		{"a closed store refuses", snapshotsClosed},
		{"a restart changes no snapshot", snapshotsReopened},
	}
}

func snapshot(id uuid.UUID, kind string, sequence uint64) ports.Snapshot {
	return ports.Snapshot{
		AggregateID: id, Kind: kind, SequenceNumber: sequence, Version: int(sequence%7) + 1,
		Data: fmt.Appendf(nil, "\x00\xff%s at %d", kind, sequence),
	}
}

func (t test) save(h SnapshotsHarness, snapshots ...ports.Snapshot) {
	t.Helper()
	for _, s := range snapshots {
		var err error
		t.within("SaveSnapshot", func(ctx context.Context) { err = h.Snapshots.SaveSnapshot(ctx, s) })
		t.must("save a snapshot", err)
	}
}

func (t test) dropSnapshots(h SnapshotsHarness, id uuid.UUID, kind string, upTo uint64) {
	t.Helper()
	var err error
	t.within("DropSnapshots", func(ctx context.Context) { err = h.Snapshots.DropSnapshots(ctx, id, kind, upTo) })
	t.must("drop snapshots", err)
}

// expectSnapshot checks the newest snapshot at or before a sequence number.
func (t test) expectSnapshot(h SnapshotsHarness, id uuid.UUID, kind string, atMost uint64, want ports.Snapshot) {
	t.Helper()
	var got ports.Snapshot
	var err error
	t.within("LoadSnapshot", func(ctx context.Context) { got, err = h.Snapshots.LoadSnapshot(ctx, id, kind, atMost) })
	t.must("load a snapshot", err)
	if diff := differ(got, want); diff != "" {
		t.Fatalf("snapshot %q at or before %d (-want +got):\n%s", kind, atMost, diff)
	}
}

func noSnapshots(t test, h SnapshotsHarness) {
	t.expectSnapshot(h, newID(), "a", math.MaxUint64, ports.Snapshot{})
	t.save(h, snapshot(newID(), "a", 3))
	t.expectSnapshot(h, newID(), "a", math.MaxUint64, ports.Snapshot{})
}

func everySnapshotField(t test, h SnapshotsHarness) {
	large := snapshot(newID(), "kind/ü", 1<<40)
	large.Data = largeJSON()
	bare := ports.Snapshot{AggregateID: uuid.Max, Kind: "a", SequenceNumber: 1, Version: 1 << 30}
	for _, s := range []ports.Snapshot{large, bare, snapshot(newID(), "a", 5)} {
		t.save(h, s)
		t.expectSnapshot(h, s.AggregateID, s.Kind, math.MaxUint64, s)
	}
}

func newestSnapshot(t test, h SnapshotsHarness) {
	id := newID()
	places := []uint64{300, 2, 1 << 33, 20, 256}
	for _, sequence := range places {
		t.save(h, snapshot(id, "a", sequence))
	}
	for atMost, want := range map[uint64]uint64{
		2: 2, 3: 2, 19: 2, 20: 20, 255: 20, 256: 256, 299: 256, 300: 300, 1<<33 - 1: 300, 1 << 33: 1 << 33, math.MaxUint64: 1 << 33,
	} {
		t.expectSnapshot(h, id, "a", atMost, snapshot(id, "a", want))
	}
	for _, atMost := range []uint64{0, 1} {
		t.expectSnapshot(h, id, "a", atMost, ports.Snapshot{})
	}
}

func savedAgain(t test, h SnapshotsHarness) {
	s := snapshot(newID(), "a", 9)
	for version := range 3 {
		s.Version, s.Data = version+1, []byte{byte(version)}
		t.save(h, s)
		t.expectSnapshot(h, s.AggregateID, "a", 9, s)
	}
}

func separateSnapshots(t test, h SnapshotsHarness) {
	id, other := newID(), newID()
	all := []ports.Snapshot{snapshot(id, "a", 5), snapshot(id, "ab", 6), snapshot(id, "a\x00", 7), snapshot(other, "a", 8)}
	t.save(h, all...)
	for _, s := range all {
		t.expectSnapshot(h, s.AggregateID, s.Kind, math.MaxUint64, s)
		t.expectSnapshot(h, s.AggregateID, s.Kind, s.SequenceNumber-1, ports.Snapshot{})
	}
}

func droppedSnapshots(t test, h SnapshotsHarness) {
	id, other := newID(), newID()
	t.dropSnapshots(h, id, "a", math.MaxUint64) // there is none
	for _, sequence := range []uint64{1, 2, 300} {
		t.save(h, snapshot(id, "a", sequence), snapshot(id, "b", sequence), snapshot(other, "a", sequence))
	}
	t.dropSnapshots(h, id, "a", 2)
	t.expectSnapshot(h, id, "a", 2, ports.Snapshot{})
	t.expectSnapshot(h, id, "a", 300, snapshot(id, "a", 300))
	t.expectSnapshot(h, id, "b", 2, snapshot(id, "b", 2))
	t.expectSnapshot(h, other, "a", 2, snapshot(other, "a", 2))
	t.dropSnapshots(h, id, "a", math.MaxUint64)
	t.expectSnapshot(h, id, "a", math.MaxUint64, ports.Snapshot{})
	t.save(h, snapshot(id, "a", 2))
	t.expectSnapshot(h, id, "a", 2, snapshot(id, "a", 2))
}

func snapshotMemory(t test, h SnapshotsHarness) {
	s := snapshot(newID(), "a", 3)
	want := snapshot(s.AggregateID, "a", 3)
	t.save(h, s)
	s.Data[0] = 'x'
	t.expectSnapshot(h, s.AggregateID, "a", 3, want)
	var got ports.Snapshot
	var err error
	t.within("LoadSnapshot", func(ctx context.Context) {
		got, err = h.Snapshots.LoadSnapshot(ctx, s.AggregateID, "a", 3)
	})
	t.must("load a snapshot", err)
	got.Data[0] = 'x'
	t.expectSnapshot(h, s.AggregateID, "a", 3, want)
}

func snapshotCalls(h SnapshotsHarness, id uuid.UUID) []call {
	return []call{
		{"SaveSnapshot", func(ctx context.Context) error { return h.Snapshots.SaveSnapshot(ctx, snapshot(id, "a", 4)) }},
		{"LoadSnapshot", func(ctx context.Context) error {
			_, err := h.Snapshots.LoadSnapshot(ctx, id, "a", 4)
			return err
		}},
		{"DropSnapshots", func(ctx context.Context) error { return h.Snapshots.DropSnapshots(ctx, id, "a", 4) }},
	}
}

func snapshotsCancelled(t test, h SnapshotsHarness) {
	there := snapshot(newID(), "a", 3)
	t.save(h, there)
	t.refusesCancelled(snapshotCalls(h, there.AggregateID)...)
	t.expectSnapshot(h, there.AggregateID, "a", 9, there)
}

func snapshotsClosed(t test, h SnapshotsHarness) {
	there := snapshot(newID(), "a", 3)
	t.save(h, there)
	t.refusesClosed(h, snapshotCalls(h, there.AggregateID)...)
}

// snapshotsReopened closes in an orderly way. Then nothing is lost.
func snapshotsReopened(t test, h SnapshotsHarness) {
	id := newID()
	t.save(h, snapshot(id, "a", 3), snapshot(id, "a", 8))
	t.dropSnapshots(h, id, "a", 3)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectSnapshot(h, id, "a", 7, ports.Snapshot{})
	t.expectSnapshot(h, id, "a", math.MaxUint64, snapshot(id, "a", 8))
}
