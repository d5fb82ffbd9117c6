package plan

import (
	"fmt"
	"strings"

	"orderflow/tests/scyllasim"
)

// String returns a schedule with one line a step.
func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d writers send %d commands each for %d orders\n", s.Seed, s.Writers, s.Commands, s.Orders)
	fmt.Fprintf(&b, "  %d nodes with %d copies, tablets %t, patience %s, tail %d, remembered %d, retention %s\n",
		s.Nodes, s.Replication, s.Tablets, s.Patience, s.Tail, s.Remembered, s.Retention)
	fmt.Fprintf(&b, "  %d lanes with a buffer of %d and batches of %d, at most %d parked\n",
		s.Lanes, s.LaneBuffer, s.Batch, s.MaxParked)
	if s.Targets > 1 {
		fmt.Fprintf(&b, "  the processes publish to targets %d and %d\n", s.Start[0].Target, s.Start[1].Target)
	}
	if s.NewerShare > 0 {
		fmt.Fprintf(&b, "  newer processes write 1 of %d events in a newer version; newer at first: %t and %t\n",
			s.NewerShare, s.Start[0].Newer, s.Start[1].Newer)
	}
	if s.NewerView != "" {
		fmt.Fprintf(&b, "  newer processes have a newer reducer of %s\n", s.NewerView)
	}
	if s.Poison.Consumer != "" {
		fmt.Fprintf(&b, "  %s fails on 1 of %d events, with a panic: %t\n",
			s.Poison.Consumer, s.Poison.Share, s.Poison.Panics)
	}
	if s.Forged > 0 {
		fmt.Fprintf(&b, "  1 of %d deliveries comes with a forged one\n", s.Forged)
	}
	for _, step := range s.Steps {
		fmt.Fprintf(&b, "  after %3d commands: %s\n", step.After, step)
	}
	return b.String()
}

var kindNames = map[scyllasim.Kind]string{
	scyllasim.KindAny: "request", scyllasim.KindSelect: "SELECT",
	scyllasim.KindInsert: "INSERT", scyllasim.KindDelete: "DELETE",
	scyllasim.KindLWT: "LWT",
}

var effectNames = map[scyllasim.Effect]string{
	scyllasim.DelayOnly: "DelayOnly", scyllasim.TimeoutBefore: "TimeoutBefore", scyllasim.TimeoutAfter: "TimeoutAfter",
	scyllasim.Unavailable: "Unavailable", scyllasim.Overloaded: "Overloaded", scyllasim.DropBefore: "DropBefore",
	scyllasim.DropAfter: "DropAfter", scyllasim.PaxosNotAccepted: "PaxosNotAccepted",
	scyllasim.PaxosNotLearned:   "PaxosNotLearned",
	scyllasim.PaxosLearnFailed:  "PaxosLearnFailed",
	scyllasim.PaxosLearnTimeout: "PaxosLearnTimeout", scyllasim.LateLog: "LateLog",
	scyllasim.HeldLog: "HeldLog", scyllasim.DuplicateLog: "DuplicateLog",
	scyllasim.Resent: "Resent", scyllasim.Ignored: "Ignored",
}

// String describes a step.
func (s Step) String() string {
	switch s.What {
	case Inject:
		return s.injection()
	case Crash:
		return fmt.Sprintf("crash %s at %s, %s", s.who(), s.where(), effectNames[s.Fault.Effect])
	case Kill:
		return "kill " + s.who()
	case Replace:
		text := fmt.Sprintf("replace %s", s.who())
		if s.Version != Same {
			text += fmt.Sprintf(" by the %s version", s.Version)
		}
		if s.Target != 0 {
			text += fmt.Sprintf(", with target %d", s.Target)
		}
		return text
	case Generation, Clock, Describe:
		return fmt.Sprintf("%s %s", s.What, s.By)
	case Stop, Start:
		return fmt.Sprintf("%s node %d", s.What, s.Node)
	case Lag, Skew:
		return fmt.Sprintf("%s node %d by %s", s.What, s.Node, s.By)
	case Refuse:
		return fmt.Sprintf("refuse %d publications", s.Times)
	case Fill:
		return fmt.Sprintf("refuse %d %s, as the disk is full", s.Times, s.Writes)
	case Rebuild:
		return fmt.Sprintf("rebuild %s, %d orders a second, without verification: %t",
			s.Consumer, s.Rebuild.AggregatesPerSecond, s.Rebuild.SkipVerification)
	case Retry, Skip, Unskip:
		return fmt.Sprintf("%s %s, number %d", s.What, s.Consumer, s.Times+1)
	case Pause, Resume, Abort, Rollback, Reset:
		return fmt.Sprintf("%s %s", s.What, s.Consumer)
	default:
		return string(s.What)
	}
}

func (s Step) who() string {
	if s.Process == AllProcesses {
		return "all processes"
	}
	return fmt.Sprintf("process %d", s.Process)
}

func (s Step) where() string {
	kind := kindNames[s.Fault.Kind]
	if s.Fault.Pattern == OutboxRows {
		kind = "INSERT"
	}
	return fmt.Sprintf("%s of %s, from number %d on", kind, s.Fault.Table, s.Fault.Nth)
}

func (s Step) injection() string {
	text := fmt.Sprintf("inject %s into %d × %s", effectNames[s.Fault.Effect], s.Fault.Times, s.where())
	switch s.Fault.Effect {
	case scyllasim.DelayOnly:
		text += fmt.Sprintf(", by %s", s.Fault.Delay)
	case scyllasim.LateLog, scyllasim.HeldLog:
		text += fmt.Sprintf(", by %s", s.Fault.Late)
	}
	if s.Fault.Node > 0 {
		text += fmt.Sprintf(", on node %d", s.Fault.Node)
	}
	return text
}
