package shell

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

// ServeCommand returns the command that runs the service.
func (sh *Shell) ServeCommand() *cobra.Command {
	return IsService.Declare(&cobra.Command{
		Use:   "serve",
		Short: "Run the service (what orderflow does without a command)",
		Long: `Run the service until SIGINT (Ctrl-C) or SIGTERM. A stop is orderly: requests in progress are answered, consumers finish
the records that they are handling, and the store is closed. A second signal ends it at once. A kill is safe as well:
acknowledged events are on disk.

With the embedded store, garbage is collected when the heap has grown by half. GOGC and GOMEMLIMIT in the environment
set other bounds: GOMEMLIMIT=165MiB with --state-cache=16 keeps the process near 200 MB.

SIGHUP reads log-level from the file of --config again, unless a flag or the environment sets it. Nothing else is read
again. 'orderflow log-level' changes the level, too.

The settings that concern the data are written into the data directory, without passwords, for commands that need a
service when none runs.`,
		Args: NoArgs,
		RunE: sh.Serve,
	})
}

// Serve runs the service. When it has started to serve, the log says how it ends.
func (sh *Shell) Serve(cmd *cobra.Command, _ []string) (err error) {
	began := time.Now()
	logger, err := sh.logger()
	if err != nil {
		return err
	}
	if err := sh.readSecrets(); err != nil {
		return err
	}
	if err := sh.Config.Validate(); err != nil {
		return &UsageError{Err: err}
	}
	if sh.Config.Store == bootstrap.StoreEmbedded && sh.CollectGarbageAt != nil {
		sh.CollectGarbageAt(embeddedGC)
	}
	env := bootstrap.Environment{Logger: logger, Level: sh.level, Stdout: sh.stdout, Settings: sh.settings(cmd)}
	if sh.accessLog {
		env.AccessLog = slog.New(slog.NewJSONHandler(sh.Err, nil))
	}
	app, err := bootstrap.Open(cmd.Context(), sh.Config, env)
	if err != nil {
		return err
	}
	if sh.Config.Store == bootstrap.StoreEmbedded {
		if err := settings.Remember(sh.Config.Data, cmd.Flags(), sh.Remembered()); err != nil {
			return errors.Join(err, app.Close())
		}
	}
	logger.Info("serving", append([]any{"url", app.URL(), "version", bootstrap.Version()},
		append(sh.where(), "started_in", since(began))...)...)
	return sh.run(cmd, app, logger)
}

// embeddedGC is half of Go's default. Without cgo, the caches and memtables of the embedded store
// are most of the heap. They are never garbage and cost the collector nothing, but by default the
// heap grows to twice their size.
const embeddedGC = 50

// settings returns the settings of the service, with where their values come from.
func (sh *Shell) settings(cmd *cobra.Command) []bootstrap.Setting {
	var all []bootstrap.Setting
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name == "help" || flag.Name == "version" || flag.Name == helpAllFlag || flag.Name == "url" {
			return
		}
		one := bootstrap.Setting{Name: flag.Name, Value: flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			one.Value = strings.Join(list.GetSlice(), ",")
		}
		if one.Value == "[]" { // an empty map
			one.Value = ""
		}
		if flag.Changed {
			one.Source = sh.origins.Of(flag.Name)
		}
		if strings.Contains(flag.Name, "password") && one.Value != "" {
			one.Value = masked
		}
		all = append(all, one)
	})
	return all
}

// masked stands for the value of a secret.
const masked = "••••••"

// where names the store for the log.
func (sh *Shell) where() []any {
	attributes := []any{"store", sh.Config.Store}
	if sh.Config.Store == bootstrap.StoreScylla {
		return append(attributes, "keyspace", sh.Config.Scylla.Keyspace, "nodes", sh.Config.Scylla.Hosts)
	}
	return append(attributes, "data", sh.Config.Data)
}

// place names the store in a text.
func (sh *Shell) place() string {
	if sh.Config.Store == bootstrap.StoreScylla {
		return "keyspace " + sh.Config.Scylla.Keyspace
	}
	return sh.Config.Data
}

// run runs the service to its end, closes it, and logs that.
func (sh *Shell) run(cmd *cobra.Command, app *bootstrap.App, logger *slog.Logger) error {
	ctx, done := context.WithCancel(cmd.Context())
	began := time.Now()
	var stopping time.Time
	noted := make(chan struct{})
	go func() { // until ctx ends, at the latest when the service has ended
		defer close(noted)
		for {
			select {
			case <-sh.Hangups:
				sh.reload(cmd, logger)
			case <-ctx.Done():
				stopping = time.Now()
				return
			}
		}
	}()
	err := app.Run(ctx)
	reason := context.Cause(cmd.Context())
	done()
	<-noted
	err = errors.Join(err, app.Close())
	attributes := []any{"served_for", since(began), "took", since(stopping)}
	if err != nil {
		logger.Error("stopped", append([]any{"reason", err}, attributes...)...)
		return &loggedError{err}
	}
	logger.Info("stopped", append([]any{"reason", reason}, attributes...)...)
	return nil
}

// reload reads the level of the log from the configuration file again.
func (sh *Shell) reload(cmd *cobra.Command, logger *slog.Logger) {
	var level slog.Level
	text, err := settings.Reread(cmd, sh.origins, "log-level")
	if err == nil {
		level, err = parseLevel(text)
	}
	if err != nil {
		logger.Warn("SIGHUP: nothing has changed", "reason", err)
		return
	}
	if level < sh.level.Level() { // so that the next line is visible
		sh.level.Set(level)
	}
	logger.Info("SIGHUP: log-level was read again, and nothing else", "log_level", text)
	sh.level.Set(level)
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
