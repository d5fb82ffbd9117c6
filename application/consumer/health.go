package consumer

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// health is what a consumer knows about itself.
type health struct {
	now       func() time.Time
	failAfter int

	handled, duplicates, healed, retries, expired, reconciled atomic.Uint64

	mu    sync.Mutex
	state ports.ConsumerState
	// wasExpired says why the consumer has to catch up.
	wasExpired bool
	holder     ports.LeaseOwner
	rebuild    *ports.RebuildStatus
	// stuck holds the orders that failed at least once and have not succeeded since, loop the error of the loop itself, stop
	// why the consumer has stopped itself.
	stuck      map[uuid.UUID]*ports.ConsumerFailure
	loop, stop *ports.ConsumerFailure
}

func newHealth(config Config) health {
	return health{now: config.Now, failAfter: config.FailAfter, state: ports.ConsumerStopped}
}

func (h *health) set(state ports.ConsumerState) {
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

// standby notes that another process works as the consumer.
func (h *health) standby(holder ports.LeaseOwner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.holder, h.loop = ports.ConsumerStandby, holder, nil
	clear(h.stuck)
}

// expire notes that the offset was too old; catchingUp that the event store is read.
func (h *health) expire() {
	h.expired.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wasExpired, h.state = true, ports.ConsumerExpired
}

func (h *health) catchingUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = ports.ConsumerCatchingUp
	if h.wasExpired {
		h.state = ports.ConsumerExpired
	}
}

// halt notes that the consumer must not go on until somebody has looked.
func (h *health) halt(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop == nil {
		h.stop = &ports.ConsumerFailure{Since: h.now(), Attempts: 1, Kind: kindOf(err), Error: err.Error()}
	}
}

func (h *health) halted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stop != nil
}

// unhalt forgets why the consumer has stopped itself.
func (h *health) unhalt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop = nil
}

// rebuilds changes the status of the rebuild.
func (h *health) rebuilds(change func(*ports.RebuildStatus)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var status ports.RebuildStatus
	if h.rebuild != nil {
		status = *h.rebuild
	}
	change(&status)
	h.rebuild = &status
}

// since tells when an order failed first; zero when it does not fail.
func (h *health) since(aggregateID uuid.UUID) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if failure := h.stuck[aggregateID]; failure != nil {
		return eventsourcing.Timestamp(failure.Since)
	}
	return time.Time{}
}

// failed notes one more failed attempt, and reports whether it is the one that makes the order count as stuck.
func (h *health) failed(aggregateID uuid.UUID, sequence uint64, attempt int, err error) (newly bool) {
	h.retries.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	failure := h.stuck[aggregateID]
	if failure == nil {
		failure = &ports.ConsumerFailure{AggregateID: aggregateID, Since: h.now()}
		if h.stuck == nil {
			h.stuck = make(map[uuid.UUID]*ports.ConsumerFailure)
		}
		h.stuck[aggregateID] = failure
	}
	failure.SequenceNumber, failure.Kind, failure.Error, failure.Attempts = sequence, kindOf(err), err.Error(), attempt
	return attempt == h.failAfter
}

// recovered forgets the order's failure, and reports whether it counted as stuck.
func (h *health) recovered(aggregateID uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	failure := h.stuck[aggregateID]
	delete(h.stuck, aggregateID)
	return failure != nil && failure.Attempts >= h.failAfter
}

// restarting notes that the loop ended with err and will start again.
func (h *health) restarting(err error, attempt int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loop == nil {
		h.loop = &ports.ConsumerFailure{Since: h.now()}
	}
	h.loop.Kind, h.loop.Error, h.loop.Attempts = kindOf(err), err.Error(), attempt
	h.state = ports.ConsumerFailing
}

func (h *health) status() ports.ConsumerStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	status := ports.ConsumerStatus{
		State:      h.state,
		Handled:    h.handled.Load(),
		Duplicates: h.duplicates.Load(),
		Healed:     h.healed.Load(),
		Retries:    h.retries.Load(),
		Expired:    h.expired.Load(),
		Reconciled: h.reconciled.Load(),
		Holder:     h.holder,
	}
	if h.rebuild != nil {
		rebuild := *h.rebuild
		status.Rebuild = &rebuild
	}
	worst := cmp.Or(h.stop, h.loop)
	for _, failure := range h.stuck {
		if failure.Attempts >= h.failAfter && (worst == nil || failure.Since.Before(worst.Since)) {
			worst = failure
		}
	}
	if worst != nil {
		failure := *worst
		status.Failure = &failure
		if status.State == ports.ConsumerRunning || status.State == ports.ConsumerCatchingUp {
			status.State = ports.ConsumerFailing
		}
	}
	return status
}
