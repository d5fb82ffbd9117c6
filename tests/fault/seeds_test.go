package fault_test

import (
	"testing"

	"orderflow/tests/fault/plan"
)

// The fixed seeds draw each kind of step, and each setting that makes a round special.
func TestFixedSeeds_DrawEverything(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{}
	for _, seed := range fixedSeeds {
		s := plan.New(seed, size)
		for _, step := range s.Steps {
			drawn[string(step.What)] = true
			drawn[string(step.What)+" "+string(step.Writes)+string(step.Version)] = true
		}
		for setting, special := range map[string]bool{
			"one node": s.Nodes == 1, "tablets": s.Tablets, "records are handled one by one": s.Batch == 1, "large batches": s.Batch > 100,
			"few may be parked": s.MaxParked < 10, "two targets": s.Targets > 1, "newer events": s.NewerShare > 0,
			"a newer reducer": s.NewerView != "", "poison of a view": s.Poison.Consumer != "" && s.Poison.Consumer != plan.AnyPublisher,
			"poison of a publisher": s.Poison.Consumer == plan.AnyPublisher, "forged records": s.Forged > 0, "a short retention": s.Retention < 1e12,
		} {
			drawn[setting] = drawn[setting] || special
		}
	}
	want := append(plan.Operators(), plan.Inject, plan.Generation, plan.Describe, plan.Lag, plan.Skew, plan.Drop, plan.Forget,
		plan.Stop, plan.Start, plan.Fill, plan.Kill, plan.Crash, plan.Replace, plan.Clock, plan.Refuse, plan.Mend)
	for _, what := range want {
		if !drawn[string(what)] {
			t.Errorf("no round has the step %q", what)
		}
	}
	for _, version := range []plan.Version{plan.Older, plan.Newer, plan.Same} {
		if !drawn[string(plan.Replace)+" "+string(version)] {
			t.Errorf("no round replaces a process by a version that is %q", version)
		}
	}
	for setting, special := range drawn {
		if !special {
			t.Errorf("no round has the setting %q", setting)
		}
	}
}
