package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what a [Feed] needs. Its embedded Config describes the topic. The feed reads the topic
// and never creates it.
type Config struct {
	redpanda.Config
	// GroupPrefix and a consumer's name make the name of its consumer group. Empty means
	// "orderflow.". Processes that share their views must share it; others must not.
	GroupPrefix string
	// Heartbeat is how often each member of a group asks whether partitions change hands. 0 means 1
	// second.
	Heartbeat time.Duration
	// SessionTimeout is the time without a heartbeat after which the partitions of a process are
	// given to others. 0 means 10 seconds.
	SessionTimeout time.Duration
	// HandOver is how long delivered events of a partition may take to be committed before the
	// partition goes to another process. Events that take longer are delivered there again. 0 means
	// 5 seconds.
	HandOver time.Duration
	// CommitInterval is the shortest time between two commits of one consumer. 0 means 100
	// milliseconds.
	CommitInterval time.Duration
	// FetchWait is how long a broker waits with its answer while there is nothing to read. 0 means
	// 250 milliseconds. The minimum is 10 milliseconds.
	FetchWait time.Duration
	// OnMalformed is called for each message that is no event and is skipped, from one goroutine
	// for each consumer. Nil means that it is only counted.
	OnMalformed func(partition int32, offset int64, err error)
	// Admit is asked for each event that another store has published, see redpanda.Config.Store.
	// With an error the subscription does not pass the event: Next returns the error, and again
	// when it is called again. Nil admits all.
	Admit func(ctx context.Context, store uuid.UUID, event eventsourcing.Record) error
	// Now is the clock for ages. Nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	c.Config = c.Config.WithDefaults()
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
	if c.Admit == nil {
		c.Admit = func(context.Context, uuid.UUID, eventsourcing.Record) error { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// group returns the options of a client that is a member of a group. It does not contain the
// callbacks yet.
func (c Config) group(name string) ([]kgo.Opt, error) {
	options, err := client.Options(c.Config)
	if err != nil {
		return nil, err
	}
	return append(
		options,
		kgo.ConsumerGroup(name),
		kgo.ConsumeTopics(c.Topic.Name),
		// Members of an earlier version know only the second one. The group uses the first one when
		// they have left.
		kgo.Balancers(kgo.CooperativeStickyBalancer(), kgo.StickyBalancer()),
		kgo.HeartbeatInterval(c.Heartbeat),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.RebalanceTimeout(c.HandOver+30*time.Second),
		kgo.BlockRebalanceOnPoll(), // only while polled messages are assigned to their claims
		kgo.DisableAutoCommit(),
		// for a partition for which the group has no offset
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		// the consumer must be told of an expired offset
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(),        // the offset passes them as well
		kgo.MetadataMaxAge(time.Minute), // how soon new partitions are noticed
		kgo.FetchMaxWait(c.FetchWait),
		kgo.FetchMaxPartitionBytes(readBytes),
		kgo.FetchMaxBytes(answerBytes),
	), nil
}

// Feed is the topic as a change feed. Each consumer is a consumer group, and the processes that
// subscribe it share the partitions. The feed connects when it is first used. The package comment
// says what it does and why.
type Feed struct {
	config    Config
	link      *link
	prefixes  *prefixes
	strangers strangers

	mu            sync.Mutex
	closed        bool
	subscriptions map[string]*subscription // by consumer; nil while one is being opened
}

var (
	_ ports.ChangeFeed = (*Feed)(nil)
	_ ports.Strangers  = (*Feed)(nil)
)

// NewFeed returns a feed that is not connected yet. Its errors are about the configuration.
func NewFeed(config Config) (*Feed, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	options, err := config.group("any")
	if err != nil {
		return nil, err
	}
	if err := kgo.ValidateOpts(options...); err != nil {
		return nil, fmt.Errorf("redpanda configuration: %w", err)
	}
	l, err := newLink(config.Config)
	if err != nil {
		return nil, err
	}
	return &Feed{
		config: config, link: l, prefixes: newPrefixes(), subscriptions: make(map[string]*subscription),
		strangers: strangers{log: config.Logger},
	}, nil
}

func (f *Feed) group(consumer string) string { return f.config.GroupPrefix + consumer }

// Subscribe implements [ports.ChangeFeed]. The partitions, and with them deliveries, arrive when
// the group has agreed on their assignment.
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
	var s *subscription
	if err == nil {
		s, err = newSubscription(f, consumer)
	}
	if err != nil {
		delete(f.subscriptions, consumer)
		return nil, err
	}
	f.subscriptions[consumer] = s
	return s, nil
}

// reserve reserves the one subscription of a consumer.
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

// SeekEnd implements [ports.ChangeFeed]. It fails with ports.ErrUnavailable while another process
// has a subscription of the consumer.
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
	found, err := topic.Look(ctx, f.link.client, f.config.Topic.Name)
	if err == nil {
		err = found.Err()
	}
	if err != nil {
		return f.link.explain(ctx, err)
	}
	ends := make(kadm.Offsets)
	for i, p := range found.Partitions {
		ends.Add(kadm.Offset{
			Topic: f.config.Topic.Name, Partition: int32(i), At: p.End, LeaderEpoch: -1, Metadata: mark(found.ID),
		})
	}
	saved, err := kadm.NewClient(f.link.client).CommitOffsets(ctx, f.group(consumer), ends)
	if err == nil {
		err = saved.Error()
	}
	if isFenced(err) {
		return fmt.Errorf("%w: group %s is consuming elsewhere: %w", ports.ErrUnavailable, f.group(consumer), err)
	}
	return f.link.explain(ctx, err)
}

// isFenced reports whether the caller is not a member of the group, or not any more.
func isFenced(err error) bool {
	return client.Is(err, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.FencedInstanceID)
}

// Close ends the subscriptions and disconnects. It may be called twice.
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
	var closing sync.WaitGroup
	for _, s := range open {
		closing.Go(func() { _ = s.Close() })
	}
	closing.Wait()
	f.link.client.Close()
	return nil
}
