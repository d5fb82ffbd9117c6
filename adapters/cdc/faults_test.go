package cdc_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// Rows are late or come twice, generations change, connections are lost, the tail is too short, and
// consumers come and go. Each consumer gets every record, and those of one aggregate in order.
func TestFeed_FaultsLoseNothing(t *testing.T) {
	t.Parallel()
	const rounds, aggregates = 40, 5
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	// used under the lock of the faults, or before there are any
	chance := rand.New(rand.NewPCG(seed, 0))

	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Confidence, config.Patience, config.TailRecords, config.CatchUpRecords = 1500*time.Millisecond, time.Minute, 30, 500
	feed := run(t, config)
	names := []string{"a", "b", "c"}
	for _, name := range names {
		if err := feed.SeekEnd(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	one := func(in int) func() bool { return func() bool { return chance.IntN(in) == 0 } }
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.HeldLog, Late: 100 * time.Millisecond, Times: -1, When: one(10)})
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages", Effect: scyllasim.DuplicateLog, Times: -1, When: one(10)})
	s.sim.Inject(scyllasim.Fault{Table: "outbox_messages_scylla_cdc_log", Effect: scyllasim.Unavailable, Times: -1, When: one(20)})

	ids := make([]uuid.UUID, aggregates)
	for i := range ids {
		ids[i] = uuid.New()
	}
	write := func() error {
		for round := range rounds {
			for _, id := range ids {
				for { // a statement that may have happened is repeated, as in the append protocol
					err := s.session.Query("INSERT INTO "+s.keyspace+`.outbox_messages (aggregate_id, sequence_number, event_id, event_type,
						event_version, payload, command_id, created_at) VALUES (?, ?, ?, 'happened', 1, '{}', ?, ?)`,
						gocql.UUID(id), int64(round+1), gocql.MustRandomUUID(), gocql.MustRandomUUID(), time.Now()).Exec()
					if err == nil {
						break
					}
				}
			}
			feed.Wake()
			switch round {
			case rounds / 4:
				s.sim.NewGeneration(50 * time.Millisecond)
			case rounds / 2:
				s.sim.DropConnections()
			}
		}
		return nil
	}
	done := make(chan error, len(names)+1)
	go func() { done <- write() }()
	for i, name := range names {
		go func() {
			done <- consume(t.Context(), feed, name, rand.New(rand.NewPCG(seed, uint64(i+1))), ids, rounds)
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Errorf("%v; %+v", err, feed.Stats())
		}
	}
}

// consume reads until it has everything. It commits and subscribes again now and then.
func consume(ctx context.Context, feed ports.ChangeFeed, name string, chance *rand.Rand, ids []uuid.UUID, rounds uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	heads := map[uuid.UUID]uint64{}
	missing := rounds * uint64(len(ids))
	for missing > 0 {
		sub, err := feed.Subscribe(ctx, name)
		if err != nil {
			return err
		}
		for range 1 + chance.IntN(60) {
			d, err := sub.Next(ctx)
			if errors.Is(err, ports.ErrUnavailable) {
				continue
			}
			if err != nil {
				return errors.Join(fmt.Errorf("%s misses %d: %v", name, missing, heads), err, sub.Close())
			}
			switch r := d.Record; {
			case r.SequenceNumber == heads[r.AggregateID]+1:
				heads[r.AggregateID]++
				missing--
			case r.SequenceNumber > heads[r.AggregateID]:
				return errors.Join(fmt.Errorf("%s got event %d behind %d", name, r.SequenceNumber, heads[r.AggregateID]), sub.Close())
			}
			if missing == 0 {
				break
			}
			if chance.IntN(10) == 0 {
				if err := sub.Commit(ctx, d.Position); err != nil {
					return errors.Join(err, sub.Close())
				}
			}
		}
		if err := sub.Close(); err != nil {
			return err
		}
	}
	return nil
}
