package cloudevents_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// flakyWriter writes at most limit bytes of each call, and fails if that was not all.
type flakyWriter struct {
	strings.Builder
	limit func(length int) int
}

var errFlaky = errors.New("the reader is gone")

func (w *flakyWriter) Write(b []byte) (int, error) {
	n := min(w.limit(len(b)), len(b))
	w.Builder.Write(b[:n])
	if n < len(b) {
		return n, errFlaky
	}
	return n, nil
}

func TestWriter_Faults(t *testing.T) {
	t.Parallel()

	t.Run("a write that fails at once left nothing", func(t *testing.T) {
		t.Parallel()
		records := history(2)
		w := &flakyWriter{limit: func(int) int { return 0 }}
		p := cloudevents.NewWriter(w, cloudevents.Config{})
		if err := p.Publish(t.Context(), records[0]); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, errFlaky) {
			t.Errorf("error %v, want ErrUnavailable and its cause", err)
		}
		w.limit = func(length int) int { return length }
		publish(t, p, records...)
		closePublisher(t, p)
		if diff := cmp.Diff(records, decode(t, []byte(w.String()))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("a line that was torn is completed first", func(t *testing.T) {
		t.Parallel()
		records := history(2)
		w := &flakyWriter{limit: func(int) int { return 100 }}
		p := cloudevents.NewWriter(w, cloudevents.Config{})
		for range 2 {
			if err := p.Publish(t.Context(), records[0]); !isRetryable(err) {
				t.Errorf("error %v, want a retryable one", err)
			}
		}
		w.limit = func(length int) int { return length }
		publish(t, p, records...)
		closePublisher(t, p)
		want := []eventsourcing.Record{records[0], records[0], records[1]}
		if diff := cmp.Diff(want, decode(t, []byte(w.String()))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("a batch that is cut short tells each caller the truth", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			records := history(4)
			length := len(encoded(t, records[0]))
			w := &flakyWriter{}
			reader := make(chan struct{})
			writes := 0
			w.limit = func(n int) int {
				<-reader
				if writes++; writes == 2 {
					return length + length/2
				}
				return n
			}
			p := cloudevents.NewWriter(w, cloudevents.Config{})
			results := make([]error, len(records))
			for i, r := range records {
				go func() { results[i] = p.Publish(t.Context(), r) }()
				synctest.Wait() // the first is being written, the others wait in this order
			}
			close(reader)
			synctest.Wait()
			if results[0] != nil || results[1] != nil {
				t.Errorf("what was written got %v and %v", results[0], results[1])
			}
			if !errors.Is(results[2], ports.ErrOutcomeUnknown) {
				t.Errorf("what was torn got %v, want ErrOutcomeUnknown", results[2])
			}
			if !errors.Is(results[3], ports.ErrUnavailable) {
				t.Errorf("what was not written got %v, want ErrUnavailable", results[3])
			}
			publish(t, p, records[2:]...)
			closePublisher(t, p)
			want := []eventsourcing.Record{records[0], records[1], records[2], records[2], records[3]}
			if diff := cmp.Diff(want, decode(t, []byte(w.String()))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	})

	t.Run("a writer that writes less without an error is not believed", func(t *testing.T) {
		t.Parallel()
		p := cloudevents.NewWriter(shortWriter{}, cloudevents.Config{})
		if err := p.Publish(t.Context(), history(1)[0]); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("error %v, want ErrShortWrite", err)
		}
		closePublisher(t, p)
	})
}

type shortWriter struct{}

func (shortWriter) Write(b []byte) (int, error) { return len(b) - 1, nil }

func TestPublisher_BlockedWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		records := history(3)
		w := &flakyWriter{}
		reader := make(chan struct{})
		w.limit = func(n int) int { <-reader; return n }
		p := cloudevents.NewWriter(w, cloudevents.Config{})

		ctx, cancel := context.WithCancel(t.Context())
		var written, waiting, refused error
		var closed atomic.Bool
		go func() { written = p.Publish(ctx, records[0]) }()
		synctest.Wait()
		go func() { waiting = p.Publish(ctx, records[1]) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(written, context.Canceled) || !errors.Is(waiting, context.Canceled) {
			t.Errorf("calls got %v and %v, want context.Canceled", written, waiting)
		}

		go func() { refused = p.Publish(t.Context(), records[2]) }()
		synctest.Wait()
		go func() { closePublisher(t, p); closed.Store(true) }()
		synctest.Wait()
		if !errors.Is(refused, ports.ErrClosed) {
			t.Errorf("a call that waits during Close got %v, want ErrClosed", refused)
		}
		if closed.Load() {
			t.Error("Close did not wait for the write")
		}
		close(reader)
		synctest.Wait()
		if !closed.Load() {
			t.Error("Close still waits")
		}
		closePublisher(t, p) // twice is safe
		if diff := cmp.Diff(records[:1], decode(t, []byte(w.String()))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
