package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

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

// Streams are what a command reads from and writes to.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line args, without the program's name, in an environment of NAME=VALUE, and returns the exit status.
func Main(ctx context.Context, args []string, streams Streams, environ []string) int {
	root := newRoot(streams, environ)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var bad *badAnswer
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bad):
		fmt.Fprintln(streams.Err, "orderflow:", err)
		return exitBad
	case errors.As(err, &usage):
		fmt.Fprintf(streams.Err, "orderflow: %v\nTry 'orderflow --help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintln(streams.Err, "orderflow:", err)
		return exitError
	}
}

// shell is what all commands share.
type shell struct {
	Streams
	config    bootstrap.Config
	tls       scyllaTLS
	redpanda  redpandaOptions
	url       string
	logLevel  string
	logFormat string
	// origins tells where the values of the flags come from.
	origins settings.Origins
}

func newRoot(streams Streams, environ []string) *cobra.Command {
	sh := &shell{Streams: streams, config: bootstrap.DefaultConfig()}
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
served with; those that only read look into the data directory and leave everything as it is. The help of each says which.

Exit status: 0 all went well, 1 could not be completed, 2 used wrongly, 3 completed with a bad answer (refused commands,
differences found).`,
		Example: `  orderflow                          # serve on 127.0.0.1:8080, data in ./data
  orderflow demo --orders 200        # in another terminal: place orders
  orderflow consumers                # how far is each consumer?
  orderflow parked ls                # which orders could not be handled, and why?
  orderflow inspect orders_by_status # what is in the tables?
  orderflow verify                   # is every read model what the events say?`,
		Args:          noArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if sh.origins, err = settings.Layer(cmd, environ); err != nil {
				return &usageError{err}
			}
			sh.complete()
			return nil
		},
		RunE: sh.serve,
	}
	root.Annotations = map[string]string{needAnnotation: string(needsNothing)}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{flagError(cmd, err)} })

	flags := root.PersistentFlags()
	flags.String(settings.ConfigFlag, "", "YAML file with settings, named like the flags")
	flags.StringVar((*string)(&sh.config.Store), "store", string(sh.config.Store), "where everything is kept: embedded or scylla")
	flags.StringVar(&sh.config.Data, "data", sh.config.Data, "directory of the embedded store")
	flags.StringVar(&sh.config.Listen, "listen", sh.config.Listen, "address of the HTTP API; port 0 takes a free one")
	flags.DurationVar(&sh.config.Retention, "retention", sh.config.Retention, "how long the change feed keeps events; the event store keeps them for ever")
	flags.StringVar(&sh.config.Sink, "sink", sh.config.Sink, "where events are published as CloudEvents: stdout, none, redpanda or file:PATH (default file:DATA/order-events.jsonl)")
	flags.IntVar(&sh.config.Lanes, "lanes", sh.config.Lanes, "orders that each consumer handles at once")
	flags.IntVar(&sh.config.PublishLanes, "publish-lanes", sh.config.PublishLanes, "orders that the publisher has on their way at once; batches are made of them")
	flags.StringSliceVar(&sh.config.Consumers, "consumers", nil, "consumers that may run in this process (default all)")
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
	var level slog.Level
	if err := level.UnmarshalText([]byte(sh.logLevel)); err != nil {
		return nil, &usageError{fmt.Errorf("log-level: %q is none of debug, info, warn, error", sh.logLevel)}
	}
	options := &slog.HandlerOptions{Level: level}
	switch sh.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(sh.Err, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(sh.Err, options)), nil
	default:
		return nil, &usageError{fmt.Errorf("log-format: %q is neither text nor json", sh.logFormat)}
	}
}

// isTerminal reports whether w is a terminal, where a progress bar makes sense.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && termIsTerminal(int(file.Fd()))
}
