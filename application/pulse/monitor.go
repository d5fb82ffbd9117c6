package pulse

import (
	"cmp"
	"sync"
	"time"
)

// MonitorConfig configures a [Monitor]. Zero values mean the defaults.
type MonitorConfig struct {
	// Interval is the interval of the pacemaker. The default is [DefaultInterval].
	Interval time.Duration
	// Allowance is how long a heartbeat may take from the pacemaker to its end in a healthy, idle
	// system. The default is one interval.
	Allowance time.Duration
	// Now is the clock for the time that consumers wait. The default is time.Now.
	Now func() time.Time
}

// Monitor keeps the latest heartbeats of each consumer.
type Monitor struct {
	config MonitorConfig

	mu        sync.Mutex
	consumers map[string]*track
}

// track is one consumer, from its first wait until it stops.
type track struct {
	// waiting is when it began to wait for a delivery. It is zero while the consumer does not wait.
	waiting time.Time
	// arrived and passed are the latest heartbeats that arrived and that passed. They are zero
	// before the first.
	arrived, passed time.Time
}

// NewMonitor returns a monitor that has no consumers yet.
func NewMonitor(config MonitorConfig) *Monitor {
	config.Interval = cmp.Or(config.Interval, DefaultInterval)
	config.Allowance = cmp.Or(config.Allowance, config.Interval)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Monitor{config: config, consumers: map[string]*track{}}
}

// Waiting says that the consumer's loop calls Next, or calls it again after an error. A call for a
// consumer that already waits changes nothing. So a reader that returns errors all the time does
// not seem alive.
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

// Arrived says that Next has returned the heartbeat that was sent at a time.
func (m *Monitor) Arrived(consumer string, at time.Time) {
	m.change(consumer, func(t *track) { t.waiting, t.arrived = time.Time{}, later(t.arrived, at) })
}

// Passed says that everything before the heartbeat of a time has had its effect. The calls may come
// in any order.
func (m *Monitor) Passed(consumer string, at time.Time) {
	m.change(consumer, func(t *track) { t.passed = later(t.passed, at) })
}

// Stopped says that the consumer's loop has ended. Until the consumer waits again, nothing is known
// about it, and late reports about it are ignored.
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

// Age returns an upper bound for the age of the oldest event that the consumer has not handled. It
// is 0 while the last heartbeat that passed is recent enough, and otherwise the age of that
// heartbeat. It is not known until a heartbeat has passed since the consumer's loop began.
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

// Silent reports whether the consumer has waited for a delivery for longer than two heartbeats
// take. Then its reader is dead or stuck, or no heartbeats are sent.
func (m *Monitor) Silent(consumer string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.consumers[consumer]
	return t != nil && !t.waiting.IsZero() && now.Sub(t.waiting) > 2*m.config.Interval+m.config.Allowance
}

// Last returns the latest heartbeats of the consumer that have arrived and that have passed. They
// are zero where there is none.
func (m *Monitor) Last(consumer string) (arrived, passed time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.consumers[consumer]; t != nil {
		arrived, passed = t.arrived, t.passed
	}
	return arrived, passed
}
