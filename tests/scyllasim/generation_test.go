package scyllasim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/tests/scyllasim"
)

func TestGeneration_starts_after_those_that_were_asked_for_before(t *testing.T) {
	t.Parallel()
	sim, _ := setup(t, scyllasim.Options{})
	first := sim.NewGeneration(time.Hour)
	if second := sim.NewGeneration(0); !second.After(first) {
		t.Errorf("a generation starts at %s, before the one of %s that was announced already", second, first)
	}
}

// The late clock also chooses the stream, so no reader looks in a stream for rows that are older
// than the stream.
func TestCDC_late_rows_are_not_older_than_their_stream(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	start := sim.NewGeneration(0)
	sim.Advance(time.Second)
	sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.LateLog, Late: 30 * time.Second})
	put(t, s, gocql.MustRandomUUID(), 1)
	var at gocql.UUID
	if err := s.Query(`SELECT "cdc$time" FROM shop.outbox_messages_scylla_cdc_log`).Scan(&at); err != nil {
		t.Fatal(err)
	}
	if at.Time().Before(start) {
		t.Errorf("a row of %s is in a stream of %s", at.Time(), start)
	}
}

// With tablets a write goes to the set of its timestamp, also when another set is in use by now. A
// write that is older than the first set, which begins five seconds before the table, is refused.
func TestTablets_late_writes_go_to_the_set_of_their_time(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{Tablets: true})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	created := sim.Now()
	streams := func() (ids []string) {
		return rows(t, s.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages' AND timestamp = ? AND stream_state = 0",
			firstSet(t, s)))
	}
	before := streams()
	sim.Advance(time.Minute)
	sim.NewGeneration(0)
	sim.Advance(time.Minute)
	late := func(at time.Time) error {
		return s.Query("INSERT INTO shop.outbox_messages (aggregate_id, sequence_number) VALUES (?, 1) USING TIMESTAMP ?", gocql.MustRandomUUID(), at.UnixMicro()).Exec()
	}
	if err := late(created.Add(time.Second)); err != nil {
		t.Fatalf("a write of the time of the first set: %v", err)
	}
	var stream []byte
	if err := s.Query(`SELECT "cdc$stream_id" FROM shop.outbox_messages_scylla_cdc_log`).Scan(&stream); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("0x%x", stream); !slices.Contains(before, got) {
		t.Errorf("it went to stream %s, not to one of the closed set: %v", got, before)
	}
	if err := late(created.Add(-4 * time.Second)); err != nil {
		t.Errorf("a write of the seconds before the table was created: %v", err)
	}
	if err := late(created.Add(-6 * time.Second)); err == nil {
		t.Error("a write from before the first set was taken")
	}
}

// firstSet returns the time of the first stream set of the outbox.
func firstSet(t *testing.T, s *gocql.Session) (at time.Time) {
	t.Helper()
	iter := s.Query("SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages'").Iter()
	for iter.Scan(&at) { // the oldest comes last
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDescribeLate_announces_a_set_before_its_streams(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]scyllasim.Options{"vnodes": {}, "tablets": {Tablets: true}} {
		sim, s := setup(t, o)
		exec(t, s, createKeyspace)
		exec(t, s, createOutbox)
		described := func(at time.Time) int {
			if o.Tablets {
				return len(rows(t, s.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages' AND timestamp = ?", at)))
			}
			return len(rows(t, s.Query("SELECT range_end FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = ?", at).Consistency(gocql.One)))
		}
		sim.DescribeLate(20 * time.Second)
		at := sim.NewGeneration(0)
		if n := described(at); n != 0 {
			t.Errorf("%s: %d rows describe the set already", name, n)
		}
		sim.Advance(20 * time.Second)
		if n := described(at); n == 0 {
			t.Errorf("%s: nothing describes the set", name)
		}
	}
}

// A node that has not learned of a set yet writes to the previous one, and does not list the new
// one.
func TestLagNode_uses_the_set_before(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Tablets: true, Nodes: 2})
	sim.LagNode(2, time.Minute)
	behind := connect(t, only(sim, 1))
	ahead := connect(t, only(sim, 0))
	exec(t, ahead, createKeyspace)
	exec(t, ahead, createOutbox)
	sim.Advance(2 * time.Minute)
	const list = "SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages'"
	sim.NewGeneration(0)
	if a, b := len(rows(t, ahead.Query(list))), len(rows(t, behind.Query(list))); a != 2 || b != 1 {
		t.Errorf("the nodes list %d and %d sets, want 2 and 1", a, b)
	}
	order := gocql.MustRandomUUID()
	put(t, behind, order, 1)
	put(t, ahead, order, 2)
	sim.Advance(2 * time.Minute)
	put(t, behind, order, 3)
	got := rows(t, ahead.Query(`SELECT "cdc$stream_id", sequence_number FROM shop.outbox_messages_scylla_cdc_log`))
	stream := map[string]string{}
	for _, row := range got {
		id, n, _ := strings.Cut(row, " ")
		stream[n] = id
	}
	if len(got) != 3 || stream["1"] == stream["2"] || stream["2"] != stream["3"] {
		t.Errorf("the log is %v, want 1 in a stream of its own", got)
	}
}

// A split is announced 65 s before the new set is in use. A node that is behind by less lists it
// later than the others, and forgets the old one later, and never writes to a wrong set.
func TestLagNode_disagrees_for_a_moment(t *testing.T) {
	t.Parallel()
	const lag = 10 * time.Second
	sim := start(t, scyllasim.Options{Tablets: true, Nodes: 2})
	sim.LagNode(2, lag)
	ahead, behind := connect(t, only(sim, 0)), connect(t, only(sim, 1))
	exec(t, ahead, createKeyspace)
	exec(t, ahead, createOutbox)
	listed := func(want ...int) {
		t.Helper()
		for _, table := range []string{"cdc_timestamps", "cdc_streams"} {
			sets := map[int]int{}
			for i, s := range []*gocql.Session{ahead, behind} {
				times := map[string]bool{}
				for _, at := range rows(t, s.Query("SELECT timestamp FROM system."+table+" WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages'")) {
					times[at] = true
				}
				sets[i] = len(times)
			}
			if sets[0] != want[0] || sets[1] != want[1] {
				t.Errorf("%s has %d and %d sets, want %v", table, sets[0], sets[1], want)
			}
		}
	}
	listed(1, 1)
	at := sim.ResizeTablets(16, 65*time.Second)
	listed(2, 1)
	sim.Advance(lag)
	listed(2, 2)
	sim.Advance(at.Sub(sim.Now()))
	put(t, behind, gocql.MustRandomUUID(), 1)
	var stream []byte
	if err := ahead.Query(`SELECT "cdc$stream_id" FROM shop.outbox_messages_scylla_cdc_log`).Scan(&stream); err != nil {
		t.Fatal(err)
	}
	if opened := rows(t, ahead.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages' AND timestamp = ? AND stream_state = 2", at)); !slices.Contains(opened, fmt.Sprintf("0x%x", stream)) || len(opened) != 16 {
		t.Errorf("the row is in stream %x, and the split opened %v", stream, opened)
	}
	sim.Advance(at.Add(24*time.Hour + lag/2).Sub(sim.Now()))
	listed(1, 2)
	sim.Advance(lag)
	listed(1, 1)
}
