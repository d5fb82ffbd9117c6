package redpanda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

const (
	// bufferedMessages is how many messages of each partition wait decoded, and how many wait for Next.
	bufferedMessages = 64
	// longestRejoin bounds the pause between attempts to join the group.
	longestRejoin = 5 * time.Second
)

// subscription is one member of a consumer's group.
type subscription struct {
	feed     *Feed
	consumer string
	group    string
	log      *slog.Logger

	deliveries chan delivery
	// unavailable holds the latest reason why the group could not be joined, until Next has told it.
	unavailable chan error
	// expired is closed, with why set before, when the topic has dropped what is due.
	expired     chan struct{}
	why         error
	expiredOnce sync.Once
	// dirty has something in it while there is something to commit.
	dirty chan struct{}

	// ctx ends with the first call of Close, ended is closed when nothing runs any more.
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	claims map[int32]*claim // the partitions that this member has now
}

var _ ports.Subscription = (*subscription)(nil)

// delivery is a message on its way to Next.
type delivery struct {
	ports.Delivery
	claim  *claim
	offset int64
	// malformed says that it is no event: it travels along so that the offset gets past it in its turn.
	malformed bool
}

func newSubscription(f *Feed, consumer string) *subscription {
	s := &subscription{
		feed: f, consumer: consumer, group: f.group(consumer), log: f.config.Logger.With("consumer", consumer),
		deliveries: make(chan delivery, bufferedMessages), unavailable: make(chan error, 1),
		expired: make(chan struct{}), dirty: make(chan struct{}, 1), ended: make(chan struct{}),
		claims: make(map[int32]*claim),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s
}

// Next implements [ports.Subscription].
func (s *subscription) Next(ctx context.Context) (ports.Delivery, error) {
	d, err := s.next(ctx)
	if err != nil {
		return ports.Delivery{}, fmt.Errorf("next of %s: %w", s.consumer, err)
	}
	return d, nil
}

func (s *subscription) next(ctx context.Context) (ports.Delivery, error) {
	for {
		if err := s.check(ctx); err != nil {
			return ports.Delivery{}, err
		}
		select {
		case d := <-s.deliveries:
			switch {
			case d.malformed:
				if d.claim.pass(d.offset) {
					s.setDirty()
				}
			case d.claim.take(d.offset):
				return d.Delivery, nil
			}
		case <-s.expired:
			return ports.Delivery{}, s.why
		case err := <-s.unavailable:
			return ports.Delivery{}, err
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
	}
}

func (s *subscription) check(ctx context.Context) error {
	if s.ctx.Err() != nil {
		return ports.ErrClosed
	}
	return ctx.Err()
}

// Commit implements [ports.Subscription]. The offset is saved soon: at once if none was saved for a while, and at the latest
// when the partition is handed over and when the subscription is closed. A position in a partition that another member has got
// meanwhile is ignored; its events come again there.
func (s *subscription) Commit(ctx context.Context, p ports.Position) error {
	partition, offset, err := parsePosition(p)
	if err == nil {
		err = s.check(ctx)
	}
	if err != nil {
		return fmt.Errorf("commit of %s at %s of %s: %w", s.consumer, p.Offset, p.Stream, err)
	}
	s.mu.Lock()
	c := s.claims[partition]
	s.mu.Unlock()
	if c != nil && c.handled(offset) {
		s.setDirty()
	}
	return nil
}

func (s *subscription) setDirty() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

func position(partition int32, offset int64) ports.Position {
	return ports.Position{Stream: strconv.FormatInt(int64(partition), 10), Offset: strconv.FormatInt(offset, 10)}
}

func parsePosition(p ports.Position) (partition int32, offset int64, err error) {
	number, err := strconv.ParseInt(p.Stream, 10, 32)
	if err != nil {
		return 0, 0, err
	}
	offset, err = strconv.ParseInt(p.Offset, 10, 64)
	return int32(number), offset, err
}

// Close implements [ports.Subscription]. It saves what was committed and leaves the group, so that the partitions go to
// others at once.
func (s *subscription) Close() error {
	s.cancel()
	<-s.ended
	return nil
}

// run is a member of the group until Close.
func (s *subscription) run() {
	defer close(s.ended)
	defer s.feed.release(s.consumer)
	for pause := firstPause; ; pause = min(2*pause, longestRejoin) {
		joined, err := s.join()
		if s.ctx.Err() != nil || s.isExpired() {
			break
		}
		if joined {
			pause = firstPause
		}
		s.log.Warn("the consumer group cannot be joined, trying again", "error", err)
		s.tell(translate(err, read))
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
		}
	}
	<-s.ctx.Done() // an expired subscription keeps its place until it is closed
}

// tell has Next return err once, unless a newer reason comes first.
func (s *subscription) tell(err error) {
	select {
	case <-s.unavailable:
	default:
	}
	s.unavailable <- err
}

// expire ends the deliveries for good.
func (s *subscription) expire(err error) {
	s.expiredOnce.Do(func() {
		s.why = translate(err, read)
		close(s.expired)
	})
}

func (s *subscription) isExpired() bool {
	select {
	case <-s.expired:
		return true
	default:
		return false
	}
}

// join joins the group with a client of its own and takes part until something goes wrong, which is its error, or Close. joined
// says that it was a member in between.
func (s *subscription) join() (joined bool, err error) {
	settings, err := s.feed.config.group()
	if err != nil {
		return false, err
	}
	d := newDialer(s.feed.config.Timeout)
	defer d.abort()
	settings.Net.Proxy.Enable, settings.Net.Proxy.Dialer = true, d
	stop := context.AfterFunc(s.ctx, func() { // brokers that do not answer get this long to hear that the member leaves
		timer := time.NewTimer(s.feed.config.Timeout)
		defer timer.Stop()
		select {
		case <-timer.C:
			d.abort()
		case <-s.ended:
		}
	})
	defer stop()
	group, err := sarama.NewConsumerGroup(s.feed.config.Brokers, s.group, settings)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	var listening sync.WaitGroup
	listening.Go(func() { s.listen(group.Errors(), cancel) })
	member := &member{subscription: s}
	for ctx.Err() == nil && err == nil {
		err = group.Consume(ctx, []string{s.feed.config.Topic.Name}, member) // one generation of the group
	}
	if closing := group.Close(); closing != nil && s.ctx.Err() == nil {
		s.log.Debug("the consumer group was left with an error", "error", closing)
	}
	listening.Wait()
	return member.joined, err
}

// listen looks at what goes wrong while the group is consuming. Most of it the client gets over by itself.
func (s *subscription) listen(errs <-chan error, stop func()) {
	for err := range errs {
		if errors.Is(err, sarama.ErrOffsetOutOfRange) {
			s.expire(err)
			stop()
			continue
		}
		s.log.Warn("trouble with the topic", "error", err)
	}
}
