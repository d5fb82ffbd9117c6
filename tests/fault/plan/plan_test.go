package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/tests/fault/plan"
)

const size = 200

func TestShrink_KeepsWhatFails(t *testing.T) {
	t.Parallel()
	s := plan.New(7, 800)
	for i := range s.Steps {
		s.Steps[i].After = i
	}
	needed := []int{1, len(s.Steps) / 2, len(s.Steps) - 1}
	has := func(s plan.Schedule) (found []int) {
		for _, step := range s.Steps {
			if slices.Contains(needed, step.After) {
				found = append(found, step.After)
			}
		}
		return found
	}
	shortest := plan.Shrink(s, func(s plan.Schedule) bool { return len(has(s)) == len(needed) })
	if diff := cmp.Diff(needed, has(shortest)); diff != "" || len(shortest.Steps) != len(needed) {
		t.Errorf("%d steps are left, of %d; needed (-want +got):\n%s", len(shortest.Steps), len(s.Steps), diff)
	}
}

func TestShrink_LeavesAloneWhatDoesNotFailAgain(t *testing.T) {
	t.Parallel()
	s := plan.New(7, size)
	if got := plan.Shrink(s, func(plan.Schedule) bool { return false }); got.String() != s.String() {
		t.Errorf("what is left is\n%s\nof\n%s", got, s)
	}
}

func TestShrink_KeepsTheSettingThatFails(t *testing.T) {
	t.Parallel()
	s := plan.New(7, size)
	s.Forged, s.Poison, s.NewerShare = 3, plan.Poison{Consumer: plan.AnyPublisher, Share: 2}, 1
	shortest := plan.Shrink(s, func(s plan.Schedule) bool { return s.Poison.Share > 0 })
	if shortest.Poison.Share == 0 || shortest.Forged != 0 || shortest.NewerShare != 0 || len(shortest.Steps) != 0 {
		t.Errorf("what is left is\n%s", shortest)
	}
}

func TestNew_GivesASeedItsSchedule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		s := plan.New(seed, size)
		if again := plan.New(seed, size); s.String() != again.String() {
			t.Fatalf("seed %d gives\n%s\nand\n%s", seed, s, again)
		}
		for _, step := range s.Steps {
			if step.After >= s.Total() {
				t.Errorf("seed %d: a step after %d of %d commands: %s", seed, step.After, s.Total(), step)
			}
		}
	}
}
