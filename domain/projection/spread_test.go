package projection_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/projection"
)

// The texts are stored. They never change.
func TestWidth_Of(t *testing.T) {
	t.Parallel()
	// in UTC it is April
	late := time.Date(2025, time.March, 31, 23, 30, 0, 0, time.FixedZone("", -3600))
	tests := []struct {
		at               time.Time
		hour, day, month string
	}{
		{noon, "2025-03-31T12", "2025-03-31", "2025-03"},
		{late, "2025-04-01T00", "2025-04-01", "2025-04"},
		{time.Time{}, "0001-01-01T00", "0001-01-01", "0001-01"},
		{time.UnixMilli(math.MinInt64).UTC(), "0001-01-01T00", "0001-01-01", "0001-01"},
		{time.UnixMilli(math.MaxInt64).UTC(), "9999-12-31T23", "9999-12-31", "9999-12"},
	}
	for _, tt := range tests {
		got := []string{projection.Hour.Of(tt.at), projection.Day.Of(tt.at), projection.Month.Of(tt.at)}
		if diff := cmp.Diff([]string{tt.hour, tt.day, tt.month}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.at, diff)
		}
	}
}

// So the order of buckets never contradicts the order of rows.
func TestWidth_PropLaterTimesHaveNoEarlierBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Custom(func(t *rapid.T) time.Time {
			near := rapid.Int64Range(-5_000_000_000_000, 5_000_000_000_000)
			return time.UnixMilli(rapid.OneOf(near, rapid.Int64()).Draw(t, "at")).UTC()
		})
		a, b := at.Draw(t, "a"), at.Draw(t, "b")
		if a.After(b) {
			a, b = b, a
		}
		for _, w := range []projection.Width{projection.Hour, projection.Day, projection.Month} {
			if w.Of(a) > w.Of(b) {
				t.Fatalf("%s has bucket %s, and the later %s has %s", a, w.Of(a), b, w.Of(b))
			}
		}
	})
}

// Rows are found by their shards. They never change.
func TestTable_ShardOf_IsStable(t *testing.T) {
	t.Parallel()
	var got []int
	for i := range 8 {
		id := orderID
		id[15] = byte(i)
		shard, ok := shelf().LaidOut(1, projection.Day, 16).ShardOf(projection.Row{"hall", noon, id})
		if !ok {
			t.Fatal("no shard")
		}
		got = append(got, shard)
	}
	if diff := cmp.Diff([]int{6, 1, 12, 15, 10, 5, 0, 3}, got); diff != "" {
		t.Errorf("shards (-want +got):\n%s", diff)
	}
}

func TestTable_ShardOf_SpreadsTheRows(t *testing.T) {
	t.Parallel()
	table := shelf().LaidOut(1, projection.Day, 16)
	rows := make([]int, 16)
	const n = 16_000
	for range n {
		shard, _ := table.ShardOf(projection.Row{"hall", noon, uuid.Must(uuid.NewV7())})
		rows[shard]++
	}
	if least, most := slices.Min(rows), slices.Max(rows); least < n/16*3/4 || most > n/16*5/4 {
		t.Errorf("the shards have %v rows, want about %d each", rows, n/16)
	}
}

func TestTable_ShardOf_NeedsTheOwner(t *testing.T) {
	t.Parallel()
	if shard, ok := shelf().ShardOf(shelfRow()[:2]); ok {
		t.Errorf("shard %d, without an owner", shard)
	}
	for _, table := range []*projection.Table{shelf().LaidOut(1, projection.Day, 1), shelf().LaidOut(1, 0, 0)} {
		if shard, ok := table.ShardOf(shelfRow()[:2]); !ok || shard != 0 {
			t.Errorf("shard %d, %v; want the only one", shard, ok)
		}
	}
}

func TestTable_BucketOf(t *testing.T) {
	t.Parallel()
	if got := shelf().BucketOf(shelfRow()[:2]); got != "2025-03-31" {
		t.Errorf("got %s, want 2025-03-31", got)
	}
	if got := shelf().LaidOut(1, 0, 1).BucketOf(shelfRow()[:1]); got != "" {
		t.Errorf("got %s, want none", got)
	}
}

func TestProjection_TableOf(t *testing.T) {
	t.Parallel()
	first, second := shelf().LaidOut(1, 0, 1), shelf().LaidOut(2, projection.Month, 1)
	p := projection.Define(projection.Definition[int, any]{
		Name: "p", Version: 5, Table: shelf(), Earlier: map[int]*projection.Table{2: second, 1: first},
	})
	for version, want := range map[int]*projection.Table{0: p.Table, 1: first, 2: second, 3: p.Table, 5: p.Table, 6: p.Table} {
		former := *want
		former.Former = want != p.Table
		if diff := cmp.Diff(&former, p.TableOf(version)); diff != "" {
			t.Errorf("table of version %d (-want +got):\n%s", version, diff)
		}
		if at := p.At(version); at.Version != version || at.Table != p.TableOf(version) || at.Name != p.Name {
			t.Errorf("at version %d: %+v", version, at)
		}
	}
	tables := p.Tables()
	if len(tables) != 3 || tables[0] != p.Table || tables[1] != p.TableOf(1) || tables[2] != p.TableOf(2) {
		t.Errorf("tables %v", tables)
	}
}
