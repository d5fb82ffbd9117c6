package consumer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// health is what a consumer knows about itself.
type health struct {
	now       func() time.Time
	failAfter int

	handled, duplicates, healed, retries atomic.Uint64

	mu    sync.Mutex
	state ports.ConsumerState
	// stuck holds the orders that failed at least once and have not succeeded since, loop the error of the loop itself.
	stuck map[uuid.UUID]*ports.ConsumerFailure
	loop  *ports.ConsumerFailure
	// stopped is closed while Pull does not run after it has run; nil before.
	stopped chan struct{}
}

func newHealth(config Config) health {
	return health{now: config.Now, failAfter: config.FailAfter, state: ports.ConsumerStopped}
}

// started notes that Pull runs. The returned function notes that it does not any more.
func (h *health) started() (ended func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	stopped := make(chan struct{})
	h.stopped = stopped
	return func() {
		h.set(ports.ConsumerStopped)
		close(stopped)
	}
}

// stopping returns a channel that is closed when Pull has ended.
func (h *health) stopping() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopped
}

func (h *health) set(state ports.ConsumerState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = state
	if state == ports.ConsumerRunning {
		h.loop = nil
	}
}

// failed notes one more failed attempt, and reports whether it is the one that makes the order count as stuck.
func (h *health) failed(orderID uuid.UUID, sequence uint64, attempt int, err error) (newly bool) {
	h.retries.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	failure := h.stuck[orderID]
	if failure == nil {
		failure = &ports.ConsumerFailure{OrderID: orderID, Since: h.now()}
		if h.stuck == nil {
			h.stuck = make(map[uuid.UUID]*ports.ConsumerFailure)
		}
		h.stuck[orderID] = failure
	}
	failure.SequenceNumber, failure.Error, failure.Attempts = sequence, err.Error(), attempt
	return attempt == h.failAfter
}

// recovered forgets the order's failure, and reports whether it counted as stuck.
func (h *health) recovered(orderID uuid.UUID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	failure := h.stuck[orderID]
	delete(h.stuck, orderID)
	return failure != nil && failure.Attempts >= h.failAfter
}

// restarting notes that the loop ended with err and will start again.
func (h *health) restarting(err error, attempt int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loop == nil {
		h.loop = &ports.ConsumerFailure{Since: h.now()}
	}
	h.loop.Error, h.loop.Attempts = err.Error(), attempt
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
	}
	worst := h.loop
	for _, failure := range h.stuck {
		if failure.Attempts >= h.failAfter && (worst == nil || failure.Since.Before(worst.Since)) {
			worst = failure
		}
	}
	if worst != nil {
		failure := *worst
		status.Failure = &failure
		if status.State == ports.ConsumerRunning {
			status.State = ports.ConsumerFailing
		}
	}
	return status
}
