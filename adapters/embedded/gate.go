package embedded

import (
	"sync"
	"sync/atomic"
)

// gate lets calls in until it is shut, and then waits for those that are inside.
type gate struct {
	shut atomic.Bool
	mu   sync.RWMutex // read-locked by each call that is inside
}

// enter returns false when the gate is shut. After true, the caller must leave.
func (g *gate) enter() bool {
	if g.shut.Load() {
		return false
	}
	g.mu.RLock()
	if g.shut.Load() {
		g.mu.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.mu.RUnlock() }

// close shuts the gate and lets nobody in any more, without waiting for those inside.
func (g *gate) close() { g.shut.Store(true) }

// drain waits until nobody is inside. The gate must be closed.
func (g *gate) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
}
