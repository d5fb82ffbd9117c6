package watermark

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"orderflow/ports"
)

// Whatever the order of completion, the mark of a stream is the last position before the first one
// that is not done.
func TestWatermark_PropMarksTheUnbrokenRun(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := New(1000)
		type open struct {
			stream string
			number int
			done   func()
		}
		var inFlight []open
		issued := map[string]int{}
		done := map[string]map[int]bool{}
		mark := map[string]int{} // what Take has returned
		expected := func(stream string) int {
			n := 0
			for done[stream][n+1] {
				n++
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"issue": func(t *rapid.T) {
				stream := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "stream")
				issued[stream]++
				n := issued[stream]
				inFlight = append(inFlight, open{stream, n, w.Issue(Reach{Position: ports.Position{Stream: stream, Offset: strconv.Itoa(n)}})})
			},
			"complete": func(t *rapid.T) {
				if len(inFlight) == 0 {
					t.Skip("nothing in flight")
				}
				i := rapid.IntRange(0, len(inFlight)-1).Draw(t, "which")
				o := inFlight[i]
				inFlight = append(inFlight[:i:i], inFlight[i+1:]...)
				if done[o.stream] == nil {
					done[o.stream] = map[int]bool{}
				}
				done[o.stream][o.number] = true
				o.done()
			},
			"take": func(t *rapid.T) {
				reached := map[string]string{}
				for _, r := range w.Take() {
					if reached[r.Position.Stream] != "" {
						t.Fatalf("two marks of %q", r.Position.Stream)
					}
					reached[r.Position.Stream] = r.Position.Offset
				}
				for _, stream := range []string{"", "a", "b"} {
					want := ""
					if at := expected(stream); at > mark[stream] {
						want, mark[stream] = strconv.Itoa(at), at
					}
					if reached[stream] != want {
						t.Fatalf("the mark of %q is %q, want %q", stream, reached[stream], want)
					}
				}
			},
		})
	})
}

// The newest heartbeat that was passed since the last Take comes with the mark, and comes once.
func TestWatermark_PassesHeartbeats(t *testing.T) {
	t.Parallel()
	w := New(1000)
	beat := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	first := w.Issue(Reach{Position: ports.Position{Offset: "1"}})
	w.Issue(Reach{Position: ports.Position{Offset: "1"}, Beat: beat(1)})()
	w.Issue(Reach{Position: ports.Position{Offset: "1"}, Beat: beat(2)})()
	w.Issue(Reach{Position: ports.Position{Offset: "2"}})()
	if marks := w.Take(); len(marks) != 0 {
		t.Errorf("got %v before the first record is done", marks)
	}
	first()
	if marks := w.Take(); len(marks) != 1 || marks[0].Position.Offset != "2" || !marks[0].Beat.Equal(beat(2)) {
		t.Errorf("got %v, want 2 and the second heartbeat", marks)
	}
	w.Issue(Reach{Position: ports.Position{Offset: "3"}})()
	if marks := w.Take(); len(marks) != 1 || !marks[0].Beat.IsZero() {
		t.Errorf("got %v, want no heartbeat", marks)
	}
}

// A Mark holds so many deliveries from the first one that is not done on, in all streams together.
func TestWatermark_Await(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := New(3)
		first := w.Issue(Reach{Position: ports.Position{Offset: "1"}})
		w.Issue(Reach{Position: ports.Position{Offset: "2"}})()
		if err := w.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Issue(Reach{Position: ports.Position{Stream: "other", Offset: "1"}})
		waiting, over := true, make(chan error, 1)
		go func() { err := w.Await(t.Context()); waiting = false; over <- err }()
		synctest.Wait()
		if !waiting {
			t.Error("there was room for a fourth")
		}
		first()
		if err := <-over; err != nil {
			t.Error(err)
		}
		w.Issue(Reach{})
		w.Issue(Reach{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Await(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
