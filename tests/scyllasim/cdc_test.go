package scyllasim_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	scyllacdc "github.com/scylladb/scylla-cdc-go"

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

// delivery is one row that scylla-cdc-go delivered.
type delivery struct {
	seq    int64
	stream string
}

// readOutbox runs scylla-cdc-go on the outbox until the test ends.
func readOutbox(t *testing.T, s *gocql.Session) <-chan delivery {
	t.Helper()
	out := make(chan delivery, 100)
	consume := func(_ context.Context, _ string, c scyllacdc.Change) error {
		for _, d := range c.Delta {
			seq, _ := d.GetValue("sequence_number")
			out <- delivery{*seq.(*int64), c.StreamID.String()}
		}
		return nil
	}
	r, err := scyllacdc.NewReader(t.Context(), &scyllacdc.ReaderConfig{
		Session: s, TableNames: []string{"shop.outbox_messages"},
		ChangeConsumerFactory: scyllacdc.MakeChangeConsumerFactoryFromFunc(func(ctx context.Context, table string, c scyllacdc.Change) error {
			return consume(ctx, table, c)
		}),
		Advanced: scyllacdc.AdvancedReaderConfig{
			ConfidenceWindowSize: 50 * time.Millisecond, PostNonEmptyQueryDelay: 10 * time.Millisecond, PostEmptyQueryDelay: 10 * time.Millisecond,
			PostGenerationFetchDelay: 50 * time.Millisecond, QueryTimeWindowSize: 5 * time.Minute,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("reader: %v", err)
		}
	})
	return out
}

func next(t *testing.T, in <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-in:
		return d
	case <-time.After(time.Minute):
		t.Fatal("nothing was delivered")
		return delivery{}
	}
}

func put(t *testing.T, s *gocql.Session, order gocql.UUID, seq int64) {
	t.Helper()
	exec(t, s, insertOutbox, order, seq, "OrderCreated", "{}", map[string]string{"actor": "me"})
}

func TestCDC_reader_follows_a_generation_change(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options  scyllasim.Options
		keyspace string
	}{
		"vnodes":               {scyllasim.Options{}, createKeyspace},
		"three nodes":          {scyllasim.Options{Nodes: 3}, createKeyspace},
		"tablets":              {scyllasim.Options{Tablets: true}, createKeyspace},
		"tablets switched off": {scyllasim.Options{Tablets: true}, createKeyspace + " AND tablets = {'enabled': false}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, s := setup(t, c.options)
			exec(t, s, c.keyspace)
			exec(t, s, createOutbox)
			got := readOutbox(t, s)
			order := gocql.MustRandomUUID()
			var seq int64
			step := func() string {
				seq++
				put(t, s, order, seq)
				d := next(t, got)
				if d.seq != seq {
					t.Fatalf("delivered %d, want %d", d.seq, seq)
				}
				return d.stream
			}
			old := step()
			for start := sim.NewGeneration(200 * time.Millisecond); sim.Now().Before(start); {
				if stream := step(); stream != old && sim.Now().Before(start) {
					t.Fatalf("the stream changed before the generation did")
				}
			}
			if stream := step(); stream == old {
				t.Fatalf("still on stream %s after the generation change", stream)
			}
		})
	}
}

func TestCDC_reader_gets_duplicates_and_misses_late_rows(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	got := readOutbox(t, s)
	order := gocql.MustRandomUUID()
	put(t, s, order, 1)
	if d := next(t, got); d.seq != 1 {
		t.Fatalf("delivered %d, want 1", d.seq)
	}

	sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.LateLog, Late: 30 * time.Second})
	put(t, s, order, 2) // lands behind the reader, which never looks back
	sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.DuplicateLog})
	put(t, s, order, 3)
	for range 2 {
		if d := next(t, got); d.seq != 3 {
			t.Fatalf("delivered %d, want 3 twice and 2 never", d.seq)
		}
	}
	var inLog int
	if err := s.Query("SELECT COUNT(*) FROM shop.outbox_messages_scylla_cdc_log").Scan(&inLog); err != nil || inLog != 4 {
		t.Fatalf("the log has %d rows, want 4: %v", inLog, err)
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
