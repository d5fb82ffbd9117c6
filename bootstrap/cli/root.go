package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	exitBad   = 3
)

// Process is what a command gets of the process that it runs in.
type Process struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment, as a list of NAME=VALUE.
	Environ []string
	// Hangups gets a value for each SIGHUP; nil for none.
	Hangups <-chan os.Signal
}

// Main runs the command line args, without the program's name, and returns the exit status. When ctx ends with a [Signal] as its
// cause, a tool ends with the status of that signal, and serve with 0 after it has stopped in order.
func Main(ctx context.Context, args []string, process Process) int {
	ctx, cancel := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel(nil)
	sh := newShell(process)
	sh.Out = pipe{process.Out, cancel}
	root := newRoot(sh)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if needOf(cmd) != isService {
			waiting.Go(func() { sh.endOnHangup(ctx, cancel) })
		}
		return sh.prepare(cmd)
	}
	root.SetArgs(args)
	return sh.conclude(root.ExecuteContext(ctx), context.Cause(ctx))
}

// endOnHangup ends a tool when its terminal has gone.
func (sh *shell) endOnHangup(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case <-sh.Hangups:
		end(Signal{syscall.SIGHUP})
	case <-ctx.Done():
	}
}

// conclude prints how a command has ended, and returns the exit status. cause is why its context has ended, if it has.
func (sh *shell) conclude(err, cause error) int {
	var bad *badAnswer
	var usage *usageError
	var logged *loggedError
	var sig Signal
	switch {
	case errors.Is(cause, errPipe):
		return exitPipe
	case err == nil:
		return exitOK
	case errors.As(err, &logged):
		return exitError
	case errors.As(err, &bad):
		fmt.Fprintln(sh.Err, "orderflow:", err)
		return exitBad
	case errors.As(err, &usage):
		fmt.Fprintf(sh.Err, "orderflow: %s\nTry 'orderflow --help'.\n", sh.explainUsage(err))
		return exitUsage
	case errors.As(cause, &sig):
		text := fmt.Sprintf("interrupted by %v", sig)
		var meaning *interruption
		if errors.As(err, &meaning) {
			text += ": " + meaning.means
		}
		fmt.Fprintln(sh.Err, "orderflow:", text)
		return sig.status()
	default:
		fmt.Fprintln(sh.Err, "orderflow:", err)
		return exitError
	}
}

// shell is what all commands share.
type shell struct {
	Process
	// stdout is the output of the process, and Out what a command prints to: it ends the command when nobody reads.
	stdout    io.Writer
	config    bootstrap.Config
	tls       scyllaTLS
	redpanda  redpandaOptions
	url       string
	logLevel  string
	logFormat string
	// level is the level of the log, which can change.
	level   *slog.LevelVar
	helpAll helpAll
	// origins tells where the values of the flags come from.
	origins settings.Origins
}

func newShell(process Process) *shell {
	return &shell{Process: process, stdout: process.Out, config: bootstrap.DefaultConfig(), level: new(slog.LevelVar)}
}

// prepare completes the settings of a command.
func (sh *shell) prepare(cmd *cobra.Command) (err error) {
	if sh.origins, err = settings.Layer(cmd, sh.Environ); err != nil {
		return &usageError{err}
	}
	sh.complete()
	return nil
}

func newRoot(sh *shell) *cobra.Command {
	root := &cobra.Command{
		Use:   "orderflow",
		Short: "An event-sourced order service",
		Long: `Orderflow is an event-sourced order service. Commands become events, events are committed together with an outbox,
and independent consumers turn the outbox into read models and messages.

Without a command it serves: 'orderflow' is 'orderflow serve'. It needs nothing else; all data is in one directory.

Every flag can also be set by an environment variable (--log-level is ORDERFLOW_LOG_LEVEL) and in the YAML file that
--config names (log-level: debug). A flag wins over the environment, and the environment over the file.

The other commands talk to the service that runs on the data directory, or to the one that --url names. If none runs,
those that change something start one for as long as they need it, with the settings that the data directory was last
served with; those that only read look into the data directory and leave everything as it is. The help of each says which,
and shows its own flags; --help-all shows those about the service, too.

Exit status: 0 all went well, 1 could not be completed, 2 used wrongly, 3 completed with a bad answer (refused commands,
differences found, something wrong in a --check); 128 and the number of the signal when a signal ended it: 130 after Ctrl-C,
141 when nobody reads the output.`,
		Example: `  orderflow                          # serve on 127.0.0.1:8080, data in ./data
  orderflow demo --orders 200        # in another terminal: place orders
  orderflow consumers                # how far is each consumer?
  orderflow parked ls                # which orders could not be handled, and why?
  orderflow inspect orders_by_status # what is in the tables?
  orderflow verify                   # is every read model what the events say?`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          sh.serve,
	}
	root.Annotations = map[string]string{needAnnotation: string(isService)}
	root.SetIn(sh.In)
	root.SetOut(sh.Out)
	root.SetErr(sh.Err)
	root.Version = bootstrap.Version()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { sh.help(cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error { return sh.usage(cmd, cmd.OutOrStderr()) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageOf(flagError(cmd, err)) })

	flags := root.PersistentFlags()
	flags.Var(&sh.helpAll, helpAllFlag, "help with all flags")
	flags.Lookup(helpAllFlag).NoOptDefVal = "true"
	flags.String(settings.ConfigFlag, "", "YAML file with settings, named like the flags")
	flags.StringVar((*string)(&sh.config.Store), "store", string(sh.config.Store), "where everything is kept: embedded or scylla")
	flags.StringVar(&sh.config.Data, "data", sh.config.Data, "directory of the embedded store")
	flags.StringVar(&sh.config.Listen, "listen", sh.config.Listen, "address of the HTTP API; port 0 takes a free one")
	flags.StringSliceVar(&sh.config.AllowedHosts, "allowed-hosts", nil,
		"names that requests may have in Host besides localhost (default any, and on a loopback address no others)")
	flags.DurationVar(&sh.config.Retention, "retention", sh.config.Retention, "how long the change feed keeps events; the event store keeps them for ever")
	flags.StringVar(&sh.config.Sink, "sink", sh.config.Sink, "where events are published as CloudEvents: stdout, none, redpanda or file:PATH (default file:DATA/order-events.jsonl)")
	flags.IntVar(&sh.config.Lanes, "lanes", sh.config.Lanes, "orders that each consumer handles at once")
	flags.IntVar(&sh.config.PublishLanes, "publish-lanes", sh.config.PublishLanes, "orders that the publisher has on their way at once; batches are made of them")
	flags.StringSliceVar(&sh.config.Consumers, "consumers", nil, "consumers that may run in this process (default all)")
	flags.StringVar((*string)(&sh.config.PublishFrom), "publish-from", string(sh.config.PublishFrom),
		"what a new target of the publisher gets: every event from the beginning, or those from now on")
	flags.DurationVar(&sh.config.ReconcileEvery, "reconcile-every", sh.config.ReconcileEvery,
		"time between two background checks that nothing was left behind")
	flags.IntVar(&sh.config.ReconcileRate, "reconcile-rate", sh.config.ReconcileRate,
		"orders a second that a background check looks at; 1000 take 2h47m for 10 million orders")
	flags.DurationVar(&sh.config.Heartbeat, "heartbeat", sh.config.Heartbeat, "time between two heartbeats through the change feed")
	flags.DurationVar(&sh.config.RollbackGrace, "rollback-grace", sh.config.RollbackGrace, "how long the previous generation of a view is kept after a rebuild")
	flags.DurationVar(&sh.config.ShutdownTimeout, "shutdown-timeout", sh.config.ShutdownTimeout, "bound of each step of a stop")
	flags.StringVar(&sh.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&sh.logFormat, "log-format", "text", "text or json")
	sh.scyllaFlags(flags)
	sh.redpandaFlags(flags)
	flags.StringVar(&sh.url, "url", "", "address of the service to talk to, instead of the one that runs on --data")

	root.AddCommand(sh.serveCommand(), sh.submitCommand(), sh.demoCommand(), sh.consumersCommand(), sh.parkedCommand(), sh.explainCommand(),
		sh.inspectCommand(), sh.verifyCommand(), sh.schemaCommand(), sh.asyncAPICommand(), sh.versionCommand())
	return root
}

// logger writes to the error stream, so that the output of a command stays clean.
func (sh *shell) logger() (*slog.Logger, error) {
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
		return nil, bad("log-format", "%q is neither text nor json", sh.logFormat)
	}
}

func parseLevel(text string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return level, bad("log-level", "%q is none of debug, info, warn, error", text)
	}
	return level, nil
}

// isTerminal reports whether w is a terminal, where a progress bar makes sense.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && termIsTerminal(int(file.Fd()))
}
