package fanout

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
)

// logger writes Watermill's log to slog. Watermill's own adapter builds the attributes of a line
// before it knows whether the line is wanted. The two trace lines of every message would nearly
// double the cost of a message.
//
// Watermill logs at information level when a router or a handler starts and stops. These lines
// appear at debug level.
type logger struct {
	to *slog.Logger
}

func (l logger) Error(msg string, err error, fields watermill.LogFields) {
	l.log(slog.LevelError, msg, err, fields)
}

func (l logger) Info(msg string, fields watermill.LogFields) {
	l.log(slog.LevelDebug, msg, nil, fields)
}

func (l logger) Debug(msg string, fields watermill.LogFields) {
	l.log(slog.LevelDebug, msg, nil, fields)
}

func (l logger) Trace(msg string, fields watermill.LogFields) {
	l.log(watermill.LevelTrace, msg, nil, fields)
}

func (l logger) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return logger{slog.New(l.to.Handler().WithAttrs(attributes(nil, fields)))}
}

func (l logger) log(level slog.Level, msg string, err error, fields watermill.LogFields) {
	ctx := context.Background()
	if !l.to.Enabled(ctx, level) {
		return
	}
	l.to.LogAttrs(ctx, level, msg, attributes(err, fields)...)
}

func attributes(err error, fields watermill.LogFields) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(fields)+1)
	for key, value := range fields {
		attrs = append(attrs, slog.Any(key, value))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	return attrs
}
