package fanout_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func textLogger(to *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func TestLogger(t *testing.T) {
	t.Parallel()

	t.Run("maps levels and fields", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		log := fanout.NewLogger(textLogger(&out, watermill.LevelTrace)).With(watermill.LogFields{"handler_name": "a"})
		log.Error("e", errors.New("boom"), watermill.LogFields{"n": 1})
		log.Info("i", nil)
		log.Debug("d", nil)
		log.Trace("t", nil)
		want := "level=ERROR msg=e handler_name=a n=1 error=boom\n" +
			"level=DEBUG msg=i handler_name=a\n" +
			"level=DEBUG msg=d handler_name=a\n" +
			"level=DEBUG-4 msg=t handler_name=a\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("logs a failed delivery and not a normal stop", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			var j journal
			failed := false
			records := history(uuid.New(), 1)
			r := run(t, fanout.Config{Logger: textLogger(&out, slog.LevelInfo)},
				&consumer{name: "a", pull: j.emitting(records), handle: func(ctx context.Context, r eventsourcing.Record) error {
					if !failed {
						failed = true
						return errors.New("boom")
					}
					<-ctx.Done()
					return ctx.Err()
				}})
			<-time.After(time.Minute) // on the clock of the bubble: the second attempt is in flight
			synctest.Wait()
			r.stop()
			if got := strings.Count(out.String(), "\n"); got != 1 || !strings.Contains(out.String(), "boom") {
				t.Errorf("want one line about the failure, got:\n%s", out.String())
			}
		})
	})
}

// Not parallel: it counts allocations.
func TestLogger_CostsNothingWhenNotWanted(t *testing.T) {
	log := fanout.NewLogger(slog.New(slog.DiscardHandler))
	fields := watermill.LogFields{"message_uuid": "1", "handler_name": "a"}
	if got := testing.AllocsPerRun(100, func() { log.Trace("Received message", fields) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
