package scyllasim_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/tests/scyllasim"
)

// TestLWT_one_winner_a_head lets writers race for every next head of one order. Each head is won
// once, and nothing of what the losers wrote is stored.
func TestLWT_one_winner_a_head(t *testing.T) {
	t.Parallel()
	const writers, heads = 8, 20
	_, s := setup(t, scyllasim.Options{})
	createFacts(t, s)
	order := gocql.MustRandomUUID()
	var wg sync.WaitGroup
	for head := range int64(heads) {
		var won atomic.Int64
		for w := range writers {
			wg.Go(func() {
				b := s.Batch(gocql.UnloggedBatch)
				var expected any
				if head > 0 {
					expected = head
				}
				b.Query("UPDATE facts.event_store SET head=? WHERE aggregate_id=? IF head=?", head+1, order, expected)
				b.Query("INSERT INTO facts.event_store (aggregate_id, sequence_number, payload) VALUES (?,?,?)",
					order, head+1, string(rune('a'+w)))
				applied, err := runCAS(s, b)
				if err != nil {
					t.Error(err)
				}
				if applied {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("head %d was won %d times", head+1, won.Load())
		}
	}
	if got := rows(t, s.Query("SELECT COUNT(*) FROM facts.event_store WHERE aggregate_id = ?", order)); got[0] != "20" {
		t.Errorf("%s events, want %d", got[0], heads)
	}
}

// TestLWT_on_a_CDC_table_is_logged_twice_after_a_failed_learn checks a captured fact. The log has
// the row at once, although the base table does not. It gets the row again, with the same old time,
// when a serial read completes the round.
func TestLWT_on_a_CDC_table_is_logged_twice_after_a_failed_learn(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int) WITH cdc = {'enabled': true}")
	log := func() []string {
		var out []string
		iter := s.Query(`SELECT "cdc$time" FROM t_scylla_cdc_log`).Iter()
		var id gocql.UUID
		for iter.Scan(&id) {
			out = append(out, id.Time().UTC().Format(time.RFC3339Nano))
		}
		if err := iter.Close(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	base := func(cl gocql.Consistency) int {
		return len(rows(t, s.Query("SELECT b FROM t WHERE a = 1").Consistency(cl)))
	}
	sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosLearnFailed})
	if err := s.Query("INSERT INTO t (a, b) VALUES (1, 1) IF NOT EXISTS").Exec(); err == nil {
		t.Fatal("no error")
	}
	if l, b := log(), base(gocql.LocalQuorum); len(l) != 1 || b != 0 {
		t.Fatalf("before the serial read: log %v and %d base rows, want 1 and 0", l, b)
	}
	sim.Advance(5 * time.Second)
	if b := base(gocql.LocalSerial); b != 1 {
		t.Fatalf("the serial read sees %d rows", b)
	}
	if l := log(); len(l) != 2 || l[0] != l[1] {
		t.Fatalf("after the serial read: log %v, want the time of the proposal twice", l)
	}
}

func TestLWT_a_later_conditional_write_finishes_a_pending_round(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	createFacts(t, s)
	order := gocql.MustRandomUUID()
	sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosNotLearned})
	if _, err := runCAS(s, appendBatch(s, order)); err == nil {
		t.Fatal("no error")
	}
	if applied, err := runCAS(s, appendBatch(s, order)); applied || err != nil {
		t.Errorf("the same append again: applied %v, %v", applied, err)
	}
	if h := readHead(s, order, gocql.LocalQuorum); h != "head 1" {
		t.Errorf("%s, want the first append's", h)
	}
}

func TestLWT_a_generation_change_wedges_a_pending_write_to_a_CDC_table(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int) WITH cdc = {'enabled': true}")
	sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosNotLearned})
	if err := s.Query("INSERT INTO t (a, b) VALUES (1, 1) IF NOT EXISTS").Exec(); err == nil {
		t.Fatal("no error")
	}
	sim.Advance(time.Second)
	sim.NewGeneration(0)
	if err := s.Query("SELECT b FROM t WHERE a = 1").Consistency(gocql.Serial).Exec(); err == nil {
		t.Error("the round of the earlier generation was finished")
	}
}

func TestQueryCount_counts_by_table_and_kind(t *testing.T) {
	t.Parallel()
	sim, s := shop(t)
	exec(t, s, "CREATE TABLE t (a int PRIMARY KEY, b int)")
	for range 3 {
		exec(t, s, "SELECT b FROM t WHERE a = 1")
	}
	exec(t, s, "INSERT INTO shop.t (a, b) VALUES (1, 1) IF NOT EXISTS")
	for kind, want := range map[scyllasim.Kind]int{
		scyllasim.KindSelect: 3, scyllasim.KindInsert: 1, scyllasim.KindLWT: 1, scyllasim.KindUpdate: 0, scyllasim.KindAny: 5,
	} {
		if got := sim.QueryCount("shop.t", kind); got != want {
			t.Errorf("kind %v: %d, want %d", kind, got, want)
		}
	}
}

// A driver that gets no answer may send a conditional batch again. The second batch finds the rows
// of the first.
func TestLWT_that_is_resent_is_refused_because_of_itself(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	createFacts(t, s)
	order := gocql.MustRandomUUID()
	sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: scyllasim.Resent})
	if applied, err := runCAS(s, appendBatch(s, order)); applied || err != nil {
		t.Errorf("applied %t, %v, want a refusal", applied, err)
	}
	if got := readHead(s, order, gocql.LocalQuorum); got != "head 1" {
		t.Errorf("%s, want the batch to have been applied", got)
	}
}

// TestLWT_one_update_of_static_and_regular_columns has the answers of ScyllaDB's own suite
// (testStaticColumnsCas in test/cqlpy/cassandra_tests/validation/operations). A condition on static
// columns concerns the partition, whether or not it has the row that is written. The answer is one
// row with the columns of the condition, as they were.
func TestLWT_one_update_of_static_and_regular_columns(t *testing.T) {
	t.Parallel()
	_, s := shop(t)
	script(
		t, s,
		"CREATE TABLE t (id int, k text, version int static, v text, PRIMARY KEY (id, k))",
		"INSERT INTO t (id, version) VALUES (0, 0)",
		"UPDATE t SET v='foo', version=1 WHERE id=0 AND k='k1' IF version = 0 -- true 0",
		"SELECT * FROM t -- 0 k1 1 foo",
		"UPDATE t SET v='bar', version=1 WHERE id=0 AND k='k2' IF version = 0 -- false 1",
		"SELECT * FROM t -- 0 k1 1 foo",
		"UPDATE t SET v='bar', version=2 WHERE id=0 AND k='k2' IF version = 1 -- true 1",
		"SELECT * FROM t -- 0 k1 2 foo; 0 k2 2 bar",
		// as in the facts of the batch: a partition that is not there has nulls
		"UPDATE t SET v='new', version=1 WHERE id=7 AND k='k1' IF version = null -- true null",
		"UPDATE t SET v='new', version=1 WHERE id=7 AND k='k1' IF version = null -- false 1",
		"SELECT * FROM t WHERE id=7 -- 7 k1 1 new",
	)
	// Values that are not set leave their columns alone, and a null can be bound to the condition.
	update := "UPDATE t SET v = ?, version = ? WHERE id = ? AND k = ? IF version = ?"
	if got := rows(t, s.Query(update, gocql.UnsetValue, 1, 8, "k1", nil)); len(got) != 1 || got[0] != "true null" {
		t.Errorf("answer %v", got)
	}
	if got := rows(t, s.Query("SELECT version, k FROM t WHERE id = 8")); len(got) != 1 || got[0] != "1 null" {
		t.Errorf("%v, want no row beside the static one: an update without values makes none", got)
	}
}
