package keep

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"orderflow/bootstrap/cli/shell"
)

// meterPause is the time between two lines of progress where there is no terminal.
const meterPause = 10 * time.Second

// meter shows how many events were moved, and how fast: a bar on a terminal, a line now and then
// elsewhere. add is safe for concurrent use.
type meter struct {
	out   io.Writer
	what  string
	begun time.Time
	count atomic.Int64
	due   atomic.Int64 // when the next line is due, in nanoseconds after begun
	bar   *progressbar.ProgressBar
}

func newMeter(out io.Writer, what string) *meter {
	m := &meter{out: out, what: what, begun: time.Now()}
	m.due.Store(int64(meterPause))
	if shell.IsTerminal(out) {
		m.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return m
}

func (m *meter) add(events int) {
	n := m.count.Add(int64(events))
	if m.bar != nil {
		_ = m.bar.Add(events) // an error of the progress bar does not stop the command
		return
	}
	if n/256 == (n-int64(events))/256 {
		return // the clock is asked now and then only
	}
	due, now := m.due.Load(), int64(time.Since(m.begun))
	if now >= due && m.due.CompareAndSwap(due, now+int64(meterPause)) {
		fmt.Fprintf(m.out, "%s: %d events, %.0f events/s\n", m.what, n, float64(n)/time.Duration(now).Seconds())
	}
}

// end removes the bar. It may be called twice.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}
