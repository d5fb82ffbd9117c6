package scylla_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

func parkedNow(t *testing.T, store *scylla.Store) []ports.ParkedAggregate {
	t.Helper()
	page, err := store.Parked(t.Context(), "a", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	return page.Aggregates
}

// A node whose clock is ahead has parked or released the order. The next write has an older
// timestamp and does not show. It is repeated until it does.
func TestPark_WinsAgainstClocksThatDiffer(t *testing.T) {
	t.Parallel()
	parked := ports.ParkedAggregate{Consumer: "a", AggregateID: newID(), SequenceNumber: 2, EventID: newID(), Kind: ports.FailureBug, Attempts: 3}
	tests := []struct {
		name, ahead string
		call        func(t *testing.T, store *scylla.Store) error
		want        []ports.ParkedAggregate
	}{
		{
			"park after it was taken out", "DELETE FROM %s.parked_events USING TIMESTAMP ? WHERE consumer = 'a' AND aggregate_id = ?",
			func(t *testing.T, store *scylla.Store) error { return store.Park(t.Context(), parked) },
			[]ports.ParkedAggregate{parked},
		},
		{
			"park after an earlier entry", "UPDATE %s.parked_events USING TIMESTAMP ? SET error = 'earlier' WHERE consumer = 'a' AND aggregate_id = ?",
			func(t *testing.T, store *scylla.Store) error { return store.Park(t.Context(), parked) },
			[]ports.ParkedAggregate{parked},
		},
		{
			"take out after it was parked", "UPDATE %s.parked_events USING TIMESTAMP ? SET error = 'earlier' WHERE consumer = 'a' AND aggregate_id = ?",
			func(t *testing.T, store *scylla.Store) error {
				return store.Unpark(t.Context(), "a", parked.AggregateID)
			}, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, scyllasim.Options{})
			store, config := openNew(t, sim.Hosts())
			run(t, session(t, sim.Hosts()), in(config, tt.ahead), time.Now().Add(time.Hour).UnixMicro(), parked.AggregateID)
			var requests atomic.Int64
			sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".parked_events", Effect: scyllasim.Unavailable, Times: -1, When: func() bool {
				if requests.Add(1) == 3 { // a write and a read that does not show it
					sim.Advance(2 * time.Hour)
				}
				return false
			}})
			if err := tt.call(t, store); err != nil {
				t.Fatal(err)
			}
			if n := requests.Load(); n < 4 {
				t.Errorf("%d requests: it was not written again", n)
			}
			if diff := cmp.Diff(tt.want, parkedNow(t, store)); diff != "" {
				t.Errorf("parked orders (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPark_SaysWhenItDoesNotShow(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, config := openNew(t, sim.Hosts())
	parked := ports.ParkedAggregate{Consumer: "a", AggregateID: newID()}
	run(t, session(t, sim.Hosts()), in(config, "DELETE FROM %s.parked_events USING TIMESTAMP ? WHERE consumer = 'a' AND aggregate_id = ?"),
		time.Now().Add(24*time.Hour).UnixMicro(), parked.AggregateID)
	if err := store.Park(t.Context(), parked); !errors.Is(err, ports.ErrUnavailable) {
		t.Fatalf("error %v, want %v", err, ports.ErrUnavailable)
	}
}

// The text of an error about invalid bytes may contain such bytes, which the server does not
// accept.
func TestPark_TakesAnyText(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	store, _ := openNew(t, sim.Hosts())
	at := time.Date(2024, 5, 1, 12, 0, 0, 1_500_000, time.FixedZone("elsewhere", 3600))
	parked := ports.ParkedAggregate{Consumer: "a", AggregateID: newID(), Error: "unexpected \xff\xfe in \"payload\"", FailedAt: at}
	skip := ports.Skip{Consumer: "a", AggregateID: parked.AggregateID, SequenceNumber: 1, Error: parked.Error, SkippedAt: at}
	if err := errors.Join(store.Park(t.Context(), parked), store.RecordSkip(t.Context(), skip)); err != nil {
		t.Fatal(err)
	}
	parked.Error, parked.FailedAt = "unexpected \uFFFD in \"payload\"", at.UTC().Truncate(time.Millisecond)
	skip.Error, skip.SkippedAt = parked.Error, parked.FailedAt
	skips, err := store.Skips(t.Context(), ports.SkipQuery{Consumer: "a", Limit: 10})
	if got := parkedNow(t, store); !slices.Equal(got, []ports.ParkedAggregate{parked}) || err != nil || !slices.Equal(skips.Skips, []ports.Skip{skip}) {
		t.Errorf("parked %+v, skipped %+v, %v; want %+v, %+v", got, skips.Skips, err, parked, skip)
	}
}
