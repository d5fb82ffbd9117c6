package source

import "sync"

// claim is one partition as long as the member has it without interruption.
type claim struct {
	// fetched is the offset after the polled messages. It belongs to the goroutine that polls.
	fetched int64

	mu sync.Mutex
	// delivered is the offset after the last message that Next returned. passed is the offset after
	// the messages behind it that are no events. mark is the offset after what is committed. 0
	// means none.
	delivered, passed, mark int64
	// saved is the mark that the group's coordinator knows.
	saved int64
	// lost is set when nothing more may be delivered. settled is then closed when everything that
	// was delivered has been committed.
	lost    bool
	settled chan struct{}
}

func newClaim() *claim { return &claim{settled: make(chan struct{})} }

// take marks a message as the last one that was delivered, unless the partition is lost.
func (c *claim) take(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return false
	}
	c.delivered, c.passed = offset+1, offset+1
	return true
}

// pass skips a message that is not delivered, and reports whether that moved the mark.
func (c *claim) pass(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return false
	}
	c.passed = offset + 1
	if c.mark < c.delivered {
		return false
	}
	c.mark = c.passed
	return true
}

// handled commits the messages up to offset, and reports whether that moved the mark. It does
// nothing for a message that was not delivered since the member has the partition. In that case the
// member had it before, and lost it in between.
func (c *claim) handled(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset >= c.delivered || offset < c.mark {
		return false
	}
	if c.mark = offset + 1; c.mark == c.delivered {
		c.mark = c.passed
	}
	c.settle()
	return true
}

// lose ends the deliveries. The channel is closed when all of them have been committed.
func (c *claim) lose() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	c.settle()
	return c.settled
}

func (c *claim) settle() {
	if !c.lost || c.mark < c.delivered {
		return
	}
	select {
	case <-c.settled:
	default:
		close(c.settled)
	}
}

// unsaved returns the mark if the coordinator does not have it.
func (c *claim) unsaved() (mark int64, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mark, c.mark > c.saved
}

func (c *claim) setSaved(mark int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = max(c.saved, mark)
}
