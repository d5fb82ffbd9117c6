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

// FeedConfig is what a [Feed] needs. Config says where the topic is; the feed reads it and never creates it.
type FeedConfig struct {
	Config
	// GroupPrefix and a consumer's name make the name of its consumer group; empty means "orderflow.". Processes that share
	// their views share it, others do not.
	GroupPrefix string
	// Heartbeat is how often each member of a group asks whether partitions are to change hands; 0 means 1 second.
	Heartbeat time.Duration
	// SessionTimeout is after how long without a heartbeat the partitions of a process are given to others; 0 means 10 seconds.
	SessionTimeout time.Duration
	// HandOver is how long what was delivered from a partition may take to be committed before the partition goes to another
	// process; what takes longer is delivered there again. 0 means 5 seconds.
	HandOver time.Duration
	// CommitInterval is the shortest time between two commits of one consumer; 0 means 100 milliseconds.
	CommitInterval time.Duration
	// FetchWait is how long a broker holds back its answer while there is nothing to read; closing a subscription may take as long.
	// 0 means 250 milliseconds.
	FetchWait time.Duration
	// OnMalformed is called for each message that is no event and is passed over; nil means that it is only logged.
	OnMalformed func(partition int32, offset int64, err error)
	// Now is the clock that ages are measured by; nil means time.Now.
	Now func() time.Time
}

func (c FeedConfig) withDefaults() FeedConfig {
	c.Config = c.Config.withDefaults()
	if c.GroupPrefix == "" {
		c.GroupPrefix = "orderflow."
	}
	for _, setting := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.Heartbeat, time.Second},
		{&c.SessionTimeout, 10 * time.Second},
		{&c.HandOver, 5 * time.Second},
		{&c.CommitInterval, 100 * time.Millisecond},
		{&c.FetchWait, 250 * time.Millisecond},
	} {
		if *setting.value == 0 {
			*setting.value = setting.usual
		}
	}
	if c.OnMalformed == nil {
		c.OnMalformed = func(int32, int64, error) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// group returns the client's configuration for the members of a group.
func (c FeedConfig) group() (*sarama.Config, error) {
	s, err := c.reader()
	if err != nil {
		return nil, err
	}
	s.ChannelBufferSize = bufferedMessages
	s.Consumer.MaxWaitTime = c.FetchWait
	s.Consumer.Offsets.AutoCommit.Enable = false
	s.Consumer.Group.ResetInvalidOffsets = false // an expired offset is for the consumer to know
	s.Consumer.Group.Heartbeat.Interval = c.Heartbeat
	s.Consumer.Group.Session.Timeout = c.SessionTimeout
	s.Consumer.Group.Rebalance.Timeout = c.HandOver + 30*time.Second
	s.Consumer.Group.Rebalance.Retry.Backoff = 250 * time.Millisecond
	s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	return s, nil
}

// Feed is the topic as a change feed: each consumer is a consumer group, and the processes that subscribe it share the
// partitions. It connects when it is first used.
//
// # Positions and offsets
//
// A stream is a partition; a position's offset is that of the message. What a group has committed is the offset behind the last
// message that was handled. Commit marks; the mark is saved at once when none was saved for CommitInterval, else when that is
// over, and before a partition is handed over or the subscription is closed. So a commit costs its caller nothing, and a crash
// has the events of at most that interval delivered again.
//
// The group's offsets are durable on their own. Hence the effects must be, too, when Commit is called: on a store whose effects
// may fall back behind it after a crash, events would be skipped.
//
// # Partitions that change hands
//
// When a member joins or leaves, all members stop, and the partitions are divided anew, so that as few as possible change hands. A
// member that is to give a partition away delivers nothing more of it, also not what it had fetched, and waits until all that it
// had delivered was committed, for at most HandOver; then it saves the offset, and the next member goes on behind it. What was
// not committed by then is delivered there again. A position that is committed after that changes nothing. A process that dies
// is missed after SessionTimeout.
//
// # What has expired
//
// A subscription of a group that has no offsets is a ports.ErrNoOffset. One whose offset the topic has dropped, or which lies behind
// its end because it is another topic by now, is a ports.ErrOffsetExpired, and so is an offset that is overtaken while it is
// read. A partition that was added later is read from its beginning.
//
// # When brokers are away
//
// The client gets over the move of a leader or a coordinator by itself. When the group cannot be joined for longer, Next tells
// it, once for each attempt, as a ports.ErrUnavailable; the subscription goes on trying. The lag is not known meanwhile.
//
// # Messages that are no events
//
// They are logged, told to OnMalformed, and passed over, also by the offset: one message of somebody else must not stop all
// orders. If it should have been an event, its order has a hole, which the consumer fills from the event store when it sees the
// next event of that order; `orderflow verify topic` finds it in any case.
//
// # Memory
//
// Of each partition, up to two answers of a broker and 64 decoded messages wait, and 64 more of all partitions together. An answer
// has 256 KiB, or one batch if that is larger; compressed batches take what they unpack to.
//
// # Why not the subscriber of watermill-kafka
//
// It gives out one message of a partition and waits for its acknowledgement before the next one. So at most as many orders as there
// are partitions are handled at a time, where the lanes of a consumer are many more; it cannot be asked for a position to commit
// later, so it cannot keep the contract of ports.ChangeFeed; it resets an offset that has expired to the oldest one, which
// skips events in silence; and it does not tell lag. Measured side by side (BenchmarkSource; Kafka 4.1 and the reader on the same two cores, 40,000 events in 12
// partitions, 32 lanes, from joining the group to leaving it): 68,000 to 72,000 events/s here and 46,000 there with an effect that
// takes no time, 19,700 and 8,500 with one of a millisecond. The router behind the feed is Watermill's all the same, see
// adapters/fanout.
type Feed struct {
	config FeedConfig
	link   *link
	ages   ages

	mu            sync.Mutex
	closed        bool
	subscriptions map[string]*subscription // by consumer; nil while one is being opened
}

var _ ports.ChangeFeed = (*Feed)(nil)

// NewFeed returns a feed that is not connected yet. Errors are about the configuration.
func NewFeed(config FeedConfig) (*Feed, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	settings, err := config.group()
	if err != nil {
		return nil, err
	}
	if err := settings.Validate(); err != nil {
		return nil, fmt.Errorf("redpanda configuration: %w", err)
	}
	return &Feed{
		config: config, link: newLink(config.Config),
		ages: ages{known: make(map[place]time.Time)}, subscriptions: make(map[string]*subscription),
	}, nil
}

func (f *Feed) group(consumer string) string { return f.config.GroupPrefix + consumer }

// Subscribe implements [ports.ChangeFeed]. The partitions arrive, and with them deliveries, when the group has agreed on who
// gets which.
func (f *Feed) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	s, err := f.subscribe(ctx, consumer)
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w", consumer, err)
	}
	return s, nil
}

func (f *Feed) subscribe(ctx context.Context, consumer string) (*subscription, error) {
	if err := f.reserve(ctx, consumer); err != nil {
		return nil, err
	}
	at, err := f.standing(ctx, consumer)
	if err == nil {
		err = at.check()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.closed {
		err = ports.ErrClosed
	}
	if err != nil {
		delete(f.subscriptions, consumer)
		return nil, err
	}
	s := newSubscription(f, consumer)
	f.subscriptions[consumer] = s
	return s, nil
}

// reserve takes the one place of a consumer.
func (f *Feed) reserve(ctx context.Context, consumer string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ports.ErrClosed
	}
	if _, taken := f.subscriptions[consumer]; taken {
		return errors.New("the consumer already has an open subscription")
	}
	f.subscriptions[consumer] = nil
	return nil
}

func (f *Feed) release(consumer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subscriptions, consumer)
}

// SeekEnd implements [ports.ChangeFeed]. It fails with ports.ErrUnavailable as long as another process has a subscription of
// the consumer.
func (f *Feed) SeekEnd(ctx context.Context, consumer string) error {
	if err := f.seekEnd(ctx, consumer); err != nil {
		return fmt.Errorf("seek end for %s: %w", consumer, err)
	}
	return nil
}

func (f *Feed) seekEnd(ctx context.Context, consumer string) error {
	if err := f.reserve(ctx, consumer); err != nil {
		return err
	}
	defer f.release(consumer)
	topic, group := f.config.Topic.Name, f.group(consumer)
	_, err := ask(ctx, f.link, func(client sarama.Client) (struct{}, error) {
		ranges, err := topicRanges(client, topic)
		if err != nil {
			return struct{}{}, err
		}
		ends := make(map[int32]int64, len(ranges))
		for p, r := range ranges {
			ends[p] = r.end
		}
		err = commitOffsets(client, topic, group, membership{}, ends)
		if fenced(err) {
			err = answer(fmt.Errorf("%w: group %s is consuming elsewhere: %w", ports.ErrUnavailable, group, err))
		}
		return struct{}{}, err
	})
	return err
}

// Close ends the subscriptions and disconnects. It is safe to call twice.
func (f *Feed) Close() error {
	f.mu.Lock()
	f.closed = true
	var open []*subscription
	for _, s := range f.subscriptions {
		if s != nil {
			open = append(open, s)
		}
	}
	f.mu.Unlock()
	for _, s := range open {
		_ = s.Close()
	}
	f.link.close()
	return nil
}

// standing is where a consumer is in the topic.
type standing struct {
	ranges  map[int32]partitionRange
	offsets map[int32]int64 // the next one to read, or noOffset
}

func (f *Feed) standing(ctx context.Context, consumer string) (standing, error) {
	topic := f.config.Topic.Name
	return ask(ctx, f.link, func(client sarama.Client) (standing, error) {
		partitions, err := topicPartitions(client, topic)
		if err != nil {
			return standing{}, err
		}
		// The offsets come first: a commit in between then only makes the consumer look further behind.
		at := standing{}
		if at.offsets, err = committed(client, topic, f.group(consumer), partitions); err != nil {
			return standing{}, err
		}
		at.ranges, err = topicRanges(client, topic)
		return at, err
	})
}

// check says whether the consumer can go on from where it is.
func (s standing) check() error {
	known := false
	for _, offset := range s.offsets {
		known = known || offset != noOffset
	}
	if !known {
		return ports.ErrNoOffset
	}
	for p, r := range s.ranges {
		offset := s.next(p)
		if offset < r.oldest {
			return fmt.Errorf("%w: partition %d is at offset %d, and the topic begins at %d", ports.ErrOffsetExpired, p, offset, r.oldest)
		}
		if offset > r.end {
			return fmt.Errorf("%w: partition %d is at offset %d, and the topic ends at %d", ports.ErrOffsetExpired, p, offset, r.end)
		}
	}
	return nil
}

// next returns the next offset to read in a partition. One that the consumer has no offset for was added later, so it is read
// from its first message on.
func (s standing) next(partition int32) int64 {
	if offset, known := s.offsets[partition]; known && offset != noOffset {
		return offset
	}
	return 0
}
