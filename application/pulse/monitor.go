package pulse

import (
	"cmp"
	"sync"
	"time"
)

// MonitorConfig is what a [Monitor] judges by. Zero values mean the defaults.
type MonitorConfig struct {
	// Interval is that of the pacemaker; default [DefaultInterval].
	Interval time.Duration
	// Allowance is how long a heartbeat may take from the pacemaker through everything before it in a healthy system that is
	// idle; default one interval.
	Allowance time.Duration
	// Now is the clock that waiting is measured by; default time.Now.
	Now func() time.Time
}

// Monitor knows where the heartbeats of each consumer are.
type Monitor struct {
	config MonitorConfig

	mu        sync.Mutex
	consumers map[string]*track
}

// track is one consumer, from when it first waits until it stops.
type track struct {
	// waiting is since when it has been waiting for a delivery; zero while it is not.
	waiting time.Time
	// arrived and passed are the latest heartbeats that did; zero before.
	arrived, passed time.Time
}

// NewMonitor returns a monitor that knows no consumer yet.
func NewMonitor(config MonitorConfig) *Monitor {
	config.Interval = cmp.Or(config.Interval, DefaultInterval)
	config.Allowance = cmp.Or(config.Allowance, config.Interval)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Monitor{config: config, consumers: map[string]*track{}}
}

// Waiting says that the consumer's loop calls Next, or calls it again after an error. A call while it waits already changes nothing,
// so a reader that returns errors all the time does not seem alive.
func (m *Monitor) Waiting(consumer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.consumers[consumer]
	if t == nil {
		t = &track{}
		m.consumers[consumer] = t
	}
	if t.waiting.IsZero() {
		t.waiting = m.config.Now()
	}
}

// Delivered says that Next has returned an event.
func (m *Monitor) Delivered(consumer string) {
	m.change(consumer, func(t *track) { t.waiting = time.Time{} })
}

// Arrived says that Next has returned the heartbeat of a time.
func (m *Monitor) Arrived(consumer string, at time.Time) {
	m.change(consumer, func(t *track) { t.waiting, t.arrived = time.Time{}, later(t.arrived, at) })
}

// Passed says that everything that came before the heartbeat of a time has had its effect. Calls may come in any order.
func (m *Monitor) Passed(consumer string, at time.Time) {
	m.change(consumer, func(t *track) { t.passed = later(t.passed, at) })
}

// Stopped says that the consumer's loop has ended. Until it waits again, nothing is known about the consumer, and nothing that
// is still said about it counts.
func (m *Monitor) Stopped(consumer string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.consumers, consumer)
}

func (m *Monitor) change(consumer string, change func(*track)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.consumers[consumer]; t != nil {
		change(t)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Age returns how old what the consumer has not handled may be: 0 while a heartbeat passed recently enough, else the age of the
// last one that did. It is not known before the first one has passed since the consumer's loop began.
func (m *Monitor) Age(consumer string, now time.Time) (age time.Duration, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.consumers[consumer]
	if t == nil || t.passed.IsZero() {
		return 0, false
	}
	if age = now.Sub(t.passed); age <= m.config.Interval+m.config.Allowance {
		return 0, true
	}
	return age, true
}

// Silent tells whether the consumer has been waiting for a delivery for longer than two heartbeats take: its reader is dead or stuck,
// or nobody sends heartbeats.
func (m *Monitor) Silent(consumer string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.consumers[consumer]
	return t != nil && !t.waiting.IsZero() && now.Sub(t.waiting) > 2*m.config.Interval+m.config.Allowance
}

// Last returns the latest heartbeats of the consumer that have arrived and that have passed; zero where there is none.
func (m *Monitor) Last(consumer string) (arrived, passed time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.consumers[consumer]; t != nil {
		arrived, passed = t.arrived, t.passed
	}
	return arrived, passed
}
