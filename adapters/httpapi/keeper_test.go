package httpapi_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// keeper manages one consumer. It records what it is asked to do, and answers with err.
type keeper struct {
	err         error
	consequence string
	parked      []ports.ParkedAggregate
	retry       func(orderID uuid.UUID) error
	retryIn     func(context.Context) error
	skips       []ports.Skip
	waiting     []record
	unreadable  error // of waiting

	asked []string
}

// kept is the consumer that a keeper manages.
const kept = "orders-by-sku"

// config connects a keeper to an API.
func (k *keeper) config() apiConfig {
	config := newShop().config()
	config.Manager, config.Rebuilder, config.Parked, config.Skips, config.Records = k, k, k, k, k
	return config
}

func (k *keeper) do(consumer, format string, args ...any) error {
	if consumer != kept {
		return fmt.Errorf("consumer %s: %w", consumer, ports.ErrNotFound)
	}
	k.asked = append(k.asked, fmt.Sprintf(format, args...))
	return k.err
}

func (k *keeper) Pause(_ context.Context, consumer string) error  { return k.do(consumer, "pause") }
func (k *keeper) Resume(_ context.Context, consumer string) error { return k.do(consumer, "resume") }

func (k *keeper) Reset(_ context.Context, consumer string, request ports.ResetRequest) (string, error) {
	return k.consequence, k.do(consumer, "reset to %s, force %t, dry run %t", request.From.UTC().Format(time.RFC3339Nano), request.Force, request.DryRun)
}

func (k *keeper) Rebuild(_ context.Context, consumer string, request ports.RebuildRequest) error {
	return k.do(consumer, "rebuild %+v", request)
}

func (k *keeper) AbortRebuild(_ context.Context, consumer string) error {
	return k.do(consumer, "abort")
}

func (k *keeper) Rollback(_ context.Context, consumer string) error {
	return k.do(consumer, "roll back")
}

func (k *keeper) ListParked(_ context.Context, consumer string, after ports.Cursor, limit int) (ports.ParkedPage, error) {
	if consumer != kept {
		return ports.ParkedPage{}, fmt.Errorf("consumer %s: %w", consumer, ports.ErrNotFound)
	}
	start := 0
	if after != "" {
		if _, err := fmt.Sscanf(string(after), "at %d", &start); err != nil {
			return ports.ParkedPage{}, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
		}
	}
	page := ports.ParkedPage{Aggregates: k.parked[start:min(len(k.parked), start+limit)]}
	if start+limit < len(k.parked) {
		page.Next = ports.Cursor(fmt.Sprintf("at %d", start+limit))
	}
	return page, nil
}

func (k *keeper) RetryParked(ctx context.Context, consumer string, orderID uuid.UUID) error {
	if k.retryIn != nil {
		return k.retryIn(ctx)
	}
	if err := k.do(consumer, "retry %s", orderID); err != nil || k.retry == nil {
		return err
	}
	return k.retry(orderID)
}

func (k *keeper) SkipParked(_ context.Context, consumer string, orderID uuid.UUID, reason string) error {
	return k.do(consumer, "skip %s: %s", orderID, reason)
}

func (k *keeper) ListSkips(_ context.Context, q ports.SkipQuery) (ports.SkipPage, error) {
	if q.Consumer != kept {
		return ports.SkipPage{}, fmt.Errorf("consumer %s: %w", q.Consumer, ports.ErrNotFound)
	}
	k.asked = append(k.asked, fmt.Sprintf("skips of %s after %q, %d", q.AggregateID, q.After, q.Limit))
	return ports.SkipPage{Skips: k.skips, Next: "more"}, nil
}

func (k *keeper) Unskip(_ context.Context, consumer string, aggregateID uuid.UUID, sequence uint64) error {
	return k.do(consumer, "unskip %d of %s", sequence, aggregateID)
}

func (k *keeper) Load(_ context.Context, _ uuid.UUID, after uint64) ([]record, error) {
	waiting := slices.DeleteFunc(slices.Clone(k.waiting), func(r record) bool { return r.SequenceNumber <= after })
	return waiting, k.unreadable
}
