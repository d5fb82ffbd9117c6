package publisher_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
)

// configOf returns a configuration with a new topic.
func configOf(cluster *kfake.Cluster) redpanda.Config {
	return topictest.NewTopic(cluster.ListenAddrs())
}

// newPublisher returns a publisher that ends with the test.
func newPublisher(t testing.TB, config publisher.Config) *publisher.Publisher {
	t.Helper()
	p, err := publisher.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func publish(t *testing.T, p *publisher.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	for _, r := range records {
		if err := p.Publish(t.Context(), r); err != nil {
			t.Fatalf("sequence number %d: %v", r.SequenceNumber, err)
		}
	}
}

// publishUntilTaken retries like the runtime, as long as the error allows it.
func publishUntilTaken(t *testing.T, p *publisher.Publisher, r eventsourcing.Record) error {
	for deadline := time.Now().Add(topictest.Bound); ; {
		err := p.Publish(t.Context(), r)
		if err == nil {
			return nil
		}
		if !topictest.IsRetryable(err) || time.Now().After(deadline) {
			return fmt.Errorf("sequence number %d: %w", r.SequenceNumber, err)
		}
	}
}

// expectTopic checks that the topic holds the histories, each in order. A record may come again
// after its first copy. It returns how many did.
func expectTopic(t *testing.T, config redpanda.Config, histories ...[]eventsourcing.Record) (doubled int) {
	t.Helper()
	last := map[uuid.UUID]uint64{}
	for _, r := range topictest.ReadRecords(t, config) {
		switch next := last[r.AggregateID] + 1; {
		case r.SequenceNumber == next:
			last[r.AggregateID] = next
		case r.SequenceNumber < next:
			doubled++
		default:
			t.Fatalf("order %s: sequence number %d comes where %d is due", r.AggregateID, r.SequenceNumber, next)
		}
	}
	for _, h := range histories {
		if got := last[h[0].AggregateID]; got != uint64(len(h)) {
			t.Fatalf("order %s: %d of %d events are there", h[0].AggregateID, got, len(h))
		}
	}
	return doubled
}

// publishTogether publishes n histories of length events, each from its own goroutine, and retries
// when the error allows it. One of the goroutines calls before ahead of each of its events, with
// the number of events that it has published.
func publishTogether(t *testing.T, p *publisher.Publisher, n, length int, before func(published int)) [][]eventsourcing.Record {
	t.Helper()
	histories := make([][]eventsourcing.Record, n)
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range histories {
		histories[i] = topictest.History(length)
		group.Go(func() {
			for published, r := range histories[i] {
				if i == 0 && before != nil {
					before(published)
				}
				if errs[i] = publishUntilTaken(t, p, r); errs[i] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return histories
}
