// Package shell holds what all commands of the command line share: the process, the settings, the
// service that they use, and how they end. It also runs the service.
//
// The package has a little more than 1,500 lines. All of it is the one type that commands get,
// [Shell], and each file has one thing that it offers.
package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/settings"
)

// Exit statuses.
const (
	ExitOK    = 0
	ExitError = 1
	ExitUsage = 2
	ExitBad   = 3
	// ExitRefused is for an import that has refused some orders.
	ExitRefused = 4
)

// Process is the part of its process that a command uses.
type Process struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment, as a list of NAME=VALUE.
	Environ []string
	// Hangups gets a value for each SIGHUP. It may be nil.
	Hangups <-chan os.Signal
	// CollectGarbageAt, unless nil, says by how many percent the heap grows between two collections
	// of garbage.
	CollectGarbageAt func(percent int)
}

// Main runs the command line args, without the program's name, and returns the exit status. When
// ctx ends with a [Signal] as its cause, a tool ends with the status of that signal. serve ends
// with 0 after it has stopped in order.
func Main(ctx context.Context, args []string, process Process, root func(*Shell) *cobra.Command) int {
	ctx, cancel := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel(nil)
	sh := New(process)
	sh.Out = pipe{process.Out, cancel}
	sh.Err = &whole{Writer: process.Err}
	command := root(sh)
	command.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if NeedOf(cmd) != IsService {
			waiting.Go(func() { sh.endOnHangup(ctx, cancel) })
		}
		return sh.prepare(cmd)
	}
	command.SetArgs(args)
	ran, err := command.ExecuteContextC(ctx)
	return sh.conclude(ran.CommandPath(), err, context.Cause(ctx))
}

// endOnHangup ends a tool when its terminal is closed.
func (sh *Shell) endOnHangup(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case <-sh.Hangups:
		end(Signal{syscall.SIGHUP})
	case <-ctx.Done():
	}
}

// conclude prints how a command has ended and returns the exit status. cause says why its context
// has ended, if it has.
func (sh *Shell) conclude(command string, err, cause error) int {
	var bad *BadAnswer
	var usage *UsageError
	var logged *loggedError
	var sig Signal
	switch {
	case errors.Is(cause, errPipe):
		return ExitPipe
	case err == nil:
		return ExitOK
	case errors.As(err, &logged):
		return ExitError
	case errors.As(err, &bad):
		fmt.Fprintln(sh.Err, "orderflow:", err)
		return cmp.Or(bad.Status, ExitBad)
	case errors.As(err, &usage):
		text := sh.explainUsage(err)
		if !strings.HasPrefix(text, "orderflow") { // then it names the command already
			text = "orderflow: " + text
		}
		fmt.Fprintf(sh.Err, "%s\nTry '%s --help'.\n", text, command)
		return ExitUsage
	case errors.As(cause, &sig):
		text := fmt.Sprintf("interrupted by %v", sig)
		var meaning *Interruption
		if errors.As(err, &meaning) {
			text += ": " + meaning.Means
		}
		fmt.Fprintln(sh.Err, "orderflow:", text)
		return sig.status()
	default:
		fmt.Fprintln(sh.Err, "orderflow:", err)
		return ExitError
	}
}

// Shell is what all commands share.
type Shell struct {
	Process
	// stdout is the output of the process. Commands print to Out, which ends the command when the
	// output is closed.
	stdout io.Writer
	// Config is the configuration of the flags.
	Config    bootstrap.Config
	tls       scyllaTLS
	redpanda  redpandaOptions
	url       string
	tokenFile string
	// clientSecretFile and sessionKeyFile are files with secrets of a service.
	clientSecretFile, sessionKeyFile string
	auth                             []string
	logLevel                         string
	logFormat                        string
	accessLog                        bool
	// level is the level of the log. It can change.
	level   *slog.LevelVar
	helpAll helpAll
	// origins holds where the values of the flags come from.
	origins settings.Origins
}

// New returns a Shell for the commands of one process.
func New(process Process) *Shell {
	return &Shell{Process: process, stdout: process.Out, Config: bootstrap.DefaultConfig(), level: new(slog.LevelVar)}
}

// prepare completes the settings of a command.
func (sh *Shell) prepare(cmd *cobra.Command) (err error) {
	if sh.origins, err = settings.Layer(cmd, sh.Environ); err != nil {
		return &UsageError{Err: err}
	}
	sh.complete()
	return nil
}

// ToolLogger returns the logger of a command whose own output is what matters.
func (sh *Shell) ToolLogger() (*slog.Logger, error) {
	if sh.logLevel == "info" {
		sh.logLevel = "warn"
	}
	return sh.logger()
}

// logger returns a logger that writes to the error stream, so that the output of a command stays
// clean.
func (sh *Shell) logger() (*slog.Logger, error) {
	level, err := parseLevel(sh.logLevel)
	if err != nil {
		return nil, err
	}
	sh.level.Set(level)
	options := &slog.HandlerOptions{Level: sh.level}
	switch sh.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(sh.Err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(sh.Err, options)), nil
	default:
		return nil, Bad("log-format", "%q is neither text nor json", sh.logFormat)
	}
}

func parseLevel(text string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, Bad("log-level", "%q is none of debug, info, warn, error", text)
	}
	return level, nil
}

// Progress returns the meter of a piece of work on the error stream. The caller stops it.
func (sh *Shell) Progress(what, unit string) *progress.Meter {
	columns, _, _ := sizeOf(sh.Err)
	return progress.Start(progress.Output{Writer: sh.Err, Columns: columns}, what, unit)
}
