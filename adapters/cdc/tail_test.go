package cdc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// readTail reads a tail until it is live, and returns the sequence numbers and the places.
func readTail(t *testing.T, feed *cdc.Feed, after ports.Place) (got []uint64, places []ports.Place) {
	t.Helper()
	tail, err := feed.OpenTail(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	defer tail.Close()
	for {
		page, err := tail.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Records {
			got, places = append(got, r.Record.SequenceNumber), append(places, r.Place)
		}
		if page.Live {
			return got, append(places, page.Place)
		}
	}
}

// A tail that continues in the same process gets nothing again, from memory and from the log. In
// another process it gets some again, and misses nothing.
func TestTail_continuesExactlyInTheSameProcess(t *testing.T) {
	t.Parallel()
	for name, records := range map[string]int{"memory": 8192, "log": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulated(t, scyllasim.Options{}, false)
			config := s.config(newOffsets())
			config.TailRecords = records
			config.Confidence, config.Stale = time.Minute, time.Hour // nothing is confirmed
			feed := run(t, config)
			outbox := store{Store: memory.New(memory.Options{}), server: s, appended: feed.Wake}
			id := uuid.New()
			const events = 60
			first, err := feed.OpenTail(t.Context(), ports.PlaceNow)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			var places []ports.Place
			for n := range uint64(events) {
				command := uuid.New()
				if _, err := outbox.Append(t.Context(), ports.Append{
					AggregateID: id, Expected: n, CommandID: command,
					Records: []eventsourcing.Record{{
						Header: eventsourcing.Header{
							AggregateType: "order", EventID: uuid.New(), AggregateID: id, SequenceNumber: n + 1, CommandID: command,
							CreatedAt: eventsourcing.Timestamp(time.Now()),
						},
						EventType: "tested", EventVersion: 1, Payload: []byte("{}"),
					}},
				}); err != nil {
					t.Fatal(err)
				}
				for len(places) <= int(n) {
					page, err := first.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range page.Records {
						places = append(places, r.Place)
					}
				}
			}
			for _, had := range []int{1, 17, 40, 59, events} {
				got, after := readTail(t, feed, places[had-1])
				want := make([]uint64, 0, events)
				for n := had + 1; n <= events; n++ {
					want = append(want, uint64(n))
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("after %d: got %v, want %v", had, got, want)
				}
				if again, _ := readTail(t, feed, after[len(after)-1]); len(again) > 0 {
					t.Errorf("after %d and the rest: got %v again", had, again)
				}
			}
			other := run(t, config)
			got, _ := readTail(t, other, places[40])
			if n := len(got); n < events-41 || got[n-1] != events {
				t.Errorf("another process has %v", got)
			}
		})
	}
}
