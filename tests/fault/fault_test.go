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

// fixedSeeds are those of the rounds that every run has. Together they draw everything.
var fixedSeeds = []uint64{1, 2, 3, 4, 102, 111}

// A seed decides the schedule of a round. CI runs a few rounds with fixed seeds, and one with a new
// seed.
func TestRun(t *testing.T) {
	skipWithRaceDetector(t)
	switch {
	case *durationFlag > 0:
		var sum total
		for report := range endless(t) {
			sum.add(report)
			judge(t, report)
		}
		t.Log(sum)
	case *seedFlag != 0:
		play(t, *seedFlag)
	default:
		seeds := []uint64{rand.Uint64()}
		if !testing.Short() {
			seeds = append(seeds, fixedSeeds...)
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

// total adds up rounds.
type total struct {
	rounds, failed, violations, commands, tries, events int
	hits, kills                                         int64
	forged, refused                                     int64
	done                                                map[plan.Trouble]int
}

func (s *total) add(r report) {
	if s.rounds++; len(r.violations) > 0 {
		s.failed++
	}
	s.violations += len(r.violations)
	s.commands, s.tries, s.events = s.commands+r.commands, s.tries+r.tries, s.events+r.events
	s.hits, s.kills, s.forged, s.refused = s.hits+r.hits, s.kills+r.kills, s.forged+r.forged, s.refused+int64(r.refused)
	if s.done == nil {
		s.done = map[plan.Trouble]int{}
	}
	for what, n := range r.done {
		s.done[what] += n
	}
}

// String returns one line.
func (s total) String() string {
	return fmt.Sprintf("%d rounds, %d of them with violations, %d violations; %d commands in %d tries, %d events; "+
		"%d requests hit, %d processes killed, %d records forged, %d writes refused by a full disk; operators: %v",
		s.rounds, s.failed, s.violations, s.commands, s.tries, s.events, s.hits, s.kills, s.forged, s.refused, s.done)
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
