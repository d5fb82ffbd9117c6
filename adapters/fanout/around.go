package fanout

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
)

// AroundFunc is called for every delivery of a record to a consumer. It calls next once, with ctx
// or a context derived from it, and returns its error.
type AroundFunc func(ctx context.Context, consumer string, records []eventsourcing.Record, next func(context.Context) error) error

// Around makes middleware of functions that know records and not messages. The first one is
// outermost.
func Around(functions ...AroundFunc) []message.HandlerMiddleware {
	middleware := make([]message.HandlerMiddleware, len(functions))
	for i, around := range functions {
		middleware[i] = func(next message.HandlerFunc) message.HandlerFunc {
			return func(msg *message.Message) (produced []*message.Message, err error) {
				d, ok := deliveryOf(msg)
				if !ok {
					return nil, errRecordLost
				}
				err = around(msg.Context(), msg.Metadata[MetadataConsumer], d.records, func(ctx context.Context) error {
					msg.SetContext(ctx)
					var err error
					produced, err = next(msg)
					return err
				})
				return produced, err
			}
		}
	}
	return middleware
}
