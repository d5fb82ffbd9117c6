package scylla_test

import (
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// heads scans to the end, in pages.
func heads(t testing.TB, store ports.HeadScanner, limit int) (all []ports.Head) {
	t.Helper()
	var next ports.Cursor
	for {
		page, err := store.ScanHeads(t.Context(), next, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Heads) > limit {
			t.Fatalf("%d heads in a page of %d", len(page.Heads), limit)
		}
		all = append(all, page.Heads...)
		if next = page.Next; next == "" {
			return all
		}
	}
}

// fill writes the heads of so many aggregates, and nothing else of them.
func fill(t testing.TB, hosts []string, keyspace string, n int) {
	t.Helper()
	s := session(t, hosts)
	var group errgroup.Group
	group.SetLimit(64)
	for range n {
		group.Go(func() error {
			return s.Query("INSERT INTO "+keyspace+".event_store (aggregate_id, head) VALUES (?, 1)", gocql.UUID(newID())).
				Consistency(gocql.LocalQuorum).Exec()
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestScanHeads_EveryPageSizeGivesEveryHeadInTheOrderOfTokens(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	const n = 700
	fill(t, sim.Hosts(), config.Keyspace, n)
	for _, limit := range []int{1, 7, 100, 256, n - 1, n, n + 1} {
		all := heads(t, store, limit)
		ordered := slices.IsSortedFunc(all, func(a, b ports.Head) int {
			if scylla.Token(a.AggregateID) < scylla.Token(b.AggregateID) {
				return -1
			}
			return 1
		})
		seen := map[uuid.UUID]bool{}
		for _, head := range all {
			seen[head.AggregateID] = true
		}
		if len(all) != n || len(seen) != n || !ordered {
			t.Errorf("pages of %d: %d heads of %d aggregates, want %d, in order: %t", limit, len(all), len(seen), n, ordered)
		}
	}
}

// A page is read as several ranges, of about as many heads as it holds.
func TestScanHeads_ReadsAPageAsSeveralRanges(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	const n, limit = 3000, 256
	fill(t, sim.Hosts(), config.Keyspace, n)
	page, err := store.ScanHeads(t.Context(), "", limit)
	if err != nil {
		t.Fatal(err)
	}
	before := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindSelect)
	if _, err := store.ScanHeads(t.Context(), page.Next, limit); err != nil {
		t.Fatal(err)
	}
	if got := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindSelect) - before; got < 4 || got > 20 {
		t.Errorf("%d queries, want 4 ranges, or a few times as many", got)
	}
}

func TestRangesBehind_PropTheyFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(math.MinInt64, math.MaxInt64-1).Draw(t, "from")
		gap := rapid.Uint64().Draw(t, "gap")
		ends := scylla.RangesBehind(from, gap, rapid.IntRange(1, 100_001).Draw(t, "want"))
		if len(ends) == 0 || len(ends) > 8 {
			t.Fatalf("%d ranges", len(ends))
		}
		for last := from; len(ends) > 0; last, ends = ends[0], ends[1:] {
			if ends[0] <= last {
				t.Fatalf("a range from %d to %d", last, ends[0])
			}
		}
	})
}

func TestToken_IsTheServers(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	s := session(t, sim.Hosts())
	run(t, s, "CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}")
	run(t, s, "CREATE TABLE k.t (a uuid PRIMARY KEY)")
	for range 100 {
		id := uuid.New()
		run(t, s, "INSERT INTO k.t (a) VALUES (?)", gocql.UUID(id))
		var got gocql.UUID
		if err := s.Query("SELECT a FROM k.t WHERE token(a) = ?",
			scylla.Token(id)).Scan(&got); err != nil || uuid.UUID(got) != id {
			t.Fatalf("at the token of %s is %s: %v", id, got, err)
		}
	}
}

// BenchmarkScanHeads is the time for one scan of many aggregates, in pages as consumers ask for
// them.
func BenchmarkScanHeads(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("SCAN_HEADS"))
	if err != nil {
		n = 20_000
	}
	sim := start(b, scyllasim.Options{})
	store, config := openNew(b, sim.Hosts())
	fill(b, sim.Hosts(), config.Keyspace, n)
	before := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindSelect)
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		if got := len(heads(b, store, 256)); got != n {
			b.Fatalf("%d heads, want %d", got, n)
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "heads/s")
	}
	b.ReportMetric(float64(sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindSelect)-before)/float64(b.N), "queries/op")
}
