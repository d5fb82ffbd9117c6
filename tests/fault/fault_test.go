package fault_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"orderflow/tests/fault/plan"
)

// size is about how many commands a round has.
const size = 200

// A seed decides the schedule of a round. CI runs a few rounds with fixed seeds, and one with a new
// seed.
func TestRun(t *testing.T) {
	skipWithRaceDetector(t)
	switch {
	case *durationFlag > 0:
		for report := range endless(t) {
			judge(t, report)
		}
	case *seedFlag != 0:
		play(t, *seedFlag)
	default:
		seeds := []uint64{rand.Uint64(), 1, 2, 3, 102, 111}
		if testing.Short() {
			seeds = seeds[:1]
		}
		for _, seed := range seeds {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				play(t, seed)
			})
		}
	}
}

// play runs one round.
func play(t *testing.T, seed uint64) {
	t.Helper()
	if *logFlag {
		t.Log(plan.New(seed, size))
	}
	judge(t, run(t.Context(), plan.New(seed, size), options{patience: *patienceFlag}))
}

// endless runs rounds with new seeds until the time is over, as many at once as there are
// processors.
func endless(t *testing.T) <-chan report {
	first := *seedFlag
	if first == 0 {
		first = rand.Uint64() >> 1
	}
	seeds := make(chan uint64)
	go func() {
		defer close(seeds)
		for end := time.Now().Add(*durationFlag); time.Now().Before(end); first++ {
			seeds <- first
		}
	}()
	reports := make(chan report)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				reports <- run(t.Context(), plan.New(seed, size), options{patience: *patienceFlag})
			}
		})
	}
	go func() {
		group.Wait()
		close(reports)
	}()
	return reports
}

// judge fails the test for a round with violations. It also shows the shortest schedule that was
// found to fail.
func judge(t *testing.T, r report) {
	t.Helper()
	t.Log(r)
	if len(r.violations) == 0 {
		if r.events == 0 {
			t.Error("nothing happened")
		}
		return
	}
	t.Errorf("promises are broken; again with:\n\tgo test ./tests/fault -run TestRun -fault.seed=%d\n%s", r.schedule.Seed, r.schedule)
	if *shrinkFlag <= 0 {
		return
	}
	end := time.Now().Add(*shrinkFlag)
	shortest := plan.Shrink(r.schedule, func(s plan.Schedule) bool {
		if time.Now().After(end) {
			return false
		}
		return len(run(t.Context(), s, options{patience: shortPatience}).violations) > 0
	})
	t.Logf("the shortest schedule that failed, of those tried in %s:\n%s", *shrinkFlag, shortest)
}

// shortPatience is for schedules that are only run to shrink a failing one.
const shortPatience = 20 * time.Second
