package fault_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shrink removes steps of a schedule as long as the rest fails: first many at once, at the end one
// by one. A schedule does not fail every time, so a shorter failing schedule may be missed.
func shrink(s schedule, fails func(schedule) bool) schedule {
	for chunk := len(s.steps); chunk > 0; chunk /= 2 {
		for from := 0; from < len(s.steps); {
			shorter := s
			shorter.steps = slices.Delete(slices.Clone(s.steps), from, min(from+chunk, len(s.steps)))
			if fails(shorter) {
				s = shorter
			} else {
				from += chunk
			}
		}
	}
	return s
}

func TestShrink_KeepsWhatFails(t *testing.T) {
	t.Parallel()
	s := newSchedule(7, 800)
	for i := range s.steps {
		s.steps[i].after = i
	}
	needed := []int{1, len(s.steps) / 2, len(s.steps) - 1}
	has := func(s schedule) (found []int) {
		for _, step := range s.steps {
			if slices.Contains(needed, step.after) {
				found = append(found, step.after)
			}
		}
		return found
	}
	shortest := shrink(s, func(s schedule) bool { return len(has(s)) == len(needed) })
	if diff := cmp.Diff(needed, has(shortest)); diff != "" || len(shortest.steps) != len(needed) {
		t.Errorf("%d steps are left, of %d; needed (-want +got):\n%s", len(shortest.steps), len(s.steps), diff)
	}
}

func TestShrink_LeavesAloneWhatDoesNotFailAgain(t *testing.T) {
	t.Parallel()
	s := newSchedule(7, size)
	if got := shrink(s, func(schedule) bool { return false }); len(got.steps) != len(s.steps) {
		t.Errorf("%d of %d steps are left", len(got.steps), len(s.steps))
	}
}

func TestSchedule_IsThatOfItsSeed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		s := newSchedule(seed, size)
		if again := newSchedule(seed, size); s.String() != again.String() {
			t.Fatalf("seed %d gives\n%s\nand\n%s", seed, s, again)
		}
		for _, step := range s.steps {
			if step.after >= s.total() {
				t.Errorf("seed %d: a step after %d of %d commands: %s", seed, step.after, s.total(), step)
			}
		}
	}
}
