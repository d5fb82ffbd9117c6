package scyllasim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/tests/scyllasim"
)

const (
	createKeyspace = "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}"
	createOutbox   = `CREATE TABLE shop.outbox_messages (aggregate_id uuid, sequence_number bigint, id uuid, event_id uuid, event_type text,
		event_version int, payload text, command_id uuid, correlation_id uuid, causation_id uuid, metadata frozen<map<text,text>>,
		created_at timestamp, PRIMARY KEY (aggregate_id, sequence_number))
		WITH cdc = {'enabled': true, 'preimage': false, 'postimage': false, 'ttl': 86400} AND default_time_to_live = 86400
		AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': 1}`
	insertOutbox = "INSERT INTO shop.outbox_messages (aggregate_id, sequence_number, event_type, payload, metadata) VALUES (?, ?, ?, ?, ?)"
)

// logged is a row of the log as a reader sees it.
type logged struct {
	stream string
	at     time.Time
	seq    int64
}

// readLog reads all streams of all sets that the tables list, stream by stream, as a reader does.
func readLog(t *testing.T, s *gocql.Session, tablets bool) (found []logged) {
	t.Helper()
	list := s.Query("SELECT streams FROM system_distributed.cdc_streams_descriptions_v2").Consistency(gocql.One)
	if tablets {
		list = s.Query("SELECT stream_id FROM system.cdc_streams WHERE keyspace_name = 'shop' AND table_name = 'outbox_messages'")
	}
	seen := map[string]bool{}
	iter := list.Iter()
	for row := map[string]any{}; iter.MapScan(row); row = map[string]any{} {
		ids, _ := row["streams"].([][]byte)
		if id, ok := row["stream_id"].([]byte); ok {
			ids = [][]byte{id}
		}
		for _, id := range ids {
			if seen[string(id)] {
				continue
			}
			seen[string(id)] = true
			in := s.Query(`SELECT "cdc$time", sequence_number FROM shop.outbox_messages_scylla_cdc_log WHERE "cdc$stream_id" = ?`, id).Iter()
			var at gocql.UUID
			for r := (logged{stream: string(id)}); in.Scan(&at, &r.seq); {
				r.at = at.Time()
				found = append(found, r)
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := iter.Close(); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(found, func(a, b logged) int { return a.at.Compare(b.at) })
	return found
}

func put(t *testing.T, s *gocql.Session, order gocql.UUID, seq int64) {
	t.Helper()
	exec(t, s, insertOutbox, order, seq, "OrderCreated", "{}", map[string]string{"actor": "me"})
}

func TestCDC_streams_change_with_the_generation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options  scyllasim.Options
		keyspace string
		tablets  bool
	}{
		"vnodes":               {scyllasim.Options{}, createKeyspace, false},
		"three nodes":          {scyllasim.Options{Nodes: 3}, createKeyspace, false},
		"tablets":              {scyllasim.Options{Tablets: true}, createKeyspace, true},
		"tablets switched off": {scyllasim.Options{Tablets: true}, createKeyspace + " AND tablets = {'enabled': false}", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, s := setup(t, c.options)
			exec(t, s, c.keyspace)
			exec(t, s, createOutbox)
			order := gocql.MustRandomUUID()
			var seq int64
			step := func() logged {
				seq++
				put(t, s, order, seq)
				found := readLog(t, s, c.tablets)
				if len(found) != int(seq) || found[seq-1].seq != seq {
					t.Fatalf("the log has %v, want %d rows in order", found, seq)
				}
				return found[seq-1]
			}
			old := step()
			start := sim.NewGeneration(200 * time.Millisecond)
			last := old
			for last.at.Before(start) {
				if last = step(); (last.stream != old.stream) != !last.at.Before(start) {
					t.Fatalf("a row of %s in stream %x, with a generation that starts at %s", last.at, last.stream, start)
				}
			}
		})
	}
}

func TestCDC_duplicates_and_late_rows(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	order := gocql.MustRandomUUID()
	put(t, s, order, 1)
	sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.LateLog, Late: 30 * time.Second})
	put(t, s, order, 2) // this row appears behind a reader that has passed 1
	sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.DuplicateLog})
	put(t, s, order, 3)
	var got []int64
	for _, r := range readLog(t, s, false) {
		got = append(got, r.seq)
	}
	if want := []int64{2, 1, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("in the order of its times the log has %v, want %v", got, want)
	}
}

func TestCDC_held_rows_appear_later_in_the_place_of_their_time(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	order := gocql.MustRandomUUID()
	log := func() string {
		t.Helper()
		return strings.Join(rows(t, s.Query("SELECT sequence_number FROM shop.outbox_messages_scylla_cdc_log")), " ")
	}
	sim.Inject(scyllasim.Fault{Table: "shop.outbox_messages", Effect: scyllasim.HeldLog, Late: time.Hour})
	put(t, s, order, 1)
	put(t, s, order, 2)
	if got := log(); got != "2" {
		t.Errorf("the log shows %q, want the second row only", got)
	}
	sim.Advance(time.Hour)
	if got := log(); got != "1 2" {
		t.Errorf("an hour later the log shows %q, want both rows in the order of the writes", got)
	}
}

func TestCDC_log_expires_and_the_base_row_stays_as_long_as_its_ttl(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, "CREATE TABLE shop.t (a int PRIMARY KEY, b int) WITH cdc = {'enabled': true, 'ttl': 60} AND default_time_to_live = 100")
	exec(t, s, "INSERT INTO shop.t (a, b) VALUES (1, 2)")
	count := func(table string) (n int) {
		t.Helper()
		if err := s.Query("SELECT COUNT(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []struct {
		after     time.Duration
		base, log int
	}{{0, 1, 1}, {61 * time.Second, 1, 0}, {40 * time.Second, 0, 0}} {
		sim.Advance(step.after)
		if b, l := count("shop.t"), count("shop.t_scylla_cdc_log"); b != step.base || l != step.log {
			t.Errorf("after %v more: %d base rows and %d log rows, want %d and %d", step.after, b, l, step.base, step.log)
		}
	}
}
