package cloudevents_test

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
)

// writes records when each batch was written and how many lines it had.
type writes struct {
	began time.Time
	at    []time.Duration
	lines []int
}

func (w *writes) Write(p []byte) (int, error) {
	w.at = append(w.at, time.Since(w.began))
	w.lines = append(w.lines, bytes.Count(p, []byte("\n")))
	return len(p), nil
}

func TestPublisher_linger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &writes{began: time.Now()}
		p := cloudevents.NewWriter(w, cloudevents.Config{Linger: 5 * time.Millisecond})
		var publishing sync.WaitGroup
		publish := func(r eventsourcing.Record) {
			publishing.Go(func() {
				if err := p.Publish(t.Context(), r); err != nil {
					t.Error(err)
				}
			})
		}
		publish(newRecord(uuid.New(), 1)) // after a quiet time: at once
		synctest.Wait()
		<-time.After(time.Millisecond)
		publish(newRecord(uuid.New(), 1))
		<-time.After(time.Millisecond)
		publish(newRecord(uuid.New(), 1)) // with the one before it, 5 ms after the first batch
		<-time.After(time.Second)
		publish(newRecord(uuid.New(), 1)) // at once again
		synctest.Wait()
		publish(newRecord(uuid.New(), 1)) // Close does not let it linger
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		publishing.Wait()
		if diff := cmp.Diff([]int{1, 2, 1, 1}, w.lines); diff != "" {
			t.Fatalf("lines of each batch: %s", diff)
		}
		for i, want := range []time.Duration{0, 5 * time.Millisecond, 1002 * time.Millisecond, 1002 * time.Millisecond} {
			if w.at[i] != want {
				t.Errorf("batch %d was written after %s, want %s", i, w.at[i], want)
			}
		}
	})
}
