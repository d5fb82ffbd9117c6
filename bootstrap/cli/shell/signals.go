package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Signal is the cause of a context that a signal has ended.
type Signal struct{ syscall.Signal }

// Error returns the name of the signal.
func (s Signal) Error() string {
	switch s.Signal {
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGHUP:
		return "SIGHUP"
	default:
		return s.Signal.String()
	}
}

// status returns the exit status of a process that the signal has ended, as in shells.
func (s Signal) status() int { return 128 + int(s.Signal) }

// Signals handles the signals of this process. The context ends with the first SIGINT or SIGTERM,
// with a [Signal] as its cause. A second one ends the process at once. hangups gets every SIGHUP. A
// signal that was ignored when the process started stays ignored, as nohup needs it.
//
// From then on a write to a closed pipe is an error and does not end the process, so that a service
// outlives the reader of its output.
func Signals() (ctx context.Context, hangups <-chan os.Signal) {
	ends := make(chan os.Signal, 2)
	hup := make(chan os.Signal, 1)
	for sig, to := range map[syscall.Signal]chan os.Signal{
		syscall.SIGINT: ends, syscall.SIGTERM: ends, syscall.SIGHUP: hup,
	} {
		if !signal.Ignored(sig) {
			signal.Notify(to, sig)
		}
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return endWith(ends, os.Stderr, os.Exit), hup
}

// endWith returns a context that ends with the first of the signals. The second one calls exit.
func endWith(signals <-chan os.Signal, stderr io.Writer, exit func(status int)) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() { // runs as long as the process
		first := asSignal(<-signals)
		cancel(first)
		if IsTerminal(stderr) {
			fmt.Fprintf(stderr, "orderflow: %v: stopping; a second signal ends it at once\n", first)
		}
		second := asSignal(<-signals)
		fmt.Fprintf(stderr, "orderflow: %v again: ended at once; acknowledged events are kept\n", second)
		exit(second.status())
	}()
	return ctx
}

func asSignal(sig os.Signal) Signal {
	if number, ok := sig.(syscall.Signal); ok {
		return Signal{number}
	}
	return Signal{syscall.SIGTERM}
}

// errPipe is the cause of a context that has ended because the output was closed.
var errPipe = errors.New("the output is closed")

// ExitPipe is the exit status in that case, like that of a process that SIGPIPE has ended.
const ExitPipe = 128 + int(syscall.SIGPIPE)

// pipe is the output of a command. When it is closed the command ends.
type pipe struct {
	io.Writer
	gone context.CancelCauseFunc
}

// Write implements io.Writer.
func (p pipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.gone(errPipe)
	}
	return n, err
}

// Interruption is an error that says what an interrupt means for the work in progress.
type Interruption struct {
	// Means says what the interrupt means. Err is its cause.
	Means string
	Err   error
}

func (e *Interruption) Error() string { return e.Err.Error() + "; " + e.Means }
func (e *Interruption) Unwrap() error { return e.Err }
