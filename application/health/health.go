package health

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Counters count since the process started.
type Counters struct {
	// Handled counts the events that had their effect. Duplicates counts those that had it before.
	// Healed counts those that the feed had left out. Retries counts failed attempts. Expired
	// counts offsets that were too old. Reconciled counts the aggregates that the background check
	// has brought up. Foreign counts the records of the feed that the event store does not have.
	Handled, Duplicates, Healed, Retries, Expired, Reconciled, Foreign atomic.Uint64
}

// Health is the health of one consumer. It is safe for concurrent use.
type Health struct {
	Counters
	now       func() time.Time
	failAfter int

	mu    sync.Mutex
	state ports.ConsumerState
	// wasExpired says why the consumer has to catch up.
	wasExpired bool
	holder     ports.LeaseOwner
	rebuild    *ports.RebuildStatus
	// stuck holds the aggregates that have failed at least once and have not succeeded since. loop
	// is the error of the loop itself. stop is why the consumer has stopped itself.
	stuck      map[uuid.UUID]*ports.ConsumerFailure
	loop, stop *ports.ConsumerFailure
}

// New returns the Health of a consumer that is stopped. An aggregate counts as stuck from its
// attempt number failAfter on.
func New(now func() time.Time, failAfter int) *Health {
	return &Health{
		now: now, failAfter: failAfter, state: ports.ConsumerStopped, stuck: make(map[uuid.UUID]*ports.ConsumerFailure),
	}
}

// Set changes the state.
func (h *Health) Set(state ports.ConsumerState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.holder = state, ports.LeaseOwner{}
	if state != ports.ConsumerFailing {
		h.loop = nil
	}
	if state == ports.ConsumerRunning || state == ports.ConsumerRebuilding {
		h.wasExpired = false
	}
}

// Standby records that another process works as the consumer.
func (h *Health) Standby(holder ports.LeaseOwner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.holder, h.loop = ports.ConsumerStandby, holder, nil
}

// Expire records that the offset was too old.
func (h *Health) Expire() {
	h.Expired.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wasExpired, h.state = true, ports.ConsumerExpired
}

// CatchingUp records that the event store is read.
func (h *Health) CatchingUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = ports.ConsumerCatchingUp
	if h.wasExpired {
		h.state = ports.ConsumerExpired
	}
}

// Restarting records that the loop ended with err and will start again.
func (h *Health) Restarting(err error, attempt int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loop == nil {
		h.loop = &ports.ConsumerFailure{Since: h.now()}
	}
	h.loop.Kind, h.loop.Error, h.loop.Attempts = failure.KindOf(err), err.Error(), attempt
	h.state = ports.ConsumerFailing
}

// Halt records that the consumer must not continue until an operator has looked.
func (h *Health) Halt(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop == nil {
		h.stop = &ports.ConsumerFailure{Since: h.now(), Attempts: 1, Kind: failure.KindOf(err), Error: err.Error()}
	}
}

// Halted reports whether Halt was called and Unhalt was not.
func (h *Health) Halted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stop != nil
}

// Unhalt forgets why the consumer has stopped itself.
func (h *Health) Unhalt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop = nil
}

// Failed notes one more failed attempt at an event, and reports whether it is the one that makes
// the aggregate count as stuck.
func (h *Health) Failed(at ports.Head, attempt int, err error) (newly bool) {
	h.Retries.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	stuck := h.stuck[at.AggregateID]
	if stuck == nil {
		stuck = &ports.ConsumerFailure{AggregateType: at.AggregateType, AggregateID: at.AggregateID, Since: h.now()}
		h.stuck[at.AggregateID] = stuck
	}
	stuck.SequenceNumber, stuck.Kind, stuck.Error, stuck.Attempts = at.SequenceNumber, failure.KindOf(err), err.Error(),
		attempt
	return attempt == h.failAfter
}

// Since returns when an aggregate failed first. It is zero when the aggregate does not fail.
func (h *Health) Since(aggregateID uuid.UUID) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if stuck := h.stuck[aggregateID]; stuck != nil {
		return eventsourcing.Timestamp(stuck.Since)
	}
	return time.Time{}
}

// Recovered forgets the failure of an aggregate, and reports whether it counted as stuck.
func (h *Health) Recovered(aggregateID uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	stuck := h.stuck[aggregateID]
	delete(h.stuck, aggregateID)
	return stuck != nil && stuck.Attempts >= h.failAfter
}

// GivenUp forgets the failures of all aggregates: nothing is being attempted any more.
func (h *Health) GivenUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.stuck)
}

// Rebuilds changes the status of the rebuild.
func (h *Health) Rebuilds(change func(*ports.RebuildStatus)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var status ports.RebuildStatus
	if h.rebuild != nil {
		status = *h.rebuild
	}
	change(&status)
	h.rebuild = &status
}

// Status returns what is known here: state, failure, rebuild, holder and counters.
func (h *Health) Status() ports.ConsumerStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	status := ports.ConsumerStatus{
		State:      h.state,
		Handled:    h.Handled.Load(),
		Duplicates: h.Duplicates.Load(),
		Healed:     h.Healed.Load(),
		Retries:    h.Retries.Load(),
		Expired:    h.Expired.Load(),
		Reconciled: h.Reconciled.Load(),
		Foreign:    h.Foreign.Load(),
		Holder:     h.holder,
	}
	if h.rebuild != nil {
		rebuild := *h.rebuild
		status.Rebuild = &rebuild
	}
	worst := cmp.Or(h.stop, h.loop)
	for _, stuck := range h.stuck {
		if stuck.Attempts >= h.failAfter && (worst == nil || stuck.Since.Before(worst.Since)) {
			worst = stuck
		}
	}
	if worst != nil {
		told := *worst
		status.Failure = &told
		if status.State == ports.ConsumerRunning || status.State == ports.ConsumerCatchingUp {
			status.State = ports.ConsumerFailing
		}
	}
	return status
}
