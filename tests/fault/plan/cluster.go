package plan

import (
	"regexp"
	"slices"
	"time"

	"orderflow/tests/scyllasim"
)

// step draws a step, or two when one is the end of the other.
func (d draw) step(s Schedule) []Step {
	total := s.Total()
	step := Step{After: d.IntN(total)}
	switch n := d.IntN(100); {
	case n < 48:
		step.What, step.Fault = Inject, d.fault(s.Nodes)
	case n < 54:
		return d.doubt(step.After)
	case n < 68:
		step.What, step.Process, step.Fault = Crash, d.IntN(Processes+1), d.moment()
	case n < 73:
		step.What, step.Process = Kill, d.IntN(Processes+1)
	case n < 80:
		step.What, step.By = Generation, time.Duration(50+d.IntN(1000))*time.Millisecond
	case n < 84:
		step.What = Drop
	case n < 87:
		step.What = Forget
	case n < 91 && s.Replication > 2:
		step.What, step.Node = Stop, 1+d.IntN(s.Nodes)
		return []Step{step, {After: step.After + 1 + d.IntN(20), What: Start, Node: step.Node}}
	case n < 96:
		// the sum stays far below the hour after which an intent is dropped
		step.What, step.By = Clock, time.Duration(2+d.IntN(60))*time.Second
	default:
		step.What, step.Times = Refuse, 1+d.IntN(10)
	}
	return []Step{step}
}

// doubt draws a fault that hides the outcome of a commit from its writer: the commit is accepted or
// not, without an answer, and the store cannot be read for a while.
func (d draw) doubt(after int) []Step {
	commit := scyllasim.Fault{Table: "event_store", Kind: scyllasim.KindLWT, Nth: 1, Times: 1 + d.IntN(3), Effect: pick(d,
		scyllasim.DropBefore, scyllasim.DropAfter, scyllasim.TimeoutAfter, scyllasim.PaxosNotLearned,
		scyllasim.PaxosLearnTimeout)}
	read := scyllasim.Fault{Table: "event_store", Kind: scyllasim.KindSelect, Nth: 2, Times: 30 + d.IntN(60), Effect: scyllasim.Unavailable}
	return []Step{{After: after, What: Inject, Fault: commit}, {After: after, What: Inject, Fault: read}}
}

// request is a kind of request that a fault can hit.
type request struct {
	table   string
	kind    scyllasim.Kind
	pattern *regexp.Regexp // of the CQL, nil = any
}

// OutboxRows matches the requests that write events to the outbox: a statement for one event, and a
// batch for several. Heartbeats are no events.
var OutboxRows = regexp.MustCompile("^INSERT INTO outbox_messages")

const logTable = "outbox_messages_scylla_cdc_log"

// critical lists the requests of an append. Those on which its promises depend most occur several
// times.
var critical = []request{
	{"append_intents", scyllasim.KindInsert, nil},
	{"event_store", scyllasim.KindLWT, nil},
	{"event_store", scyllasim.KindLWT, nil},
	{"event_store", scyllasim.KindSelect, nil},
	{"outbox_messages", scyllasim.KindAny, OutboxRows},
	{"outbox_messages", scyllasim.KindAny, OutboxRows},
	{"outbox_messages", scyllasim.KindAny, OutboxRows},
	{"append_intents", scyllasim.KindDelete, nil},
}

// requests lists all requests of the service.
var requests = append(slices.Clone(critical), []request{
	{"append_intents", scyllasim.KindSelect, nil},
	{"consumer_state", scyllasim.KindAny, nil},
	{"consumer_offsets", scyllasim.KindAny, nil},
	{"consumer_leases", scyllasim.KindAny, nil},
	{"view_generations", scyllasim.KindAny, nil},
	{"view_buckets", scyllasim.KindAny, nil},
	{"parked_events", scyllasim.KindAny, nil},
	{"skipped_events", scyllasim.KindAny, nil},
	{"order_read_model", scyllasim.KindAny, nil},
	{"orders_by_customer_2", scyllasim.KindAny, nil},
	{"orders_by_status_2", scyllasim.KindAny, nil},
	{"orders_by_sku_2", scyllasim.KindAny, nil},
	{logTable, scyllasim.KindSelect, nil},
}...)

// fault draws a fault of some requests. Rows of the log are never later than the window of the
// feed's safe reader. A consumer finds such a row only with the next event of the order, and the
// last event of an order has no next one.
func (d draw) fault(nodes int) scyllasim.Fault {
	at := pick(d, requests...)
	f := scyllasim.Fault{
		Table: at.table, Kind: at.kind, Pattern: at.pattern, Nth: 1 + d.IntN(5), Times: 1 + d.IntN(4),
		Node: max(0, d.IntN(2*nodes)-nodes),
	}
	effects := []scyllasim.Effect{
		scyllasim.DelayOnly, scyllasim.TimeoutBefore, scyllasim.TimeoutAfter, scyllasim.Unavailable, scyllasim.Overloaded,
		scyllasim.DropBefore, scyllasim.DropAfter,
	}
	switch {
	case at.kind == scyllasim.KindLWT:
		effects = append(effects, scyllasim.PaxosNotAccepted, scyllasim.PaxosNotLearned, scyllasim.PaxosLearnFailed,
			scyllasim.PaxosLearnTimeout, scyllasim.Resent)
	case at.table == "outbox_messages":
		effects = append(effects, scyllasim.LateLog, scyllasim.HeldLog, scyllasim.HeldLog, scyllasim.DuplicateLog)
	}
	f.Effect = pick(d, effects...)
	f.Late = time.Duration(20+d.IntN(int(Confidence/time.Millisecond)/3)) * time.Millisecond
	switch f.Effect {
	case scyllasim.LateLog, scyllasim.HeldLog, scyllasim.DuplicateLog:
		f.Times *= 4
	case scyllasim.DelayOnly:
		f.Delay = pick(d, 30*time.Millisecond, 200*time.Millisecond, RequestTimeout+300*time.Millisecond)
	}
	return f
}

// moment draws the request at which a process dies, and whether that request takes effect.
func (d draw) moment() scyllasim.Fault {
	at := pick(d, pick(d, critical, requests)...)
	return scyllasim.Fault{
		Table: at.table, Kind: at.kind, Pattern: at.pattern, Nth: 1 + d.IntN(6),
		Effect: pick(d, scyllasim.DropBefore, scyllasim.DropAfter),
	}
}

// drawServers draws faults of single nodes, of the lists of streams, and of the driver, which may
// send a conditional batch twice. A clock is wrong by much less than the window of the safe reader,
// which is a limit of the feed.
func (s *Schedule) drawServers(d draw) {
	for range d.IntN(4) {
		s.add(Step{After: d.IntN(s.Total()), What: Inject, Fault: scyllasim.Fault{
			Table: "event_store", Kind: scyllasim.KindLWT, Nth: 1 + d.IntN(5), Times: 1 + d.IntN(3),
			Effect: scyllasim.Resent,
		}})
	}
	if d.one(3) {
		late := Step{After: d.IntN(s.Total()), What: Describe, By: pick(d, Confidence/3, Confidence, 2*Confidence)}
		s.add(late)
		for range 1 + d.IntN(3) {
			after := late.After + d.IntN(s.Total()-late.After)
			s.add(Step{After: after, What: Generation, By: time.Duration(d.IntN(500)) * time.Millisecond})
		}
	}
	if d.one(3) {
		s.add(Step{After: d.IntN(s.Total()), What: Lag, Node: 1 + d.IntN(s.Nodes), By: time.Duration(100+d.IntN(3000)) * time.Millisecond})
		s.add(Step{After: d.IntN(s.Total()), What: Generation, By: time.Duration(d.IntN(500)) * time.Millisecond})
	}
	if d.one(3) {
		most := int(Confidence/time.Millisecond) / 5
		s.add(Step{After: d.IntN(s.Total()), What: Skew, Node: 1 + d.IntN(s.Nodes), By: time.Duration(d.IntN(2*most)-most) * time.Millisecond})
	}
}

// drawFullDisk draws times at which the disk is full.
func (s *Schedule) drawFullDisk(d draw) {
	for range max(0, d.IntN(5)-2) {
		s.add(Step{After: d.IntN(s.Total()), What: Fill, Writes: pick(d, Appends, Effects,
			Everything), Times: 5 + d.IntN(100)})
	}
}
