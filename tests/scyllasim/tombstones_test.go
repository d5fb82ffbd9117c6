package scyllasim_test

import (
	"testing"
	"time"

	"orderflow/tests/scyllasim"
)

// What is deleted is dropped when the table's tombstone_gc says so, and is skipped until then.
func TestTombstones_are_dropped_as_the_table_says(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	// how many are kept after an hour, after 9 and 11 days, and after a repair
	for option, kept := range map[string][4]int{
		"tombstone_gc = {'mode': 'immediate'}":                          {0, 0, 0, 0},
		"gc_grace_seconds = 864000":                                     {20, 20, 0, 0},
		"gc_grace_seconds = 600":                                        {0, 0, 0, 0},
		"tombstone_gc = {'mode': 'timeout'} AND gc_grace_seconds = 600": {0, 0, 0, 0},
		"tombstone_gc = {'mode': 'repair'} AND gc_grace_seconds = 0":    {20, 20, 20, 0},
		"tombstone_gc = {'mode': 'disabled'} AND gc_grace_seconds = 0":  {20, 20, 20, 20},
	} {
		sim, s := shop(t)
		exec(t, s, "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b)) WITH "+option)
		for b := range 20 {
			exec(t, s, "INSERT INTO t (a, b, c) VALUES (?, ?, 1)", b%2, b)
			exec(t, s, "DELETE FROM t WHERE a = ? AND b = ?", b%2, b)
		}
		if got := sim.Tombstones("shop.t"); got != (scyllasim.Tombstones{Stored: 20, StoredInOne: 10}) {
			t.Errorf("%s: %+v at once", option, got)
		}
		for i, after := range []time.Duration{time.Hour, 9*day - time.Hour, 2 * day, 0} {
			sim.Advance(after)
			if i == 3 {
				sim.Repair()
			}
			if got := sim.Tombstones("shop.t").Stored; got != kept[i] {
				t.Errorf("%s: %d tombstones at step %d, want %d", option, got, i, kept[i])
			}
		}
	}
}

// A read skips every deleted or expired row before the last row of its page, and over no
// other one.
func TestTombstones_that_a_read_passes_over(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b))")
	for b := range 30 {
		exec(t, s, "INSERT INTO t (a, b, c) VALUES (1, ?, 1)", b)
		switch b % 3 {
		case 0:
			exec(t, s, "DELETE FROM t WHERE a = 1 AND b = ?", b)
		case 1:
			exec(t, s, "UPDATE t USING TTL 60 SET c = 2 WHERE a = 2 AND b = ?", b)
		}
	}
	exec(t, s, "DELETE FROM t WHERE a = 3 AND b > 5")
	sim.Advance(2 * time.Minute)
	before := 0
	for _, c := range []struct {
		cql  string
		want int
	}{
		{"SELECT b FROM t WHERE a = 1 LIMIT 1", 1},               // 0
		{"SELECT b FROM t WHERE a = 1 LIMIT 3", 2},               // 0, 3
		{"SELECT b FROM t WHERE a = 1", 10},                      // all
		{"SELECT b FROM t WHERE a = 1 ORDER BY b DESC", 10},      // all
		{"SELECT b FROM t WHERE a = 1 AND b > 20 LIMIT 1", 1},    // 21
		{"SELECT b FROM t WHERE a = 1 AND b = 1", 0},             // a row
		{"SELECT b FROM t WHERE a = 2", 10},                      // expired
		{"SELECT b FROM t WHERE a = 3", 1},                       // a range
		{"SELECT b FROM t WHERE a = 1 AND b > 26 LIMIT 1", 1},    // 27
		{"SELECT b FROM t WHERE a IN (1, 2) AND b >= 26", 1 + 1}, // 27, and the expired 28
	} {
		exec(t, s, c.cql)
		got := sim.Tombstones("shop.t")
		if n := got.Skipped - before; n != c.want {
			t.Errorf("%s: skipped %d, want %d", c.cql, n, c.want)
		}
		before = got.Skipped
	}
	if got := sim.Tombstones("shop.t").SkippedByOne; got != 10 {
		t.Errorf("at most %d by one read, want 10", got)
	}
	// Pages share the work.
	if n := len(rows(t, s.Query("SELECT b FROM t WHERE a = 1").PageSize(4))); n != 20 {
		t.Errorf("%d rows", n)
	}
	if n := sim.Tombstones("shop.t").Skipped - before; n != 10 {
		t.Errorf("pages of 4 rows skipped %d, want 10", n)
	}
}
