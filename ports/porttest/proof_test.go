// The tests of this package test the suites: each scenario runs on adapters that are broken on
// purpose and must detect it. They are in the same package because the failure of a scenario must
// be caught before it fails the test.
package porttest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/adapters/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// proof is an adapter that is broken on purpose, and what a scenario must report about it.
type proof[H harness] struct {
	// broken says what is wrong with the adapter.
	broken string
	// scenario is the name of the scenario that must detect it. says is a part of its report.
	scenario, says string
	// adapter breaks a correct store.
	adapter func(s *memory.Store) H
	// hangs marks an adapter that is detected by a timeout.
	hangs bool
}

// prove runs every proof. Each scenario must have at least one, and must accept a correct adapter.
func prove[H harness](t *testing.T, scenarios []scenario[H], sound func(*memory.Store) H, proofs []proof[H]) {
	t.Helper()
	byName := map[string]scenario[H]{}
	proved := map[string]bool{}
	for _, s := range scenarios {
		byName[s.name] = s
		t.Run("sound/"+s.name, func(t *testing.T) {
			t.Parallel()
			if rec := observe(t, sound(memory.New(memory.Options{})), s); rec.failed {
				t.Fatalf("a sound adapter is refused: %s", rec.said)
			}
		})
	}
	for _, p := range proofs {
		s, known := byName[p.scenario]
		if !known {
			t.Errorf("%s: there is no scenario %q", p.broken, p.scenario)
			continue
		}
		proved[p.scenario] = true
		observed := make(chan *recorder, 1)
		run := func() { observed <- observe(t, p.adapter(memory.New(memory.Options{})), s) }
		if p.hangs { // these only wait, so they run at the same time
			s = impatient(s)
			go run()
			run = func() {}
		}
		t.Run("broken/"+p.scenario+"/"+p.broken, func(t *testing.T) {
			t.Parallel()
			run()
			rec := <-observed
			if !rec.failed {
				t.Fatalf("an adapter that %s is accepted", p.broken)
			}
			if said := strings.Join(rec.said, "\n"); !strings.Contains(said, p.says) {
				t.Fatalf("the report does not say %q: %s", p.says, said)
			}
		})
	}
	for _, s := range scenarios {
		if !proved[s.name] {
			t.Errorf("nothing shows that this scenario can fail: %s", s.name)
		}
	}
}

// impatient returns s with shorter waits.
func impatient[H harness](s scenario[H]) scenario[H] {
	run := s.run
	s.run = func(t test, h H) {
		t.Wait = 2 * time.Second
		run(t, h)
	}
	return s
}

// observe runs a scenario and catches its failure.
func observe[H harness](t *testing.T, h H, s scenario[H]) *recorder {
	t.Helper()
	rec := &recorder{TB: t}
	run := s.run
	s.run = func(t test, h H) {
		t.Backlog = 200
		run(t, h)
	}
	rec.in(func() { runScenario(rec, h, s) })
	for len(rec.cleanups) > 0 {
		last := len(rec.cleanups) - 1
		cleanup := rec.cleanups[last]
		rec.cleanups = rec.cleanups[:last]
		rec.in(cleanup)
	}
	return rec
}

// recorder is a testing.TB whose failures are recorded. Other methods go to the test that observes.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	failed   bool
	said     []string
	cleanups []func()
}

// in calls f in a goroutine that FailNow can end.
func (r *recorder) in(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (r *recorder) say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, text)
}

func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Log(args ...any)  { r.say(fmt.Sprint(args...)) }
func (r *recorder) Error(args ...any) {
	r.Log(args...)
	r.Fail()
}

func (r *recorder) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}
func (r *recorder) Logf(format string, args ...any) { r.say(fmt.Sprintf(format, args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.Fail()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Logf(format, args...)
	r.FailNow()
}
