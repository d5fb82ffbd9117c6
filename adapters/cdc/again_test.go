package cdc_test

import (
	"fmt"
	"testing"
	"time"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// A consumer ends its subscription after a few records, again and again, while it reads the log. A
// later event is written before all others, so the offset stays before all of them until that event
// is committed. The consumer gets each event once, and again only those that it has not
// committed.
func TestFeed_ConsumerThatSubscribesAgainAndAgain(t *testing.T) {
	t.Parallel()
	const last, each = 100, 25
	for _, committed := range []uint64{each, 20, 1} { // of those that it takes
		t.Run(fmt.Sprint("commits ", committed), func(t *testing.T) {
			t.Parallel()
			s := simulated(t, scyllasim.Options{}, false)
			config := s.config(newOffsets())
			config.TailRecords = 10       // so the others come from the log
			config.Patience = time.Minute // the one that came early waits for its predecessor
			r := follow(t, s, config)
			if err := r.sub.Close(); err != nil {
				t.Fatal(err)
			}
			r.put(last / 2)
			for n := uint64(1); n <= last; n++ {
				if n != last/2 {
					r.put(n)
				}
			}
			r.await("all events to be found", func(s cdc.Stats) bool { return s.Fast+s.Safe+s.Late == last })
			for next := uint64(1); next <= last; next += committed {
				r.subscribe()
				for n := next; n < next+each && n <= last; n++ {
					if d := r.expect(n)[0]; n < next+committed {
						r.commit(d)
					}
				}
				if err := r.sub.Close(); err != nil {
					t.Fatal(err)
				}
			}
			r.subscribe()
			r.put(last + 1)
			r.expect(last + 1)
		})
	}
}
