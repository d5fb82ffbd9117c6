package httpapi_test

import (
	"context"

	"github.com/google/uuid"

	"orderflow/ports"
)

// streams is a fake of the streams.
type streams struct {
	one func(ctx context.Context, aggregateType string, id uuid.UUID, after uint64) (ports.EventStream, error)
	all func(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error)
}

func (s *streams) StreamOne(
	ctx context.Context, aggregateType string, id uuid.UUID, after uint64,
) (ports.EventStream, error) {
	if s.one == nil {
		return nil, ports.ErrNotFound
	}
	return s.one(ctx, aggregateType, id, after)
}

func (s *streams) StreamAll(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error) {
	if s.all == nil {
		return nil, ports.ErrUnavailable
	}
	return s.all(ctx, request)
}
