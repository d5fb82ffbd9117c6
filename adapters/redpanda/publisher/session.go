package publisher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
)

const (
	// recordAttempts and the pauses between attempts cover the move of a leader, and the first
	// moments of a topic. The caller handles what takes longer.
	recordAttempts = 8
	// aloneFor is the number of messages after which a session that sends them alone has probably
	// missed the wrong one.
	aloneFor = 1000
)

// session is one idempotent producer. It handles all answers of brokers. It is replaced when the
// topic's limit has changed, and when it is stuck.
type session struct {
	client *kgo.Client
	// limit is the highest number of bytes of a message before compression.
	limit int
	// alone is nil, or holds a token that a message needs to be sent. Then every answer is about
	// one message. sent counts them.
	alone chan struct{}
	sent  atomic.Int64
	// trouble is the last failure to connect.
	trouble *client.Trouble

	mu      sync.RWMutex // locked for reading while the client takes a message
	closed  bool
	closing sync.Once
}

// openSession connects and prepares the topic. previous is the session before it that had a wrong
// message, if there is one.
func openSession(ctx context.Context, c Config, previous *blamed) (_ *session, err error) {
	s := &session{trouble: &client.Trouble{}}
	defer func() {
		if err != nil {
			err = s.trouble.Explain(fmt.Errorf("connect: %w", err))
		}
	}()
	limit, err := prepareTopic(ctx, c, s.trouble)
	if err != nil {
		return nil, err
	}
	s.limit = limit - batchOverhead
	if previous.wantsAlone(s.limit) {
		s.alone = make(chan struct{}, 1)
	}
	options, err := c.producer()
	if err != nil {
		return nil, err
	}
	s.client, err = kgo.NewClient(append(options, kgo.ProducerBatchMaxBytes(int32(limit)), kgo.WithHooks(s.trouble))...)
	return s, err
}

// outgrown reports whether the topic's limit was raised since the session began.
func (s *session) outgrown(ctx context.Context, c Config) bool {
	settings, err := client.ReadTopicSettings(ctx, s.client, c.Topic.Name)
	return err == nil && limitOf(settings)-batchOverhead > s.limit
}

// probe returns why the topic takes no events.
func (s *session) probe(ctx context.Context, c Config) error {
	if err := describeTopic(ctx, s.client, c.Topic.Name); err != nil {
		return err
	}
	settings, err := client.ReadTopicSettings(ctx, s.client, c.Topic.Name)
	if err != nil {
		return err
	}
	return settings.Check(c.Topic)
}

// prepareTopic prepares the topic and returns the highest number of bytes of a batch. It uses its
// own client, because the limit is a setting of the other one.
func prepareTopic(ctx context.Context, c Config, t *client.Trouble) (limit int, err error) {
	options, err := client.Options(c.Config)
	if err != nil {
		return 0, err
	}
	cl, err := kgo.NewClient(append(options, kgo.WithHooks(t))...)
	if err != nil {
		return 0, err
	}
	disconnect := sync.OnceFunc(cl.Close)
	defer disconnect()
	// the client ignores the context while it connects to a broker
	defer context.AfterFunc(ctx, disconnect)()
	if err := ensureTopic(ctx, cl, c); err != nil {
		return 0, err
	}
	settings, err := client.ReadTopicSettings(ctx, cl, c.Topic.Name)
	if err != nil {
		return 0, err
	}
	return limitOf(settings), settings.Check(c.Topic)
}

// producer returns the options of a session's client.
func (c Config) producer() ([]kgo.Opt, error) {
	options, err := client.Options(c.Config)
	if err != nil {
		return nil, err
	}
	codec := map[redpanda.Compression]kgo.CompressionCodec{
		redpanda.CompressionZstd: kgo.ZstdCompression(), redpanda.CompressionLZ4: kgo.Lz4Compression(),
	}[c.Compression] // otherwise none
	return append(
		options,
		kgo.RequiredAcks(kgo.AllISRAcks()), // and idempotent, which is the default
		kgo.ProduceRequestTimeout(c.Timeout/2),
		kgo.RecordRetries(recordAttempts),
		kgo.RecordDeliveryTimeout(c.Timeout),
		kgo.UnknownTopicRetries(recordAttempts),
		kgo.ProducerLinger(0), // a batch is what arrived while earlier batches were on their way
		kgo.ProducerBatchCompression(codec),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // by the hash of Java's client
	), nil
}

// errReplaced is the error for a message that came too late for its session.
var errReplaced = errors.New("the session has ended")

// send returns when the brokers have acknowledged or refused r. When ctx ends first, the outcome is
// unknown.
func (s *session) send(ctx context.Context, r *kgo.Record) error {
	if s.alone != nil {
		select {
		case s.alone <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-s.alone }()
	}
	answer := make(chan error, 1)
	if !s.handOver(ctx, r, answer) {
		return errReplaced
	}
	select {
	case err := <-answer:
		return s.trouble.Explain(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// handOver reports whether the client took r. The client answers for every message that it took, at
// the latest when it is closed. A message that it gets after that may be lost.
func (s *session) handOver(ctx context.Context, r *kgo.Record, answer chan<- error) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.closed {
		// For one event whose context has ended, the client fails everything that waits for the
		// partition.
		s.client.TryProduce(context.WithoutCancel(ctx), r, func(_ *kgo.Record, err error) { answer <- err })
	}
	return !s.closed
}

// close takes no more messages, waits for those on their way until ctx ends, and disconnects. All
// calls wait for the first one.
func (s *session) close(ctx context.Context) {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		_ = s.client.Flush(ctx) // every caller gets its own answer
		s.client.Close()
	})
}
