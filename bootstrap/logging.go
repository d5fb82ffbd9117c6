package bootstrap

import (
	"context"
	"log/slog"

	"orderflow/adapters/tracing"
	"orderflow/ports"
)

// logLevel is the level of the log of this process.
type logLevel struct{ level *slog.LevelVar }

// LogLevel implements ports.LogLevels.
func (l logLevel) LogLevel() slog.Level { return l.level.Level() }

// SetLogLevel implements ports.LogLevels.
func (l logLevel) SetLogLevel(_ context.Context, level slog.Level) error {
	l.level.Set(level)
	return nil
}

// logLevels returns what the API changes the level with. It is nil when the process has no level.
func (a *App) logLevels(env Environment) ports.LogLevels {
	if env.Level == nil {
		return nil
	}
	return a.recordings.LogLevels(logLevel{env.Level})
}

// accessLog returns the log of requests, which carries the ids of traces. It is nil without one.
func accessLog(env Environment, t *tracing.Tracing) *slog.Logger {
	if env.AccessLog == nil || t == nil {
		return env.AccessLog
	}
	return slog.New(t.LogHandler(env.AccessLog.Handler()))
}
