package portkit

import (
	"sync"
	"sync/atomic"
)

// Gate lets calls in until it is shut. Then it can wait for the calls that are still inside. The
// zero Gate is open.
//
// A call must not enter twice. A second Enter inside the first one can wait for ever while another
// goroutine drains the gate.
type Gate struct {
	shut atomic.Bool
	// Each call that is inside holds a read lock of inside.
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

// Shut lets no more calls in. It does not wait for the calls that are inside. It may be called
// again.
func (g *Gate) Shut() { g.shut.Store(true) }

// Drain shuts the gate and waits until no call is inside.
func (g *Gate) Drain() {
	g.Shut()
	g.inside.Lock()
	defer g.inside.Unlock()
}
