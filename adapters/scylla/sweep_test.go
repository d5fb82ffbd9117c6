package scylla_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// sweeping is a store with a sweeper; the servers and the process have one clock.
type sweeping struct {
	*scylla.Store
	sim    *scyllasim.Sim
	config scylla.Config
	hands  *clock
	pass   func(ctx context.Context) (scylla.Swept, error)
}

func newSweeping(t *testing.T) *sweeping {
	t.Helper()
	s := &sweeping{hands: &clock{stopped: time.Now()}}
	s.sim = start(t, scyllasim.Options{Clock: s.hands.now})
	s.config = on(s.sim.Hosts())
	s.config.Now = s.hands.now
	prepare(t, s.config)
	s.Store = open(t, s.config)
	s.pass = scylla.SweeperOf(s.Store)
	s.after(t, 0, scylla.Swept{})
	return s
}

// after lets time pass and expects the next pass to do exactly that.
func (s *sweeping) after(t *testing.T, d time.Duration, want scylla.Swept) {
	t.Helper()
	s.hands.advance(d)
	got, err := s.pass(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("pass %s later (-want +got):\n%s\n%v", d, diff, err)
	}
}

// commits matches what writes events, one or several: the commit itself, and the outbox rows.
var commits = regexp.MustCompile("^(UPDATE event_store|INSERT INTO outbox_messages)")

// half appends a command and lets all its requests to one table fail.
func (s *sweeping) half(t *testing.T, a ports.Append, table string, want error) ports.Append {
	t.Helper()
	table = s.config.Keyspace + "." + table
	defer s.sim.Inject(scyllasim.Fault{Table: table, Pattern: commits, Times: -1, Effect: scyllasim.TimeoutBefore})()
	defer s.sim.Inject(scyllasim.Fault{Table: table, Kind: scyllasim.KindSelect, Times: -1, Effect: scyllasim.Unavailable})()
	if _, err := s.Append(t.Context(), a); !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	return a
}

func TestSweeper_DeliversWhenAnIntentIsOldEnough(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 2), "outbox_messages", nil)
	s.after(t, 5*time.Second, scylla.Swept{})
	s.after(t, 20*time.Second, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, a.AggregateID)
	s.after(t, 5*time.Second, scylla.Swept{})
	expectNoIntents(t, s.sim, s.config)
}

func TestSweeper_LooksAgainAtWhatDidNotCommit(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	s.half(t, command(newID(), 0, 2), "event_store", ports.ErrOutcomeUnknown)
	s.after(t, 25*time.Second, scylla.Swept{Waiting: 1})
	s.after(t, 5*time.Second, scylla.Swept{})
	s.after(t, 45*time.Second, scylla.Swept{Waiting: 1}) // 75 seconds
	s.after(t, time.Minute, scylla.Swept{})
	s.after(t, 4*time.Minute, scylla.Swept{})
	s.after(t, 4*time.Minute, scylla.Swept{Waiting: 1}) // more than 10 minutes
	for range 11 {
		s.after(t, 4*time.Minute, scylla.Swept{})
	}
	// more than an hour: this pass reads everything
	s.after(t, 6*time.Minute, scylla.Swept{Dropped: 1})
	expectNoIntents(t, s.sim, s.config)
}

// A batch that was delayed on its way arrives after minutes.
func TestSweeper_DeliversWhatCommitsLate(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 1), "event_store", ports.ErrOutcomeUnknown)
	s.after(t, 25*time.Second, scylla.Swept{Waiting: 1})
	session, err := scylla.Connect(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	batch, r := session.Batch(gocql.UnloggedBatch), a.Records[0]
	batch.Query("UPDATE event_store SET head = ? WHERE aggregate_id = ? IF head = ?", 1, a.AggregateID, nil)
	batch.Query("INSERT INTO event_store (aggregate_id, sequence_number, event_id, event_type, event_version, payload, command_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.AggregateID, 1, r.EventID, r.EventType, r.EventVersion, string(r.Payload), r.CommandID, r.CreatedAt)
	applied, iter, err := session.MapExecuteBatchCAS(batch, map[string]any{})
	if err = errors.Join(err, iter.Close()); err != nil || !applied {
		t.Fatalf("applied %t, %v", applied, err)
	}
	s.after(t, time.Minute, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, a.AggregateID)
	expectNoIntents(t, s.sim, s.config)
}

// Nothing can commit any more at a head that other appends have moved.
func TestSweeper_DropsWhatWasOvertaken(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 1), "event_store", ports.ErrOutcomeUnknown)
	mustAppend(t, s, command(a.AggregateID, 0, 1))
	// The winner deletes its intent in the background; a sweep before that delivers the events a
	// second time.
	admin := session(t, s.sim.Hosts())
	for deadline, n := time.After(time.Minute), 0; n != 1; {
		if err := admin.Query("SELECT COUNT(*) FROM " + s.config.Keyspace + ".append_intents").Scan(&n); err != nil {
			t.Fatal(err)
		}
		select {
		case <-deadline:
			t.Fatalf("%d intents, want that of the loser", n)
		default:
		}
	}
	s.after(t, 25*time.Second, scylla.Swept{Dropped: 1})
	if history := expectDelivered(t, s.Store, a.AggregateID); len(history) != 1 {
		t.Errorf("%d events, want 1", len(history))
	}
}

// No sweeper ran for a day: the next pass reads everything.
func TestSweeper_ReadsEverythingAfterAPause(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 2), "outbox_messages", nil)
	s.after(t, 30*time.Hour, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, a.AggregateID)
	b := s.half(t, command(newID(), 0, 2), "outbox_messages", nil)
	s.after(t, 20*time.Minute, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, b.AggregateID)
}

// An order whose history cannot be read, or servers that do not answer, do not make the sweeper
// leave out the others.
func TestSweeper_ComesBackToWhatFailed(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
	b := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
	remove := s.sim.Inject(scyllasim.Fault{Table: s.config.Keyspace + ".event_store", Kind: scyllasim.KindSelect, Effect: scyllasim.Unavailable})
	s.hands.advance(25 * time.Second)
	if swept, err := s.pass(t.Context()); !errors.Is(err, ports.ErrUnavailable) || swept.Delivered != 1 {
		t.Errorf("swept %+v, %v; want one delivered and %v", swept, err, ports.ErrUnavailable)
	}
	remove()
	s.after(t, 5*time.Second, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, a.AggregateID)
	expectDelivered(t, s.Store, b.AggregateID)
}

func TestSweeper_LeavesWhatIsCorrupt(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	a := s.half(t, command(newID(), 0, 2), "outbox_messages", nil)
	run(t, session(t, s.sim.Hosts()), "DELETE FROM "+s.config.Keyspace+".event_store WHERE aggregate_id = ? AND sequence_number = 1", a.AggregateID)
	b := s.half(t, command(newID(), 0, 1), "outbox_messages", nil)
	s.after(t, 25*time.Second, scylla.Swept{Delivered: 1})
	expectDelivered(t, s.Store, b.AggregateID)
}

func TestRunSweeper_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSweeping(t)
	passes := make(chan struct{}, 1)
	s.sim.Inject(scyllasim.Fault{Table: s.config.Keyspace + ".append_intents", Kind: scyllasim.KindSelect, When: func() bool {
		passes <- struct{}{}
		return false
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.RunSweeper(ctx) }()
	<-passes
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	mustClose(t, s.Store)
	if _, err := s.Sweep(t.Context()); !errors.Is(err, ports.ErrClosed) {
		t.Errorf("error %v, want %v", err, ports.ErrClosed)
	}
}
