package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

func (sh *shell) serveCommand() *cobra.Command {
	return isService.declare(&cobra.Command{
		Use:   "serve",
		Short: "Run the service (what orderflow does without a command)",
		Long: `Run the service until SIGINT (Ctrl-C) or SIGTERM. A stop is orderly: requests under way are answered, consumers finish what
they have in hand, the store is closed. A second signal ends it at once. A kill is safe, too: what was acknowledged is on disk.

SIGHUP reads log-level from the file of --config anew, unless a flag or the environment sets it. Nothing else is read again.

The settings that concern the data are written into the data directory (not passwords), for commands that need a service when none
runs.`,
		Args: noArgs,
		RunE: sh.serve,
	})
}

// serve runs the service. From the moment that it serves, how it ends is in the log.
func (sh *shell) serve(cmd *cobra.Command, _ []string) (err error) {
	began := time.Now()
	logger, err := sh.logger()
	if err != nil {
		return err
	}
	if err := sh.config.Validate(); err != nil {
		return &usageError{err}
	}
	app, err := bootstrap.Open(cmd.Context(), sh.config, bootstrap.Environment{Logger: logger, Stdout: sh.stdout})
	if err != nil {
		return err
	}
	if sh.config.Store == bootstrap.StoreEmbedded {
		if err := settings.Remember(sh.config.Data, cmd.Flags(), sh.remembered()); err != nil {
			return errors.Join(err, app.Close())
		}
	}
	logger.Info("serving", append([]any{"url", app.URL(), "version", bootstrap.Version()}, append(sh.where(), "started_in", since(began))...)...)
	return sh.run(cmd, app, logger)
}

// where says which store is served, for the log.
func (sh *shell) where() []any {
	attributes := []any{"store", sh.config.Store}
	if sh.config.Store == bootstrap.StoreScylla {
		return append(attributes, "keyspace", sh.config.Scylla.Keyspace, "nodes", sh.config.Scylla.Hosts)
	}
	return append(attributes, "data", sh.config.Data)
}

// run runs the service to its end and closes it, and says so in the log.
func (sh *shell) run(cmd *cobra.Command, app *bootstrap.App, logger *slog.Logger) error {
	ctx, done := context.WithCancel(cmd.Context())
	began := time.Now()
	var stopping time.Time
	noted := make(chan struct{})
	go func() { // until ctx ends, which it does at the latest when the service has
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

// reload reads the level of the log from the configuration file anew.
func (sh *shell) reload(cmd *cobra.Command, logger *slog.Logger) {
	var level slog.Level
	text, err := settings.Reread(cmd, sh.origins, "log-level")
	if err == nil {
		level, err = parseLevel(text)
	}
	if err != nil {
		logger.Warn("SIGHUP: nothing has changed", "reason", err)
		return
	}
	if level < sh.level.Level() { // so that the next line can be seen
		sh.level.Set(level)
	}
	logger.Info("SIGHUP: log-level was read anew, and nothing else", "log_level", text)
	sh.level.Set(level)
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
