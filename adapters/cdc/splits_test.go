package cdc_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// written is an event in the outbox.
type written struct {
	id       uuid.UUID
	sequence uint64
}

// Tablets are split and merged while three nodes write, of which two learn of each set at another
// time. Rows are late, so that some land in sets that are closed by then. A consumer that is at the
// end, one that is often behind the tail, one that starts again and again, and one that reads
// everything from the log afterwards get every record.
func TestFeed_SplitsAndMergesLoseNothing(t *testing.T) {
	t.Parallel()
	const rounds, aggregates = 80, 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0)) // used by the writer only

	s := simulated(t, scyllasim.Options{Tablets: true, Nodes: 3}, false)
	s.sim.LagNode(2, 100*time.Millisecond)
	s.sim.LagNode(3, 300*time.Millisecond)
	var sessions []*gocql.Session
	for _, host := range s.sim.Hosts() {
		sessions = append(sessions, connectOnly(t, host))
	}
	saved := newOffsets()
	config := s.config(saved)
	config.Session = connect(t, s.sim.Hosts()...)
	// above the lateness of rows and of nodes
	config.Confidence, config.Patience, config.TailRecords, config.CatchUpRecords = 1500*time.Millisecond, 10*time.Millisecond, 30, 200
	feed := run(t, config)
	names := []string{"at the end", "behind", "restarted", "afterwards"}
	for _, name := range names {
		if err := feed.SeekEnd(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	// before the late rows, too
	started := map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.MinTimeUUID(s.sim.Now().Add(-time.Second)))}
	var mu sync.Mutex
	lateness := rand.New(rand.NewPCG(seed, 1))
	s.sim.Inject(scyllasim.Fault{
		Table: "outbox_messages", Effect: scyllasim.LateLog, Late: 400 * time.Millisecond, Times: -1,
		When: func() bool { mu.Lock(); defer mu.Unlock(); return lateness.IntN(5) == 0 },
	})

	ids := make([]uuid.UUID, aggregates)
	for i := range ids {
		ids[i] = uuid.New()
	}
	all := map[written]bool{}
	for round := range uint64(rounds) {
		for _, id := range ids {
			all[written{id, round + 1}] = true
		}
	}
	done := make(chan error, len(names))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	go func() { done <- getAll(ctx, feed, "at the end", all, 1<<30, 0) }()
	go func() { done <- getAll(ctx, feed, "behind", all, 1<<30, 3*time.Millisecond) }()
	go func() { done <- getAll(ctx, feed, "restarted", all, 25, 0) }()

	var last time.Time
	for round := range uint64(rounds) {
		for i, id := range ids {
			r := &reader{TB: t, server: server{sim: s.sim, session: sessions[(int(round)+i)%3], keyspace: s.keyspace}, feed: feed, id: id}
			r.put(round + 1)
		}
		if round%12 == 6 { // at once, or announced before
			last = s.sim.ResizeTablets([]int{2, 4, 8, 16, 32}[chance.IntN(5)], time.Duration(chance.IntN(3))*100*time.Millisecond)
		}
		// so that the sets are in use for a while
		time.Sleep(time.Duration(chance.IntN(15)) * time.Millisecond)
	}
	for range names[1:] {
		if err := <-done; err != nil {
			t.Errorf("%v; %+v", err, feed.Stats())
		}
	}
	await(t, "the safe reader in the last set", func() bool { return feed.Stats().SafeHorizon.After(last.Add(time.Second)) }, feed)
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := saved.SaveOffsets(t.Context(), "afterwards", started); err != nil {
		t.Fatal(err)
	}
	if err := getAll(ctx, run(t, config), "afterwards", all, 1<<30, 0); err != nil {
		t.Error(err)
	}
}

// getAll reads until a consumer has every event of a set. It subscribes again after some events,
// and pauses after each.
func getAll(
	ctx context.Context, feed ports.ChangeFeed, name string, all map[written]bool, each int, pause time.Duration,
) error {
	had := map[written]bool{}
	for len(had) < len(all) {
		sub, err := feed.Subscribe(ctx, name)
		if err != nil {
			return err
		}
		for n := 0; n < each && len(had) < len(all); n++ {
			d, err := sub.Next(ctx)
			if errors.Is(err, ports.ErrUnavailable) {
				continue // the node that was asked does not list a set
			}
			if err != nil {
				return errors.Join(fmt.Errorf("%s has %d of %d events: %w", name, len(had), len(all), err), sub.Close())
			}
			if e := (written{d.Record.AggregateID, d.Record.SequenceNumber}); all[e] {
				had[e] = true
			}
			if err := sub.Commit(ctx, d.Position); err != nil {
				return errors.Join(err, sub.Close())
			}
			time.Sleep(pause)
		}
		if err := sub.Close(); err != nil {
			return err
		}
	}
	return nil
}
