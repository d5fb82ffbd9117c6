package fanout

import (
	"errors"
	"sync"
)

// worker makes the calls of Handle of one lane, all from one goroutine. Watermill starts a
// goroutine for each message. It begins with a small stack, and to grow the stack for each message
// took a quarter of all CPU time. Two switches between goroutines cost less.
type worker struct {
	calling sync.Mutex // held during a call
	calls   chan func() error
	results chan error
	ended   chan struct{} // closed by stop
}

func newWorker() worker {
	return worker{calls: make(chan func() error), results: make(chan error, 1), ended: make(chan struct{})}
}

var (
	errNoAnswer = errors.New("the goroutine of the handler was ended from inside")
	errEnded    = errors.New("the lane has ended")
)

// run makes calls until stop is called. When a call ends the goroutine, another one takes its place
// in group.
func (w *worker) run(group *sync.WaitGroup) {
	answered := true
	defer func() {
		if !answered { // runtime.Goexit
			w.results <- errNoAnswer
			group.Go(func() { w.run(group) })
		}
	}()
	for {
		select {
		case f := <-w.calls:
			answered = false
			err := protect(f)
			answered = true
			w.results <- err
		case <-w.ended:
			return
		}
	}
}

// call lets the worker call f, and returns its error. It turns a panic into an error.
func (w *worker) call(f func() error) error {
	w.calling.Lock()
	defer w.calling.Unlock()
	select {
	case w.calls <- f:
		return <-w.results
	case <-w.ended:
		return errEnded
	}
}

// stop ends the worker. No call may be in progress.
func (w *worker) stop() { close(w.ended) }
