package progress

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"
)

const (
	// redraw is the time between two pictures on a terminal.
	redraw = 200 * time.Millisecond
	// pause is the time between two lines elsewhere.
	pause = 10 * time.Second
	// window is how long the rate looks back. A rate since the beginning would hide a stop.
	window = 30 * time.Second
	// soon is how long nothing has to move before the rate is shown as 0, because work that a
	// service does is looked at now and then only.
	soon = 5 * time.Second
	// barWidth is the number of columns of a bar.
	barWidth = 20
)

// Bytes is the unit of work that is counted in bytes. It is shown in MB.
const Bytes = "bytes"

// Output is where a Meter draws.
type Output struct {
	io.Writer
	// Columns is the width of the terminal. 0 means that it is no terminal.
	Columns int
}

// Meter shows how far one piece of work is, from its start until it is stopped. It is safe for
// concurrent use.
type Meter struct {
	out     Output
	stopped chan struct{}
	once    sync.Once
	drawing sync.WaitGroup

	mu          sync.Mutex
	what, unit  string
	begun       time.Time
	done, total uint64
	note        string
	samples     []sample
}

// sample is how much was done at a moment.
type sample struct {
	at   time.Time
	done uint64
}

// Start returns the Meter of a piece of work, such as "exporting", that is counted in a unit, such
// as "events". Stop ends it.
func Start(out Output, what, unit string) *Meter {
	m := &Meter{out: out, stopped: make(chan struct{})}
	m.Phase(what, unit)
	m.drawing.Go(m.draw)
	return m
}

// Phase begins another part of the work, with nothing done. It does nothing when this part has
// begun already.
func (m *Meter) Phase(what, unit string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.what == what && m.unit == unit {
		return
	}
	m.what, m.unit, m.begun = what, unit, time.Now()
	m.done, m.total, m.note = 0, 0, ""
	m.samples = []sample{{m.begun, 0}}
}

// Add says that so much more is done.
func (m *Meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += uint64(n)
}

// Set says how much is done, and how much there is to do. A total of 0 is not known.
func (m *Meter) Set(done, total uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == 0 && m.total == 0 || done < m.done {
		m.samples = []sample{{time.Now(), done}} // what was done before has no rate
	}
	m.done, m.total = done, total
}

// Note adds a text to what is shown in this phase.
func (m *Meter) Note(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note = text
}

// Stop removes the bar and returns when nothing more is drawn. Calling it twice is safe.
func (m *Meter) Stop() {
	m.once.Do(func() { close(m.stopped) })
	m.drawing.Wait()
}

func (m *Meter) draw() {
	every := pause
	if m.out.Columns > 0 {
		every = redraw
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	drawn := false
	for {
		select {
		case <-ticker.C:
			drawn = true
			if m.out.Columns > 0 {
				m.write("\r" + cut(m.text(time.Now(), true), m.out.Columns-1) + "\x1b[K")
			} else {
				m.write(m.text(time.Now(), false) + "\n")
			}
		case <-m.stopped:
			if drawn && m.out.Columns > 0 {
				m.write("\r\x1b[K")
			}
			return
		}
	}
}

func (m *Meter) write(text string) {
	_, _ = io.WriteString(m.out, text) // the work goes on without its picture
}

// text returns what is shown at a moment.
func (m *Meter) text(now time.Time, bar bool) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	rate, known := m.rate(now)
	var parts []string
	text := m.what + ": "
	if m.total > 0 {
		part := min(1, float64(m.done)/float64(m.total))
		if bar {
			full := int(part * barWidth)
			text += "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] "
		}
		parts = append(parts, fmt.Sprintf("%d%%, %s of %s", int(part*100), m.amount(m.done, false), m.amount(m.total, true)))
	} else if m.done > 0 {
		parts = append(parts, m.amount(m.done, true))
	}
	if known {
		parts = append(parts, m.perSecond(rate))
	}
	if left := float64(m.total) - float64(m.done); m.total > 0 && left > 0 && rate > 0 {
		parts = append(parts, rounded(time.Duration(min(left/rate, math.MaxInt32)*float64(time.Second)))+" left")
	} else {
		parts = append(parts, rounded(now.Sub(m.begun)))
	}
	if m.note != "" {
		parts = append(parts, m.note)
	}
	return text + strings.Join(parts, ", ")
}

// rate returns how much is done a second, if that is known already.
func (m *Meter) rate(now time.Time) (perSecond float64, known bool) {
	m.samples = append(m.samples, sample{now, m.done})
	for len(m.samples) > 2 && now.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
	first := m.samples[0]
	if took := now.Sub(first.at).Seconds(); took > 0 && m.done > first.done {
		return float64(m.done-first.done) / took, true
	}
	return 0, m.done > 0 && now.Sub(first.at) > soon
}

func (m *Meter) amount(n uint64, unit bool) string {
	text := fmt.Sprint(n)
	name := m.unit
	if m.unit == Bytes {
		text, name = fmt.Sprintf("%.1f", float64(n)/1e6), "MB"
	}
	if unit && name != "" {
		return text + " " + name
	}
	return text
}

func (m *Meter) perSecond(rate float64) string {
	if m.unit == Bytes {
		return fmt.Sprintf("%.1f MB/s", rate/1e6)
	}
	return fmt.Sprintf("%.0f/s", rate)
}

func rounded(d time.Duration) string { return d.Round(time.Second).String() }

// cut shortens a text to a number of columns.
func cut(text string, columns int) string {
	runes := []rune(text)
	if len(runes) <= columns {
		return text
	}
	return string(runes[:max(0, columns-1)]) + "…"
}
