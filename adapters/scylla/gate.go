package scylla

import "sync"

// gate lets calls in until it is shut, and then waits for those that are inside.
type gate struct {
	mu   sync.RWMutex // read-locked by each call that is inside
	shut bool
}

// enter returns false when the gate is shut. After true, the caller must leave.
func (g *gate) enter() bool {
	g.mu.RLock()
	if g.shut {
		g.mu.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.mu.RUnlock() }

// close waits until nobody is inside and lets nobody in any more.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}
