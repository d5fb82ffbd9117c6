package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestRouter_FailedDelivery(t *testing.T) {
	t.Parallel()
	// The keys are a part of the reported error.
	for name, fail := range map[string]func() error{
		"): boom":               func() error { return errors.New("boom") },
		"panic: boom":           func() error { panic("boom") },
		"was ended from inside": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name+": delivered again before later records", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const pause = 3 * time.Second
				id := uuid.New()
				var j journal
				var reported []error
				attempts := 0
				r := run(t, fanout.Config{
					RetryPause: pause,
					OnError:    func(_ string, err error) { reported = append(reported, err) },
				}, &consumer{name: "a", pull: j.emitting(history(id, 3)), handle: func(ctx context.Context, r eventsourcing.Record) error {
					if r.SequenceNumber == 2 {
						if attempts++; attempts <= 2 {
							return fail()
						}
					}
					return j.handling(ctx, r)
				}})
				synctest.Wait()
				start := time.Now()
				if diff := cmp.Diff([]uint64{1}, j.of("done")[id]); diff != "" {
					t.Errorf("done before the pause (-want +got):\n%s", diff)
				}
				<-time.After(2 * pause) // on the clock of the bubble
				synctest.Wait()
				if diff := cmp.Diff(numbers(3), j.of("done")[id]); diff != "" {
					t.Errorf("done after %s (-want +got):\n%s", time.Since(start), diff)
				}
				if attempts != 3 || len(reported) != 2 || !strings.Contains(reported[0].Error(), name) {
					t.Errorf("%d attempts and %d reports, want 3 and 2: %v", attempts, len(reported), reported)
				}
				r.stop()
			})
		})
	}

	t.Run("is tried until the router stops and is not done", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			var failures atomic.Int64
			r := run(t, fanout.Config{RetryPause: time.Second, OnError: func(string, error) { failures.Add(1) }},
				&consumer{name: "a", pull: j.emitting(history(uuid.New(), 1)), handle: func(context.Context, eventsourcing.Record) error {
					return errors.New("boom")
				}})
			<-time.After(59*time.Second + time.Millisecond) // on the clock of the bubble
			r.stop()
			if got := failures.Load(); got != 60 {
				t.Errorf("%d attempts in a minute, want 60", got)
			}
			if got := j.count("done"); got != 0 {
				t.Errorf("done was called %d times", got)
			}
		})
	})

	t.Run("names the record in what it reports", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			cause := errors.New("boom")
			var j journal
			reported := make(chan error, 1)
			r := run(t, fanout.Config{OnError: func(consumer string, err error) { reported <- fmt.Errorf("%s: %w", consumer, err) }},
				&consumer{name: "a", pull: j.emitting(history(uuid.UUID{15: 1}, 1)), handle: func(context.Context, eventsourcing.Record) error {
					return cause
				}})
			err := <-reported
			want := "a: handle order.created (sequence number 1 of 00000000-0000-0000-0000-000000000001): boom"
			if err.Error() != want || !errors.Is(err, cause) {
				t.Errorf("reported %q, want %q", err, want)
			}
			r.stop()
		})
	})
}

func TestRouter_PanickingDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var reported atomic.Value
		records := history(uuid.New(), 2)
		r := run(t, fanout.Config{OnError: func(_ string, err error) { reported.Store(err.Error()) }}, &consumer{
			name: "a", handle: j.handling,
			pull: func(ctx context.Context, emit emitFunc) error {
				for _, r := range records {
					if err := emit(ctx, r, func() { panic("boom") }); err != nil {
						return err
					}
				}
				<-ctx.Done()
				return nil
			},
		})
		synctest.Wait()
		if got := j.count("handled"); got != 2 {
			t.Errorf("handled %d records, want 2: the lane must survive", got)
		}
		if got, _ := reported.Load().(string); !strings.Contains(got, "panic: boom") {
			t.Errorf("reported %q", got)
		}
		r.stop()
	})
}

func TestRouter_EndedPull(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() error{
		"with an error": func() error { return errors.New("boom") },
		"with nil":      func() error { return nil },
		"with a panic":  func() error { panic("boom") },
	} {
		t.Run(name+" is started again and disturbs nobody", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const pause = 3 * time.Second
				first, second := uuid.New(), uuid.New()
				var broken, healthy journal
				var reports atomic.Int64
				pulls := 0
				next := make(chan eventsourcing.Record)
				r := run(t, fanout.Config{RetryPause: pause, OnError: func(string, error) { reports.Add(1) }},
					&consumer{name: "broken", handle: broken.handling, pull: func(ctx context.Context, emit emitFunc) error {
						if pulls++; pulls == 1 {
							if err := emit(ctx, newRecord(first, 1), func() {}); err != nil {
								return err
							}
							return end()
						}
						return broken.emitting(history(second, 1))(ctx, emit)
					}},
					&consumer{name: "healthy", handle: healthy.handling, pull: func(ctx context.Context, emit emitFunc) error {
						for {
							select {
							case r := <-next:
								if err := emit(ctx, r, func() {}); err != nil {
									return nil
								}
							case <-ctx.Done():
								return nil
							}
						}
					}})
				synctest.Wait()
				next <- newRecord(first, 1)
				synctest.Wait()
				if healthy.count("handled") != 1 {
					t.Error("the other consumer stands still")
				}
				if diff := cmp.Diff(map[uuid.UUID][]uint64{first: {1}}, broken.of("handled")); diff != "" {
					t.Errorf("handled before the pause (-want +got):\n%s", diff)
				}
				<-time.After(pause) // on the clock of the bubble
				synctest.Wait()
				if diff := cmp.Diff(map[uuid.UUID][]uint64{first: {1}, second: {1}}, broken.of("handled")); diff != "" {
					t.Errorf("handled after the pause (-want +got):\n%s", diff)
				}
				if got := reports.Load(); got != 1 {
					t.Errorf("%d reports, want 1", got)
				}
				r.stop()
			})
		})
	}
}
