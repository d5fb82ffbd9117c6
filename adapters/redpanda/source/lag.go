package source

import (
	"context"
	"fmt"
	"sync"
	"time"

	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/ports"

	"orderflow/adapters/redpanda/internal/client"
)

const (
	// lagTimeout bounds how long a request for the lag waits for brokers.
	lagTimeout = 3 * time.Second
	// lookBytes is how much of each partition is read to distinguish messages from offsets.
	lookBytes = 64 << 10
	// maxPrefixes bounds the number of kept results.
	maxPrefixes = 4096
)

// Lag implements [ports.ChangeFeed]. It is the lag of the whole group, in whichever processes its
// members are. It is not known while the brokers cannot be reached.
//
// Events counts messages and not offsets, as far as one read of each partition reaches, which is
// about a hundred events. Further ahead each offset counts. So a lag that is not 0 means that there
// is a message.
func (f *Feed) Lag(ctx context.Context, consumer string) (ports.Lag, error) {
	bounded, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	lag, err := f.lag(bounded, consumer)
	if ctx.Err() == nil && client.Is(err, ports.ErrUnavailable, ports.ErrNotFound, context.DeadlineExceeded) {
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
	case client.Is(err, ports.ErrNoOffset, ports.ErrOffsetExpired):
		return ports.Lag{}, nil
	case err != nil:
		return ports.Lag{}, err
	}
	if err := at.topic.Err(); err != nil {
		return ports.Lag{}, f.link.explain(ctx, err)
	}
	lag := ports.Lag{Known: true}
	var oldest time.Time
	for i, p := range at.topic.Partitions {
		behind, err := f.behind(ctx, at.topic.ID, int32(i), at.next(int32(i)), p.End)
		if client.Is(err, ports.ErrOffsetExpired) {
			return ports.Lag{}, nil
		}
		if err != nil {
			return ports.Lag{}, err
		}
		lag.Events += behind.events
		if behind.events > 0 && (oldest.IsZero() || behind.created.Before(oldest)) {
			oldest = behind.created
		}
	}
	if lag.Events > 0 {
		lag.Age = max(0, f.config.Now().Sub(oldest))
	}
	return lag, nil
}

// prefix describes what is between an offset and next: the number of messages, and the time of the
// first one.
type prefix struct {
	events  uint64
	created time.Time
	next    int64
}

// behind returns what is between an offset and the end of a partition.
func (f *Feed) behind(ctx context.Context, id topic.ID, partition int32, from, end int64) (prefix, error) {
	all := prefix{next: from}
	for looks := 0; all.next < end && (all.events == 0 || looks < 2); looks++ {
		part, err := f.look(ctx, place{id, partition, all.next})
		if err != nil {
			return all, err
		}
		if part.next == all.next { // the broker does not know the end yet
			all.created = f.config.Now()
			break
		}
		if all.events == 0 {
			all.created = part.created
		}
		all.events, all.next = all.events+part.events, part.next
	}
	if rest := end - all.next; rest > 0 {
		all.events += uint64(rest)
	}
	return all, nil
}

// look reads a little of a partition. What was read does not change, so each place is read once,
// although the lag of a consumer that does not move is requested again and again.
func (f *Feed) look(ctx context.Context, at place) (prefix, error) {
	if known, ok := f.prefixes.get(at); ok {
		return known, nil
	}
	reader := &topic.Reader{Client: f.link.client, Topic: f.config.Topic.Name, Partition: at.partition, Bytes: lookBytes}
	part, err := reader.Read(ctx, at.offset)
	if err != nil {
		return prefix{}, f.link.explain(ctx, err)
	}
	found := prefix{events: uint64(len(part.Messages)), next: part.Next}
	if found.events > 0 {
		first := part.Messages[0]
		found.created = first.Timestamp
		if record, err := parse(first); err == nil {
			found.created = record.CreatedAt
		}
	}
	if found.next > at.offset {
		f.prefixes.put(at, found)
	}
	return found, nil
}

// prefixes keeps what was read.
type prefixes struct {
	mu    sync.Mutex
	known map[place]prefix
}

// place is an offset of a topic.
type place struct {
	topic     topic.ID
	partition int32
	offset    int64
}

func newPrefixes() *prefixes { return &prefixes{known: make(map[place]prefix)} }

func (p *prefixes) get(at place) (prefix, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[at]
	return found, ok
}

func (p *prefixes) put(at place, found prefix) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxPrefixes {
		clear(p.known)
	}
	p.known[at] = found
}
