package porttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/ports"
)

// scenario is one test of a suite. It uses its adapter only through the harness and reports only
// through testing.TB. So the proofs of this package can run it where they expect a failure.
type scenario[H harness] struct {
	// name is the promised outcome.
	name string
	run  func(t test, h H)
}

// harness is what all harnesses have in common.
type harness interface {
	close() error
	tuning() Tuning
}

func (h EventStoreHarness) close() error       { return h.Close() }
func (h HeadScannerHarness) close() error      { return h.Close() }
func (h ChangeFeedHarness) close() error       { return h.Close() }
func (h FeedTailHarness) close() error         { return h.Close() }
func (h ViewsHarness) close() error            { return h.Close() }
func (h ConsumerRegistryHarness) close() error { return h.Close() }
func (h ParkingLotHarness) close() error       { return h.Close() }
func (h SkipLogHarness) close() error          { return h.Close() }
func (h StoreIdentityHarness) close() error    { return h.Close() }
func (h LeasesHarness) close() error           { return h.Close() }
func (h PublisherHarness) close() error        { return h.Close() }
func (h RecordListerHarness) close() error     { return h.Close() }
func (h HistoryPagerHarness) close() error     { return h.Close() }
func (h CommandFinderHarness) close() error    { return h.Close() }
func (h SnapshotsHarness) close() error        { return h.Close() }

// tuning returns u with the defaults filled in.
func (u Tuning) tuning() Tuning {
	if u.Wait == 0 {
		u.Wait = time.Minute
	}
	if u.Quiet == 0 {
		u.Quiet = 30 * time.Millisecond
	}
	if u.Writers == 0 {
		u.Writers = 16
	}
	if u.Backlog == 0 {
		u.Backlog = 2_000
		if testing.Short() {
			u.Backlog = 200
		}
	}
	return u
}

func runSuite[H harness](t *testing.T, factory func(t *testing.T) H, scenarios []scenario[H]) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runScenario(t, factory(t), s)
		})
	}
}

func runScenario[H harness](tb testing.TB, h H, s scenario[H]) {
	t := test{TB: tb, Tuning: h.tuning()}
	t.Cleanup(func() { t.close(h) })
	s.run(t, h)
}

// test is what a scenario reports to, with the bounds of its waits. Its methods call the ports.
// Each call is bounded, and an unexpected error ends the scenario.
type test struct {
	testing.TB
	Tuning
}

// within calls f and waits for it; a call that takes too long ends the scenario. f must not use t.
func (t test) within(what string, f func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	t.await(what, done)
}

// await waits until done is closed.
func (t test) await(what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(t.Wait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("waited %s for: %s", t.Wait, what)
	}
}

// together calls f(0) to f(n-1) at the same time and waits for all of them. The first error ends
// the context of the others and then the scenario. f must not use t.
func (t test) together(n int, what string, f func(ctx context.Context, i int) error) {
	t.Helper()
	var failure error
	t.within(what, func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		start := make(chan struct{})
		var first sync.Once
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				<-start
				if err := f(ctx, i); err != nil {
					first.Do(func() { failure = err })
					stop()
				}
			})
		}
		close(start)
		group.Wait()
	})
	t.must(what, failure)
}

// must ends the scenario when err is not nil.
func (t test) must(what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// close closes the adapter.
func (t test) close(h harness) {
	t.Helper()
	var err error
	t.within("the adapter to close", func(context.Context) { err = h.close() })
	t.must("close the adapter", err)
}

// call is one call of a port, under a name.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// refusesCancelled makes each call with a context that ended before.
func (t test) refusesCancelled(calls ...call) {
	t.Helper()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, c := range calls {
		for _, ended := range []context.Context{cancelled, late} {
			var err error
			t.within(c.name+" with an ended context", func(context.Context) { err = c.do(ended) })
			if !errors.Is(err, ended.Err()) {
				t.Errorf("%s with an ended context: error %v, want %v", c.name, err, ended.Err())
			}
		}
	}
}

// refusesClosed closes the adapter, twice, and makes each call afterwards.
func (t test) refusesClosed(h harness, calls ...call) {
	t.Helper()
	t.close(h)
	t.close(h)
	for _, c := range calls {
		var err error
		t.within(c.name+" after close", func(ctx context.Context) { err = c.do(ctx) })
		if !errors.Is(err, ports.ErrClosed) {
			t.Errorf("%s after close: error %v, want %v", c.name, err, ports.ErrClosed)
		}
	}
}

// refusesCursors calls list with cursors that it cannot have issued.
func (t test) refusesCursors(list func(ctx context.Context, cursor ports.Cursor) error, cursors ...ports.Cursor) {
	t.Helper()
	for _, cursor := range append(cursors, "?", "no cursor", "\x00\xff", "bm8gY3Vyc29y") {
		if cursor == "" {
			t.Fatalf("a listing that was to be interrupted has ended")
		}
		var err error
		t.within("a page behind a bad cursor", func(ctx context.Context) { err = list(ctx, cursor) })
		if !errors.Is(err, ports.ErrBadCursor) {
			t.Errorf("page behind the bad cursor %q: error %v, want %v", cursor, err, ports.ErrBadCursor)
		}
	}
}

// reopened returns the harness of the reopened adapter, or false when the adapter cannot be
// reopened.
func reopened[H harness](t test, reopen func(t testing.TB) H) (H, bool) {
	t.Helper()
	if reopen == nil {
		t.Log("absent: this adapter cannot be reopened, so what survives a restart is not tested")
		var none H
		return none, false
	}
	h := reopen(t.TB)
	t.Cleanup(func() { t.close(h) })
	return h, true
}
