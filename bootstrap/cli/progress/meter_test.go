package progress_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/bootstrap/cli/progress"
)

// screen is an output that a test reads while a Meter draws.
type screen struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *screen) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Reset()
}

// picture returns what is on the line of a terminal.
func picture(out *screen) string {
	text := out.String()
	return strings.TrimSuffix(text[strings.LastIndex(text, "\r")+1:], "\x1b[K")
}

func TestMeter_onATerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := progress.Start(progress.Output{Writer: &out, Columns: 100}, "folding", "orders")
		at := func(seconds float64, want string) {
			t.Helper()
			time.Sleep(time.Duration(seconds*float64(time.Second)) + time.Millisecond)
			synctest.Wait()
			if got := picture(&out); got != want {
				t.Errorf("it shows %q, want %q", got, want)
			}
		}
		at(1, "folding: 1s")
		m.Set(100, 1000)
		at(1, "folding: [##..................] 10%, 100 of 1000 orders, 2s")
		m.Set(300, 1000)
		at(1, "folding: [######..............] 30%, 300 of 1000 orders, 100/s, 7s left")
		// the rate looks back half a minute, so a stop is seen
		at(60, "folding: [######..............] 30%, 300 of 1000 orders, 0/s, 1m3s")
		m.Note("makes no progress: the disk is full")
		at(0.2, "folding: [######..............] 30%, 300 of 1000 orders, 0/s, 1m3s, makes no progress: the disk is…")
		m.Phase("comparing", "orders")
		at(0.2, "comparing: 0s")
		m.Add(5)
		m.Add(5)
		m.Phase("comparing", "orders") // it goes on
		at(1.6, "comparing: 10 orders, 6/s, 2s")
		m.Stop()
		m.Stop()
		if got := picture(&out); got != "" {
			t.Errorf("it leaves %q", got)
		}
		if strings.Contains(out.String(), "\n") {
			t.Error("the bar goes to another line")
		}
	})
}

// Where there is no terminal, no ten seconds pass without a line, also when nothing moves.
func TestMeter_elsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := progress.Start(progress.Output{Writer: &out}, "importing", progress.Bytes)
		for _, want := range []string{
			"importing: 10s\n",
			"importing: 25%, 50.0 of 200.0 MB, 2.5 MB/s, 1m0s left\n",
			"importing: 25%, 50.0 of 200.0 MB, 1.7 MB/s, 1m30s left\n",
			"importing: 100%, 200.0 of 200.0 MB, 6.7 MB/s, 40s\n",
		} {
			time.Sleep(10*time.Second + time.Millisecond)
			synctest.Wait()
			if got := out.String(); got != want {
				t.Errorf("it prints %q, want %q", got, want)
			}
			out.Reset()
			switch {
			case strings.HasSuffix(want, " 10s\n"):
				m.Add(50_000_000)
				m.Set(50_000_000, 200_000_000)
			case strings.Contains(want, "1m30s"):
				m.Set(200_000_000, 200_000_000)
			}
		}
		m.Stop()
		if out.String() != "" {
			t.Errorf("it prints %q at its end", &out)
		}
	})
}

// Work that is over at once shows nothing.
func TestMeter_short(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, columns := range []int{0, 80} {
			var out screen
			m := progress.Start(progress.Output{Writer: &out, Columns: columns}, "exporting", "events")
			m.Add(7)
			time.Sleep(100 * time.Millisecond)
			m.Stop()
			if out.String() != "" {
				t.Errorf("it prints %q", &out)
			}
		}
	})
}

// A terminal that is narrow shows the beginning, in one line.
func TestMeter_narrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := progress.Start(progress.Output{Writer: &out, Columns: 30}, "waiting for the consumers", "events")
		m.Set(1, 100)
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		if got := picture(&out); len([]rune(got)) != 29 || !strings.HasSuffix(got, "…") {
			t.Errorf("it shows %q", got)
		}
		m.Stop()
	})
}
