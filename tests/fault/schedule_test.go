package fault_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"orderflow/tests/scyllasim"
)

// schedule determines a round, except for what the operating system's scheduler adds. It is a plain
// value: it can be printed, run again, and run again with fewer steps.
type schedule struct {
	seed uint64
	// tablets says whether the streams of the CDC log belong to a table, as on servers with
	// tablets.
	tablets bool
	// orders is the number of orders that the writers share. Each writer sends commands commands.
	orders, writers, commands int
	// patience is how long a record waits for its predecessor, in the feed of every process.
	patience time.Duration
	// tail and remembered are small, so that consumers fall behind and the feed drops records.
	tail, remembered int
	// retention is how far the feed believes that the log goes back. A short retention makes
	// offsets expire.
	retention time.Duration

	steps []step
}

// step is one fault, which happens after so many commands.
type step struct {
	after int
	what  trouble

	process  int           // for kill and crash; bothProcesses means all
	node     int           // for stop and start
	by       time.Duration // for generation and clock
	late     time.Duration // for generation: how long after it is announced its streams are listed
	times    int           // for refuse
	consumer string        // for the actions of operators
	fault    scyllasim.Fault
}

// trouble is the kind of a step.
type trouble string

const (
	// inject arms a fault of the cluster.
	inject trouble = "inject"
	// generation starts new CDC streams.
	generation trouble = "generation"
	// drop closes all connections, and forget makes the nodes forget prepared statements.
	drop   trouble = "drop"
	forget trouble = "forget"
	// stop takes a node down, and start brings it back.
	stop  trouble = "stop"
	start trouble = "start"
	// kill ends a process at once, and crash at a request that a fault describes.
	kill  trouble = "kill"
	crash trouble = "crash"
	// clock moves the clocks of all processes forward. So what they are doing looks like the work
	// of a process that was stopped for a while.
	clock trouble = "clock"
	// refuse makes the publisher fail.
	refuse trouble = "refuse"
)

// processes is how many run at a time, and bothProcesses means all of them.
const (
	processes     = 2
	bothProcesses = processes
	nodes         = 3
)

// total is the number of commands in a round.
func (s schedule) total() int { return s.writers * s.commands }

// newSchedule draws the schedule of a seed; size is about how many commands it has.
func newSchedule(seed uint64, size int) schedule {
	d := draw{rand.New(rand.NewPCG(seed, 1))}
	s := schedule{
		seed: seed, tablets: d.IntN(4) == 0,
		orders: 5 + d.IntN(40), writers: 2 + d.IntN(5),
		patience: pick(d, 2*time.Millisecond, 20*time.Millisecond, 200*time.Millisecond),
		tail:     pick(d, 4, 32, 1024), remembered: pick(d, 16, 65536),
		retention: pick(d, 2*confidence, 24*time.Hour, 24*time.Hour),
	}
	s.commands = size / s.writers
	for range 6 + d.IntN(size/8) {
		s.steps = append(s.steps, d.step(s.total())...)
	}
	if d.IntN(2) == 0 { // an event that is lost at the end is not healed by a later one
		s.steps = append(s.steps, step{after: s.total() - 1 - d.IntN(10), what: crash, process: bothProcesses, fault: d.moment()})
	}
	s.steps = append(s.steps, d.operator(s.total())...)
	s.steps = append(s.steps, d.surprises(s.total())...)
	slices.SortStableFunc(s.steps, func(a, b step) int { return a.after - b.after })
	return s
}

// draw draws parts of a schedule.
type draw struct{ *rand.Rand }

func pick[T any](d draw, from ...T) T { return from[d.IntN(len(from))] }

// step draws a step, or two when one is the end of the other.
func (d draw) step(total int) []step {
	s := step{after: d.IntN(total)}
	switch n := d.IntN(100); {
	case n < 48:
		s.what, s.fault = inject, d.fault()
	case n < 54:
		return d.doubt(s.after)
	case n < 68:
		s.what, s.process, s.fault = crash, d.IntN(processes+1), d.moment()
	case n < 73:
		s.what, s.process = kill, d.IntN(processes+1)
	case n < 80:
		s.what, s.by = generation, time.Duration(50+d.IntN(1000))*time.Millisecond
	case n < 84:
		s.what = drop
	case n < 87:
		s.what = forget
	case n < 91:
		s.what, s.node = stop, 1+d.IntN(nodes)
		return []step{s, {after: min(total-1, s.after+1+d.IntN(20)), what: start, node: s.node}}
	case n < 96:
		// the sum stays far below the hour after which an intent is dropped
		s.what, s.by = clock, time.Duration(2+d.IntN(60))*time.Second
	default:
		s.what, s.times = refuse, 1+d.IntN(10)
	}
	return []step{s}
}

// doubt draws a fault that hides the outcome of a commit from its writer: the commit is accepted or
// not, without an answer, and the store cannot be read for a while.
func (d draw) doubt(after int) []step {
	commit := scyllasim.Fault{Table: "event_store", Kind: scyllasim.KindLWT, Nth: 1, Times: 1 + d.IntN(3), Effect: pick(d,
		scyllasim.DropBefore, scyllasim.DropAfter, scyllasim.TimeoutAfter, scyllasim.PaxosNotLearned, scyllasim.PaxosLearnTimeout)}
	read := scyllasim.Fault{Table: "event_store", Kind: scyllasim.KindSelect, Nth: 2, Times: 30 + d.IntN(60), Effect: scyllasim.Unavailable}
	return []step{{after: after, what: inject, fault: commit}, {after: after, what: inject, fault: read}}
}

// surprises draws what a server or the driver does rarely: a conditional batch is sent twice, and the
// streams of a generation are listed after it is in use. It draws last, so the steps before it are the
// same as without it.
func (d draw) surprises(total int) (steps []step) {
	for range d.IntN(4) {
		steps = append(steps, step{after: d.IntN(total), what: inject, fault: scyllasim.Fault{
			Table: "event_store", Kind: scyllasim.KindLWT, Nth: 1 + d.IntN(5), Times: 1 + d.IntN(3), Effect: scyllasim.Resent,
		}})
	}
	if d.IntN(2) == 0 {
		steps = append(steps, step{
			after: d.IntN(total), what: generation, by: time.Duration(d.IntN(500)) * time.Millisecond,
			late: time.Duration(d.IntN(int(confidence/time.Millisecond))) * time.Millisecond,
		})
	}
	return steps
}

// target is a kind of request that a fault can hit.
type target struct {
	table string
	kind  scyllasim.Kind
}

const logTable = "outbox_messages_scylla_cdc_log"

// critical lists the requests of an append. Those on which its promises depend most occur several
// times.
var critical = []target{
	{"append_intents", scyllasim.KindInsert},
	{"event_store", scyllasim.KindLWT},
	{"event_store", scyllasim.KindLWT},
	{"event_store", scyllasim.KindSelect},
	{"outbox_messages", scyllasim.KindBatch},
	{"outbox_messages", scyllasim.KindBatch},
	{"outbox_messages", scyllasim.KindBatch},
	{"append_intents", scyllasim.KindDelete},
}

// targets lists all requests of the service.
var targets = append(slices.Clone(critical), []target{
	{"append_intents", scyllasim.KindSelect},
	{"consumer_state", scyllasim.KindAny},
	{"consumer_offsets", scyllasim.KindAny},
	{"view_generations", scyllasim.KindAny},
	{"view_buckets", scyllasim.KindAny},
	{"order_read_model", scyllasim.KindAny},
	{"orders_by_customer", scyllasim.KindAny},
	{"orders_by_status", scyllasim.KindAny},
	{"orders_by_sku", scyllasim.KindAny},
	{logTable, scyllasim.KindSelect},
}...)

// requestTimeout is the timeout of the drivers. Delays of faults may exceed it.
const requestTimeout = time.Second

// fault draws a fault of some requests. Rows of the log are never later than the window of the
// feed's safe reader. A consumer finds such a row only with the next event of the order, and the
// last event of an order has no next one.
func (d draw) fault() scyllasim.Fault {
	at := pick(d, targets...)
	f := scyllasim.Fault{Table: at.table, Kind: at.kind, Nth: 1 + d.IntN(5), Times: 1 + d.IntN(4), Node: max(0, d.IntN(2*nodes)-nodes)}
	effects := []scyllasim.Effect{
		scyllasim.DelayOnly, scyllasim.TimeoutBefore, scyllasim.TimeoutAfter, scyllasim.Unavailable, scyllasim.Overloaded,
		scyllasim.DropBefore, scyllasim.DropAfter,
	}
	switch {
	case at.kind == scyllasim.KindLWT:
		effects = append(effects, scyllasim.PaxosNotAccepted, scyllasim.PaxosNotLearned, scyllasim.PaxosLearnFailed, scyllasim.PaxosLearnTimeout)
	case at.table == "outbox_messages":
		effects = append(effects, scyllasim.LateLog, scyllasim.HeldLog, scyllasim.HeldLog, scyllasim.DuplicateLog)
	}
	f.Effect = pick(d, effects...)
	f.Late = time.Duration(20+d.IntN(int(confidence/time.Millisecond)/3)) * time.Millisecond
	switch f.Effect {
	case scyllasim.LateLog, scyllasim.HeldLog, scyllasim.DuplicateLog:
		f.Times *= 4
	case scyllasim.DelayOnly:
		f.Delay = pick(d, 30*time.Millisecond, 200*time.Millisecond, requestTimeout+300*time.Millisecond)
	}
	return f
}

// moment draws the request at which a process dies, and whether that request takes effect.
func (d draw) moment() scyllasim.Fault {
	at := pick(d, pick(d, critical, targets)...)
	return scyllasim.Fault{Table: at.table, Kind: at.kind, Nth: 1 + d.IntN(6), Effect: pick(d, scyllasim.DropBefore, scyllasim.DropAfter)}
}

// String returns a schedule with one line a step.
func (s schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d writers send %d commands each for %d orders; tablets %t, patience %s, tail %d, remembered %d, retention %s\n",
		s.seed, s.writers, s.commands, s.orders, s.tablets, s.patience, s.tail, s.remembered, s.retention)
	for _, step := range s.steps {
		fmt.Fprintf(&b, "  after %3d commands: %s\n", step.after, step)
	}
	return b.String()
}

var kindNames = map[scyllasim.Kind]string{
	scyllasim.KindAny: "request", scyllasim.KindSelect: "SELECT", scyllasim.KindInsert: "INSERT", scyllasim.KindDelete: "DELETE",
	scyllasim.KindBatch: "BATCH", scyllasim.KindLWT: "LWT",
}

var effectNames = map[scyllasim.Effect]string{
	scyllasim.DelayOnly: "DelayOnly", scyllasim.TimeoutBefore: "TimeoutBefore", scyllasim.TimeoutAfter: "TimeoutAfter",
	scyllasim.Unavailable: "Unavailable", scyllasim.Overloaded: "Overloaded", scyllasim.DropBefore: "DropBefore",
	scyllasim.DropAfter: "DropAfter", scyllasim.PaxosNotAccepted: "PaxosNotAccepted", scyllasim.PaxosNotLearned: "PaxosNotLearned",
	scyllasim.PaxosLearnFailed: "PaxosLearnFailed", scyllasim.PaxosLearnTimeout: "PaxosLearnTimeout", scyllasim.LateLog: "LateLog",
	scyllasim.HeldLog: "HeldLog", scyllasim.DuplicateLog: "DuplicateLog", scyllasim.Ignored: "Ignored", scyllasim.Resent: "Resent",
}

// String describes a step.
func (s step) String() string {
	where := func() string {
		return fmt.Sprintf("%s of %s, from number %d on", kindNames[s.fault.Kind], s.fault.Table, s.fault.Nth)
	}
	who := fmt.Sprintf("process %d", s.process)
	if s.process == bothProcesses {
		who = "all processes"
	}
	switch s.what {
	case inject:
		text := fmt.Sprintf("inject %s into %d × %s", effectNames[s.fault.Effect], s.fault.Times, where())
		switch s.fault.Effect {
		case scyllasim.DelayOnly:
			text += fmt.Sprintf(", by %s", s.fault.Delay)
		case scyllasim.LateLog, scyllasim.HeldLog:
			text += fmt.Sprintf(", by %s", s.fault.Late)
		}
		if s.fault.Node > 0 {
			text += fmt.Sprintf(", on node %d", s.fault.Node)
		}
		return text
	case crash:
		return fmt.Sprintf("crash %s at %s, %s", who, where(), effectNames[s.fault.Effect])
	case kill:
		return "kill " + who
	case generation:
		return fmt.Sprintf("generation %s, its streams are listed after %s", s.by, s.late)
	case clock:
		return fmt.Sprintf("clock %s", s.by)
	case stop, start:
		return fmt.Sprintf("%s node %d", s.what, s.node)
	case refuse:
		return fmt.Sprintf("refuse %d publications", s.times)
	case pauseOne, resumeOne, rebuildOne:
		return fmt.Sprintf("%s %s", s.what, s.consumer)
	default:
		return string(s.what)
	}
}
