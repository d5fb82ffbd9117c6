package fanout_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestAround(t *testing.T) {
	t.Parallel()

	t.Run("tells what is delivered to whom, in the order of the functions", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			type key struct{}
			var told []string
			around := func(name string) fanout.AroundFunc {
				return func(ctx context.Context, consumer string, records []eventsourcing.Record, next func(context.Context) error) error {
					before, _ := ctx.Value(key{}).(string)
					told = append(told, name+" "+consumer+" "+records[0].EventType+before)
					err := next(context.WithValue(ctx, key{}, " after "+name))
					told = append(told, name+" done")
					return err
				}
			}
			var handled any
			record := newRecord(uuid.New(), 7)
			r := run(t, fanout.Config{Middleware: fanout.Around(around("outer"), around("inner"))}, &consumer{
				name: "a", pull: (&journal{}).emitting([]eventsourcing.Record{record}),
				handle: func(ctx context.Context, r eventsourcing.Record) error {
					handled = ctx.Value(key{})
					if diff := cmp.Diff(record, r); diff != "" {
						t.Errorf("record (-want +got):\n%s", diff)
					}
					return nil
				},
			})
			synctest.Wait()
			r.stop()
			want := []string{"outer a order.created", "inner a order.created after outer", "inner done", "outer done"}
			if diff := cmp.Diff(want, told); diff != "" || handled != " after inner" {
				t.Errorf("Handle's context has %v; calls (-want +got):\n%s", handled, diff)
			}
		})
	})

	t.Run("is told of failures, and of the next attempt", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var j journal
			var errs []error
			failure := errors.New("boom")
			r := run(t, fanout.Config{Middleware: fanout.Around(
				func(ctx context.Context, _ string, _ []eventsourcing.Record, next func(context.Context) error) error {
					err := next(ctx)
					errs = append(errs, err)
					return err
				},
			)}, &consumer{name: "a", pull: j.emitting(history(uuid.New(), 1)), handle: func(context.Context, eventsourcing.Record) error {
				if len(errs) == 0 {
					return failure
				}
				return nil
			}})
			for j.count("done") == 0 {
				synctest.Wait()
				<-time.After(time.Second) // on the clock of the bubble
			}
			r.stop()
			if len(errs) != 2 || !errors.Is(errs[0], failure) || errs[1] != nil {
				t.Errorf("errors %v", errs)
			}
		})
	})
}
