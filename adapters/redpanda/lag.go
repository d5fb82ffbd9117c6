package redpanda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

// lagTimeout bounds how long whoever looks at the consumers waits for brokers.
const lagTimeout = 3 * time.Second

// Lag implements [ports.ChangeFeed]. It is that of the whole group, whichever processes its members are in. While the brokers
// cannot be reached it is not known.
func (f *Feed) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	bounded, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	lag, err := f.lag(bounded, consumer)
	if ctx.Err() == nil && is(err, ports.ErrUnavailable, ports.ErrNotFound, context.DeadlineExceeded) {
		f.config.Logger.Debug("the lag is not known", "consumer", consumer, "error", err)
		return ports.Lag{}, nil
	}
	if err != nil {
		return ports.Lag{}, fmt.Errorf("lag of %s: %w", consumer, err)
	}
	return lag, nil
}

func (f *Feed) lag(ctx context.Context, consumer string) (ports.Lag, error) {
	at, err := f.standing(ctx, consumer)
	if err != nil {
		return ports.Lag{}, err
	}
	switch err := at.check(); {
	case is(err, ports.ErrNoOffset, ports.ErrOffsetExpired):
		return ports.Lag{}, nil
	case err != nil:
		return ports.Lag{}, err
	}
	lag := ports.Lag{Known: true}
	var oldest time.Time
	for p, r := range at.ranges {
		next := at.next(p)
		if next >= r.end {
			continue
		}
		lag.Events += uint64(r.end - next)
		created, err := f.createdAt(ctx, p, next)
		if errors.Is(err, ports.ErrOffsetExpired) {
			return ports.Lag{}, nil
		}
		if err != nil {
			return ports.Lag{}, err
		}
		if oldest.IsZero() || created.Before(oldest) {
			oldest = created
		}
	}
	if lag.Events > 0 {
		lag.Age = max(0, f.config.Now().Sub(oldest))
	}
	return lag, nil
}

// ages remembers when the events were created that consumers stand before, as each of them is asked for again and again.
type ages struct {
	mu    sync.Mutex
	known map[place]time.Time
}

type place struct {
	partition int32
	offset    int64
}

// maxAges bounds what is remembered.
const maxAges = 4096

// createdAt returns when the first event at or behind an offset was created.
func (f *Feed) createdAt(ctx context.Context, partition int32, offset int64) (time.Time, error) {
	at := place{partition, offset}
	f.ages.mu.Lock()
	created, found := f.ages.known[at]
	f.ages.mu.Unlock()
	if found {
		return created, nil
	}
	got, err := ask(ctx, f.link, func(client sarama.Client) (fetched, error) {
		return fetch(client, f.config.Topic.Name, partition, offset, 1) // the broker sends one whole batch nevertheless
	})
	if err != nil {
		return time.Time{}, err
	}
	if len(got.messages) == 0 { // nothing there that readers see
		return f.config.Now(), nil
	}
	first := got.messages[0]
	created = first.Timestamp
	if record, err := newRecord(first); err == nil {
		created = record.CreatedAt
	}
	f.ages.mu.Lock()
	defer f.ages.mu.Unlock()
	if len(f.ages.known) >= maxAges {
		clear(f.ages.known)
	}
	f.ages.known[at] = created
	return created, nil
}
