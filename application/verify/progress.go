package verify

import (
	"sync"
	"sync/atomic"
	"time"

	"orderflow/ports"
)

// progress says how far a verification is. Its methods are safe for concurrent use.
type progress struct {
	// report, unless it is nil, is called at the beginning of a phase and now and then during it.
	report func(ports.VerifyProgress)
	done   atomic.Uint64

	mu     sync.Mutex
	status ports.VerifyProgress
}

// reportEvery is how many units of work are between two reports.
const reportEvery = 1024

func newProgress(report func(ports.VerifyProgress)) *progress {
	return &progress{report: report, status: ports.VerifyProgress{Running: true, StartedAt: time.Now()}}
}

// begin begins a phase. total is 0 when it is not known how much there is to do.
func (p *progress) begin(phase ports.VerifyPhase, total uint64) {
	p.mu.Lock()
	p.status.Phase, p.status.Total, p.status.PhaseStartedAt = phase, total, time.Now()
	p.done.Store(0)
	p.mu.Unlock()
	p.tell()
}

// add counts work as done.
func (p *progress) add(n int) {
	done := p.done.Add(uint64(n))                                  //nolint:gosec // it is not negative
	if done/reportEvery != (done-uint64(n))/reportEvery && n > 0 { //nolint:gosec // it is not negative
		p.tell()
	}
}

func (p *progress) end() {
	p.mu.Lock()
	p.status.Running, p.status.EndedAt = false, time.Now()
	p.mu.Unlock()
	p.tell()
}

func (p *progress) tell() {
	if p.report != nil {
		p.report(p.now())
	}
}

// now returns how far the verification is.
func (p *progress) now() ports.VerifyProgress {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := p.status
	status.Done = p.done.Load()
	// While orders are written, there may be more than was counted.
	if status.Total > 0 {
		status.Total = max(status.Total, status.Done)
	}
	return status
}
