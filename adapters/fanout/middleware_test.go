package fanout_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

func TestRouter_Middleware(t *testing.T) {
	t.Parallel()

	t.Run("sees the message and stands between router and handler", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			type key struct{}
			var seen *message.Message
			var value any
			record := newRecord(uuid.New(), 7)
			pull := (&journal{}).emitting([]eventsourcing.Record{record})
			r := run(t, fanout.Config{Middleware: []message.HandlerMiddleware{func(next message.HandlerFunc) message.HandlerFunc {
				return func(msg *message.Message) ([]*message.Message, error) {
					seen = msg
					msg.SetContext(context.WithValue(msg.Context(), key{}, "from middleware"))
					return next(msg)
				}
			}}}, &consumer{name: "a", pull: pull, handle: func(ctx context.Context, r eventsourcing.Record) error {
				value = ctx.Value(key{})
				if diff := cmp.Diff(record, r); diff != "" {
					t.Errorf("record (-want +got):\n%s", diff)
				}
				return nil
			}})
			synctest.Wait()
			r.stop()
			want := message.NewMessage(record.EventID.String(), message.Payload(record.Payload))
			want.Metadata = message.Metadata{fanout.MetadataConsumer: "a"}
			if seen == nil || !want.Equals(seen) {
				t.Errorf("message %+v, want %+v", seen, want)
			}
			if value != "from middleware" {
				t.Errorf("Handle's context has %v", value)
			}
		})
	})

	for name, middleware := range map[string]message.HandlerMiddleware{
		"that refuses": func(message.HandlerFunc) message.HandlerFunc {
			return func(*message.Message) ([]*message.Message, error) { return nil, errors.New("boom") }
		},
		"that refuses what was handled": func(next message.HandlerFunc) message.HandlerFunc {
			return func(msg *message.Message) ([]*message.Message, error) {
				_, _ = next(msg)
				return nil, errors.New("boom")
			}
		},
		"that panics": func(message.HandlerFunc) message.HandlerFunc {
			return func(*message.Message) ([]*message.Message, error) { panic("boom") }
		},
		"that loses the record": func(next message.HandlerFunc) message.HandlerFunc {
			return func(msg *message.Message) ([]*message.Message, error) {
				msg.SetContext(context.Background())
				return next(msg)
			}
		},
	} {
		t.Run(name+" is reported and nothing is done", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var j journal
				reported := make(chan error, 1)
				r := run(t, fanout.Config{
					Middleware: []message.HandlerMiddleware{middleware},
					OnError:    func(_ string, err error) { reported <- err },
				}, &consumer{name: "a", pull: j.emitting(history(uuid.New(), 1)), handle: j.handling})
				if err := <-reported; err == nil {
					t.Error("reported nil")
				}
				r.stop()
				if j.count("done") != 0 {
					t.Error("done")
				}
			})
		})
	}
}
