package rebuild

import (
	"sync"

	"orderflow/ports"
)

// Wishes carry the requests of operators to the [Builder]. They do not survive a restart: after
// one, a rebuild continues with verification and without a limit. They are safe for concurrent use.
type Wishes struct {
	mu      sync.Mutex
	request ports.RebuildRequest
	// again makes a builder that was refused start again.
	again chan struct{}
}

// NewWishes returns Wishes for a rebuild with verification and without a limit.
func NewWishes() *Wishes { return &Wishes{again: make(chan struct{}, 1)} }

// Wish requests a rebuild, or another try of a rebuild that was refused.
func (w *Wishes) Wish(request ports.RebuildRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.request = request
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// wished returns the last request, and counts an outstanding one as answered.
func (w *Wishes) wished() ports.RebuildRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.again:
	default:
	}
	return w.request
}
