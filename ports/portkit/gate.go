package portkit

import (
	"sync"
	"sync/atomic"
)

// Gate lets calls in until it is shut. Then it can wait for those that are still inside. The zero Gate is open.
//
// A call must not enter twice: a second Enter inside of the first one can wait for ever when somebody drains the gate.
type Gate struct {
	shut atomic.Bool
	// inside is read-locked by each call that is inside.
	inside sync.RWMutex
}

// Enter returns false when the gate is shut. After true, the caller must call Leave.
func (g *Gate) Enter() bool {
	if g.shut.Load() {
		return false
	}
	g.inside.RLock()
	if g.shut.Load() {
		g.inside.RUnlock()
		return false
	}
	return true
}

// Leave ends a call that Enter let in.
func (g *Gate) Leave() { g.inside.RUnlock() }

// Shut lets no further call in. It does not wait for those that are inside. Shutting again does nothing.
func (g *Gate) Shut() { g.shut.Store(true) }

// Drain shuts the gate and waits until no call is inside.
func (g *Gate) Drain() {
	g.Shut()
	g.inside.Lock()
	defer g.inside.Unlock()
}
