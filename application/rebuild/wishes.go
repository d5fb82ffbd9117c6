package rebuild

import (
	"sync"

	"orderflow/ports"
)

// Wishes carry what people ask for to the [Builder]. They do not survive a restart: after one, a
// rebuild continues with verification and without a limit. They are safe for concurrent use.
type Wishes struct {
	mu      sync.Mutex
	request ports.RebuildRequest
	// again makes a builder that was refused start again.
	again chan struct{}
}

// NewWishes returns Wishes for a rebuild without anything special.
func NewWishes() *Wishes { return &Wishes{again: make(chan struct{}, 1)} }

// Wish asks for a rebuild, or for another try of one that was refused.
func (w *Wishes) Wish(request ports.RebuildRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.request = request
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// wished returns what was asked for last, and takes the wish for answered.
func (w *Wishes) wished() ports.RebuildRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.again:
	default:
	}
	return w.request
}
