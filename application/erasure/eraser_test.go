package erasure_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/application/erasure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// run runs an eraser in the background until stop is called.
func run(t *testing.T, e *erasure.Eraser) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

func mustErase(t *testing.T, e *erasure.Eraser, customer string) ports.Erasure {
	t.Helper()
	erased, err := e.Erase(context.Background(), customer, why)
	if err != nil {
		t.Fatal(err)
	}
	return erased
}

func state(t *testing.T, e *erasure.Eraser, customer string) ports.Erasure {
	t.Helper()
	got, err := e.Erasure(context.Background(), customer)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// ann, bob and carl have notes in these tests.
var (
	annFirst  = uuid.MustParse("018f4e5a-0000-7000-8000-000000000001")
	annSecond = uuid.MustParse("018f4e5a-0000-7000-8000-000000000002")
	bobOnly   = uuid.MustParse("018f4e5a-0000-7000-8000-000000000003")
	carlOnly  = uuid.MustParse("018f4e5a-0000-7000-8000-000000000004")
)

func annAndBob(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for range 3 {
		w.write("ann", annFirst, false)
	}
	w.write("ann", annSecond, false)
	w.write("bob", bobOnly, false)
	return w
}

func TestErase_leavesNothingOfTheCustomerAndEverythingOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		e := w.eraser()
		asked := mustErase(t, e, "ann")
		if asked.State != ports.ErasureRequested || asked.Reason != why.Reason || asked.Reference != why.Reference ||
			asked.RequestedAt.IsZero() || !asked.EndedAt.IsZero() || asked.SubjectID != subject.ID(string(token("ann"))) {
			t.Errorf("%+v", asked)
		}
		if w.keys[token("ann")] || !w.blocked[token("ann")] || w.text(annFirst) != "erased erased erased" {
			t.Error("the request was answered, and the events can be read")
		}
		time.Sleep(time.Second)
		stop := run(t, e)
		synctest.Wait()
		defer stop()
		want := map[string]map[uuid.UUID]string{
			"view":  {annFirst: "erased erased erased", annSecond: "erased", bobOnly: "secret"},
			"cache": {},
		}
		if diff := cmp.Diff(want, w.derived); diff != "" {
			t.Errorf("derived (-want +got):\n%s", diff)
		}
		if w.purges != 1 {
			t.Errorf("the files were purged %d times", w.purges)
		}
		if stats := e.Stats(); stats != (erasure.Stats{Requested: 1, Ended: 1}) {
			t.Errorf("figures %+v", stats)
		}
		got := state(t, e, "ann")
		if got.State != ports.ErasureDone || got.Aggregates != 2 || got.Rewritten != 2 || got.Plain != 0 || got.Waits != "" ||
			!got.EndedAt.After(got.RequestedAt) {
			t.Errorf("%+v", got)
		}
		if !w.keys[token("bob")] || w.blocked[token("bob")] {
			t.Error("another customer is touched")
		}
	})
}

// Whatever effect is the last one of a process, the next process ends in the same state. The world
// checks at each effect that nothing is destroyed before the request is durable, and that no
// erasure ends while something can be read.
func TestErase_endsInTheSameStateAfterACrashAtAnyEffect(t *testing.T) {
	t.Parallel()
	crashes := 0
	for _, after := range []bool{false, true} {
		for dieAt := 1; ; dieAt++ {
			died := false
			synctest.Test(t, func(t *testing.T) {
				w := annAndBob(t)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				w.start(dieAt, after, func() {
					died = true
					cancel()
				})
				first := w.eraser()
				if _, err := first.Erase(ctx, "ann", why); err == nil {
					if err := first.Run(endsWhenIdle(ctx)); err != nil {
						t.Error(err)
					}
				}
				requested := w.requested(t, "ann")
				w.start(0, false, nil)
				second := w.eraser()
				if !requested {
					// The client knows that nothing is promised, and asks again.
					mustErase(t, second, "ann")
				}
				stop := run(t, second)
				synctest.Wait()
				defer stop()
				got := state(t, second, "ann")
				// what is counted depends on the process that ends it: memory begins empty
				if got.State != ports.ErasureDone || got.Aggregates != 2 || got.Plain != 0 {
					t.Errorf("death at effect %d (after it: %v): %+v", dieAt, after, got)
				}
				want := map[uuid.UUID]string{annFirst: "erased erased erased", annSecond: "erased", bobOnly: "secret"}
				if diff := cmp.Diff(want, w.derived["view"]); diff != "" {
					t.Errorf("death at effect %d (after it: %v), view (-want +got):\n%s", dieAt, after, diff)
				}
				if w.keys[token("ann")] || !w.blocked[token("ann")] {
					t.Errorf("death at effect %d (after it: %v): the key is there, or a new one may be made", dieAt, after)
				}
				if n := w.events(t, "ann"); n != 2 {
					t.Errorf("death at effect %d (after it: %v): the subject has %d events", dieAt, after, n)
				}
			})
			if !died {
				break
			}
			crashes++
		}
	}
	// request, block, destroy, forget; again block, destroy, forget; four rewritings; the end
	if crashes < 2*12 {
		t.Errorf("the process died at %d effects only", crashes)
	}
}

// endsWhenIdle returns a context that ends when nothing happens any more.
func endsWhenIdle(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		timer := time.NewTimer(10 * time.Minute) // of the synctest clock, which moves when all wait
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}()
	return ctx
}

func (w *world) events(t *testing.T, customer string) int {
	t.Helper()
	history, err := w.store.Load(context.Background(), subject.ID(string(token(customer))), 0)
	if err != nil {
		t.Fatal(err)
	}
	return len(history)
}

func (w *world) requested(t *testing.T, customer string) bool {
	t.Helper()
	return w.events(t, customer) > 0
}

// A place that cannot be written now keeps the erasure from ending. It says so, and ends when the
// place is there again.
func TestErase_waitsForAPlaceAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		w.unwell["view"] = &ports.RefusedError{Reason: "consumer view is paused"}
		e := w.eraser()
		mustErase(t, e, "ann")
		stop := run(t, e)
		defer stop()
		synctest.Wait()
		got := state(t, e, "ann")
		const want = "2 of 2 aggregates are not rewritten everywhere: view: consumer view is paused\nview: consumer view is paused"
		if got.State != ports.ErasureRequested || got.Waits != want || got.Aggregates != 0 {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		delete(w.unwell, "view")
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasureDone || got.Rewritten != 2 || got.Waits != "" {
			t.Errorf("%+v", got)
		}
	})
}

// What was stored before personal data was sealed stays. The erasure says how much, and can be
// requested again.
// The files of the store are purged before the end, however long that takes.
func TestErase_waitsForTheFiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		w.unwell["files"] = errors.New("the disk is full")
		e := w.eraser()
		mustErase(t, e, "ann")
		stop := run(t, e)
		defer stop()
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasureRequested || !strings.Contains(got.Waits, "the disk is full") {
			t.Errorf("%+v", got)
		}
		w.mu.Lock()
		delete(w.unwell, "files")
		w.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasureDone {
			t.Errorf("%+v", got)
		}
	})
}

func TestErase_isPartialWhereDataWasNeverSealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.write("ann", annFirst, true)
		w.write("ann", annFirst, false)
		w.write("ann", annFirst, true)
		e := w.eraser()
		stop := run(t, e)
		defer stop()
		mustErase(t, e, "ann")
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasurePartial || got.Plain != 2 || got.Aggregates != 1 {
			t.Errorf("%+v", got)
		}
		if got := w.derived["view"][annFirst]; got != "plain erased plain" {
			t.Errorf("view: %q", got)
		}
		again, err := e.Erase(context.Background(), "ann", ports.ErasureRequest{Reason: "once more"})
		if err != nil || again.State != ports.ErasureRequested || again.Reason != "once more" || again.Plain != 0 {
			t.Errorf("%+v %v", again, err)
		}
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasurePartial || w.events(t, "ann") != 4 {
			t.Errorf("%+v, %d events", got, w.events(t, "ann"))
		}
	})
}

func TestErase_isRequestedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		e := w.eraser()
		mustErase(t, e, "ann")
		mustErase(t, e, "ann")
		if n := w.events(t, "ann"); n != 1 {
			t.Errorf("%d events", n)
		}
		stop := run(t, e)
		defer stop()
		synctest.Wait()
		done := state(t, e, "ann")
		if got := mustErase(t, e, "ann"); got != done {
			t.Errorf("%+v, before it was %+v", got, done)
		}
		synctest.Wait()
		if n := w.events(t, "ann"); n != 2 {
			t.Errorf("%d events", n)
		}
	})
}

func TestErase_refusesBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		customer string
		request  ports.ErasureRequest
		check    func(error) bool
	}{
		"no such customer": {"nobody", why, func(err error) bool { return errors.Is(err, ports.ErrNotFound) }},
		"unfinished orders": {"busy", why, func(err error) bool {
			var refused *ports.RefusedError
			return errors.As(err, &refused)
		}},
		"no reason": {"ann", ports.ErasureRequest{Reference: "r"}, func(err error) bool {
			var refused eventsourcing.Refused
			return errors.As(err, &refused) && refused.Refusal().Field == "reason"
		}},
	} {
		w := annAndBob(t)
		if _, err := w.eraser().Erase(context.Background(), test.customer, test.request); !test.check(err) {
			t.Errorf("%s: %v", name, err)
		}
		if w.effects != 0 {
			t.Errorf("%s: %d effects", name, w.effects)
		}
		if _, err := w.eraser().Erasure(context.Background(), test.customer); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("%s: state: %v", name, err)
		}
	}
	w := annAndBob(t)
	forced := why
	forced.Force = true
	if _, err := w.eraser().Erase(context.Background(), "busy", forced); err != nil {
		t.Error(err)
	}
}

// When the request cannot be stored, nothing is destroyed.
func TestErase_destroysNothingWithoutADurableRequest(t *testing.T) {
	t.Parallel()
	w := annAndBob(t)
	w.start(1, false, func() {})
	if _, err := w.eraser().Erase(context.Background(), "ann", why); !errors.Is(err, ports.ErrUnavailable) {
		t.Error(err)
	}
	if !w.keys[token("ann")] || w.blocked[token("ann")] || w.effects != 1 {
		t.Error("the customer is touched")
	}
}

// A key that has come back with an old copy of the keys is destroyed at the next start.
func TestRun_destroysAKeyThatHasComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		e := w.eraser()
		stop := run(t, e)
		mustErase(t, e, "ann")
		synctest.Wait()
		stop()
		w.keys[token("ann")], w.blocked[token("ann")] = true, false
		w.start(0, false, nil)
		stop = run(t, w.eraser())
		defer stop()
		synctest.Wait()
		if w.keys[token("ann")] || w.cached[token("ann")] || !w.blocked[token("ann")] {
			t.Error("the key is there, or a new one may be made")
		}
	})
}

// An erasure that another process has begun, and not ended, is found.
// The data are restored from a backup that was made before the erasure, and the keys are not: the
// views have texts that nobody may see.
func TestRun_erasesAgainInDataFromBeforeTheErasure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		backup := annAndBob(t)
		w := newWorld(t)
		w.store, w.derived = backup.store, backup.derived
		w.keys[token("bob")], w.blocked[token("ann")] = true, true // the keys as they are now
		w.blocked[token("carl")] = true                            // he had no data then
		w.start(0, false, nil)
		e := w.eraser()
		if err := e.Unready(); err == nil {
			t.Error("it is ready before it has looked")
		}
		stop := run(t, e)
		synctest.Wait()
		stop()
		if err := e.Unready(); err != nil {
			t.Errorf("it is not ready: %v", err)
		}
		want := map[uuid.UUID]string{annFirst: "erased erased erased", annSecond: "erased", bobOnly: "secret"}
		if diff := cmp.Diff(want, w.derived["view"]); diff != "" {
			t.Errorf("derived (-want +got):\n%s", diff)
		}
		for customer, aggregates := range map[string]int64{"ann": 2, "carl": 0} {
			got := state(t, e, customer)
			if got.State != ports.ErasureDone || got.Reason != erasure.Replayed || got.Aggregates != aggregates {
				t.Errorf("%s: %+v", customer, got)
			}
		}
		if n := w.events(t, "bob"); n != 0 {
			t.Errorf("a customer who was not erased has %d events of an erasure", n)
		}
		// the next start finds everything done
		w.start(0, false, nil)
		again := w.eraser()
		stop = run(t, again)
		synctest.Wait()
		defer stop()
		if n := w.events(t, "ann"); n != 2 || again.Unready() != nil {
			t.Errorf("after another start there are %d events, %v", n, again.Unready())
		}
	})
}

// Neither a place that waits nor a damaged aggregate keeps the service from being ready: what a
// place has is not shown, and nobody else may suffer. Keys that cannot be reached do.
func TestUnready_untilEveryPlaceIsTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		mustErase(t, w.eraser(), "ann")
		asked := time.Now()
		time.Sleep(time.Hour)
		w.start(1, false, func() {})
		w.damaged[annFirst] = 1
		w.unwell["view"] = errors.New("the view is paused")
		e := w.eraser()
		stop := run(t, e)
		defer stop()
		synctest.Wait()
		if err := e.Unready(); err == nil || !strings.Contains(err.Error(), errDead.Error()) {
			t.Errorf("the keys cannot be reached: %v", err)
		}
		w.start(0, false, nil) // they can again
		time.Sleep(time.Hour)
		synctest.Wait()
		if err := e.Unready(); err != nil || state(t, e, "ann").State != ports.ErasureRequested {
			t.Errorf("a place waits: %v, %+v", err, state(t, e, "ann"))
		}
		if stats := e.Stats(); stats.Open != 1 || stats.Requested != 1 || stats.Ended != 0 || !stats.Oldest.Equal(asked) {
			t.Errorf("figures %+v, want one since %s", stats, asked)
		}
	})
}

func TestRun_endsWhatAnotherProcessHasBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		mine := w.eraser()
		stop := run(t, mine)
		defer stop()
		synctest.Wait()
		mustErase(t, w.eraser(), "ann") // of a process that does not run it
		synctest.Wait()
		if got := state(t, mine, "ann"); got.State != ports.ErasureRequested {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if got := state(t, mine, "ann"); got.State != ports.ErasureDone {
			t.Errorf("%+v", got)
		}
	})
}

// An order that cannot be read delays the erasure of its own customer only, who is told why. Where
// its first event cannot be read, nobody is delayed.
func TestErase_damageDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		w.damaged[annSecond] = 1
		w.write("carl", carlOnly, false)
		w.damaged[carlOnly] = 0
		e := w.eraser()
		stop := run(t, e)
		defer stop()
		mustErase(t, e, "bob")
		mustErase(t, e, "ann")
		synctest.Wait()
		if got := state(t, e, "bob"); got.State != ports.ErasureDone {
			t.Errorf("bob: %+v", got)
		}
		got := state(t, e, "ann")
		if got.State != ports.ErasureRequested || !strings.Contains(got.Waits, annSecond.String()) {
			t.Errorf("ann: %+v", got)
		}
		if text := w.derived["view"][annFirst]; text != "erased erased erased" {
			t.Errorf("the sound order of ann: %q", text)
		}
		w.repair(annSecond)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasureDone || got.Aggregates != 2 {
			t.Errorf("ann: %+v", got)
		}
	})
}

// A place that can be rewritten only as a whole is renewed from a mark that was made after the keys
// were destroyed, once for all erasures that wait.
func TestErase_renewsWhatCannotBeRewritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := annAndBob(t)
		w.whole = &whole{place: place{w, "view"}, at: 7}
		e := w.eraser()
		stop := run(t, e)
		defer stop()
		mustErase(t, e, "ann")
		mustErase(t, e, "bob")
		synctest.Wait()
		if got := state(t, e, "ann"); got.State != ports.ErasureRequested || got.Waits != "view: it is renewed" {
			t.Errorf("%+v", got)
		}
		w.whole.renewNow()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for _, customer := range []string{"ann", "bob"} {
			if got := state(t, e, customer); got.State != ports.ErasureDone || got.Rewritten != 1 {
				t.Errorf("%s: %+v", customer, got)
			}
		}
	})
}
