package fault_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/tests/fault/plan"
)

// slot is a place where one process after the other runs.
type slot struct {
	running atomic.Pointer[process]

	mu      sync.Mutex
	program plan.Program
}

// become makes the next process of the slot run a program.
func (s *slot) become(program plan.Program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.program = program
}

func (s *slot) next() plan.Program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.program
}

// supervise keeps one process running. A process that was not killed must not end before it is
// stopped. Only a start may fail, because of the faults.
func (c *cluster) supervise(ctx context.Context, i int) {
	for life := 1; !c.stopping.Load() && ctx.Err() == nil; life++ {
		p, serving := newProcess(ctx, fmt.Sprintf("process %d.%d", i, life), c.slots[i].next())
		c.slots[i].running.Store(p)
		var err error
		c.left.Go(func() { // the rest of a dead process must not delay others
			defer close(p.ended)
			err = c.serve(serving, p)
			c.gone(p)
		})
		select {
		case <-p.dead:
			c.kills.Add(1)
			c.changed()
			continue
		case <-p.ended:
		}
		select {
		case <-p.ready:
			if err != nil || !c.stopping.Load() && !p.replaced.Load() && ctx.Err() == nil {
				c.violated("P2", "%s ended by itself: %v", p.name, err)
			}
		case <-time.After(50 * time.Millisecond): // as a program that restarts services does
			c.log.Warn("start failed", "process", p.name, "error", err)
		}
	}
}

// gone keeps the counters of a process.
func (c *cluster) gone(p *process) {
	c.mu.Lock()
	c.counted.add(p)
	c.mu.Unlock()
	c.changed()
}

// changed wakes those who wait for a process.
func (c *cluster) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.change)
	c.change = make(chan struct{})
}

// pick returns a process that accepts commands, the preferred one if it does.
func (c *cluster) pick(ctx context.Context, preferred int) (*process, error) {
	for {
		c.mu.Lock()
		change := c.change
		c.mu.Unlock()
		for i := range plan.Processes {
			if p := c.slots[(preferred+i)%plan.Processes].running.Load(); p != nil && p.acceptsCommands() {
				return p, nil
			}
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// pickOf returns the process of a slot once it accepts commands.
func (c *cluster) pickOf(ctx context.Context, slot int) (*process, error) {
	for {
		c.mu.Lock()
		change := c.change
		c.mu.Unlock()
		if p := c.slots[slot].running.Load(); p != nil && p.acceptsCommands() {
			return p, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// kill ends a process without any of what a process does at its end.
func (c *cluster) kill(process int) {
	c.each(process, func(s *slot) {
		if p := s.running.Load(); p != nil {
			p.kill()
		}
	})
}

// replace stops processes in order. Other programs start in their place.
func (c *cluster) replace(step plan.Step) {
	c.each(step.Process, func(s *slot) {
		program := s.next()
		switch step.Version {
		case plan.Older:
			program.Newer = false
		case plan.Newer:
			program.Newer = true
		}
		if step.Target != 0 {
			program.Target = min(step.Target, c.schedule.Targets)
		}
		s.replace(program)
	})
}

// replace stops the process of a slot in order. A program starts in its place.
func (s *slot) replace(program plan.Program) {
	s.become(program)
	if p := s.running.Load(); p != nil {
		p.replaced.Store(true)
		p.stop()
	}
}

// each does something to one slot, or to all.
func (c *cluster) each(process int, do func(*slot)) {
	for i := range c.slots {
		if process == i || process == plan.AllProcesses {
			do(&c.slots[i])
		}
	}
}
