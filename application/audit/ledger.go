package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/google/uuid"

	"orderflow/ports"
)

// errTooManyHoles ends a comparison that would need more memory than Config.MaxHoles allows.
var errTooManyHoles = errors.New("the topic has too many gaps to keep track of; if it no longer keeps its beginning, verify it from an offset")

// run is a range of sequence numbers without a gap, from first (inclusive) to end (exclusive).
type run struct{ first, end uint64 }

// account says which events of one aggregate have arrived.
type account struct {
	head uint64
	// came is the first run. It is zero when there is none.
	came run
	// partition is the partition of the aggregate's first message.
	partition int32
	// kind is the index of the aggregate's type in the ledger's types.
	kind uint16
}

// ledger has an account for each aggregate of a pass.
type ledger struct {
	// orders holds the aggregate ids, and accounts has the same indexes. When open has returned,
	// orders is sorted and does not change any more.
	orders   []uuid.UUID
	accounts []account
	// types holds the aggregate types that occur. A service has few of them.
	types []string
	// further holds the runs after the first one of an aggregate, by the index of its account. Few
	// aggregates have any.
	further map[int][]run
	holes   int
	// maxHoles bounds gaps.
	maxHoles int
	// whole says that every history must be complete from its first event. Otherwise it must be
	// complete from the first event that arrives.
	whole bool
	// missing is the number of required events that have not arrived.
	missing uint64
}

func newLedger(whole bool, maxHoles int) *ledger {
	return &ledger{further: make(map[int][]run), maxHoles: maxHoles, whole: whole}
}

func (l *ledger) add(h ports.Head) {
	l.orders = append(l.orders, h.AggregateID)
	kind := slices.Index(l.types, h.AggregateType)
	if kind < 0 {
		kind = len(l.types)
		l.types = append(l.types, h.AggregateType)
	}
	l.accounts = append(l.accounts, account{head: h.SequenceNumber, kind: uint16(kind)})
}

// headOf returns the head that was added at index.
func (l *ledger) headOf(index int) ports.Head {
	a := l.accounts[index]
	return ports.Head{AggregateType: l.types[a.kind], AggregateID: l.orders[index], SequenceNumber: a.head}
}

// open ends the adding of aggregates. An aggregate that was added twice has one account.
func (l *ledger) open() {
	sort.Sort(byOrder{l})
	n := 0
	for i, id := range l.orders {
		if n > 0 && l.orders[n-1] == id {
			l.accounts[n-1].head = max(l.accounts[n-1].head, l.accounts[i].head)
			continue
		}
		l.orders[n], l.accounts[n] = id, l.accounts[i]
		n++
	}
	l.orders, l.accounts = l.orders[:n], l.accounts[:n]
	for _, a := range l.accounts {
		if l.whole {
			l.missing += a.head
		}
	}
}

// byOrder sorts both slices of a ledger in place.
type byOrder struct{ *ledger }

func (l byOrder) Len() int           { return len(l.orders) }
func (l byOrder) Less(i, j int) bool { return bytes.Compare(l.orders[i][:], l.orders[j][:]) < 0 }
func (l byOrder) Swap(i, j int) {
	l.orders[i], l.orders[j] = l.orders[j], l.orders[i]
	l.accounts[i], l.accounts[j] = l.accounts[j], l.accounts[i]
}

// find returns the index of an aggregate's account. Unlike the other methods it is safe for
// concurrent use.
func (l *ledger) find(aggregateID uuid.UUID) (int, bool) {
	return slices.BinarySearchFunc(l.orders, aggregateID, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

// entry is what a message means for its aggregate.
type entry struct {
	// again says that the event has arrived before.
	again bool
	// successorFirst says that the event arrived after its successor.
	successorFirst bool
	// scattered says that the aggregate's first message is in another partition.
	scattered bool
}

// enter records that an event has arrived.
func (l *ledger) enter(index int, sequence uint64, partition int32) (entry, error) {
	a := &l.accounts[index]
	if a.came == (run{}) {
		a.came, a.partition = run{sequence, sequence + 1}, partition
		l.arrived(a, sequence, true)
		return entry{}, nil
	}
	e := entry{scattered: a.partition != partition}
	further := l.further[index]
	switch {
	// its first message may come before the offset that the caller named
	case sequence < a.came.first && !l.whole:
		e.again = true
		return e, nil
	case a.came.first <= sequence && sequence < a.came.end:
		e.again = true
		return e, nil
	case sequence == a.came.end && len(further) == 0: // nearly always
		a.came.end++
	default:
		runs, again := insert(append([]run{a.came}, further...), sequence)
		if again {
			e.again = true
			return e, nil
		}
		e.successorFirst = holds(runs, sequence+1)
		if l.holes += len(runs) - 1 - len(further); l.holes > l.maxHoles {
			return e, errTooManyHoles
		}
		a.came = runs[0]
		if l.further[index] = runs[1:]; len(runs) == 1 {
			delete(l.further, index)
		}
	}
	l.arrived(a, sequence, false)
	return e, nil
}

// arrived updates the number of missing events.
func (l *ledger) arrived(a *account, sequence uint64, first bool) {
	switch {
	case sequence > a.head:
	case first && !l.whole:
		l.missing += a.head - sequence
	default:
		l.missing--
	}
}

// insert adds a sequence number to sorted runs that do not touch each other. It reports whether a
// run already contained the number.
func insert(runs []run, sequence uint64) ([]run, bool) {
	i, _ := slices.BinarySearchFunc(runs, sequence, func(r run, s uint64) int {
		if r.end < s {
			return -1
		}
		return 1
	}) // the first run that does not end before sequence
	if i < len(runs) && runs[i].first <= sequence && sequence < runs[i].end {
		return runs, true
	}
	if i < len(runs) && runs[i].end == sequence {
		runs[i].end++
		if i+1 < len(runs) && runs[i+1].first == runs[i].end {
			runs[i].end = runs[i+1].end
			runs = slices.Delete(runs, i+1, i+2)
		}
		return runs, false
	}
	if i < len(runs) && runs[i].first == sequence+1 {
		runs[i].first--
		return runs, false
	}
	return slices.Insert(runs, i, run{sequence, sequence + 1}), false
}

func holds(runs []run, sequence uint64) bool {
	return slices.ContainsFunc(runs, func(r run) bool { return r.first <= sequence && sequence < r.end })
}

// judge counts the aggregates. It calls missing for every gap in a history: the events from first
// to last did not arrive.
func (l *ledger) judge(report *ports.TopicReport, missing func(head ports.Head, first, last uint64)) {
	for i, a := range l.accounts {
		due := uint64(1)
		if !l.whole {
			if a.came == (run{}) {
				report.Unjudged++
				continue
			}
			due = a.came.first
		}
		report.Aggregates++
		for _, r := range append([]run{a.came}, l.further[i]...) {
			if last := min(r.first, a.head+1); due < last {
				missing(l.headOf(i), due, last-1)
			}
			due = max(due, r.end)
		}
		if due <= a.head {
			missing(l.headOf(i), due, a.head)
		}
	}
}

func (r run) String() string {
	if r.end == r.first+1 {
		return fmt.Sprintf("event %d", r.first)
	}
	return fmt.Sprintf("events %d to %d", r.first, r.end-1)
}
