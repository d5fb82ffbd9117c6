package scyllasim_test

import (
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

// The clock that is late chooses the stream, too: no reader looks into a stream for what is older than it.
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
