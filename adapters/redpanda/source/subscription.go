package source

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/ports"
)

// answerBytes is how much is requested from one broker at once, for all its partitions together.
const answerBytes = 4 << 20

// subscription is one member of a consumer's group.
type subscription struct {
	feed     *Feed
	consumer string
	log      *slog.Logger
	client   *kgo.Client

	// batches passes on what was polled. due is the part of the last batch that Next has not
	// returned.
	batches chan []delivery
	due     []delivery
	// unavailable holds the latest reason why nothing comes, until Next has returned it.
	unavailable chan error
	// expired is closed when the topic has dropped what is due. why is set before.
	expired     chan struct{}
	why         error
	expiredOnce sync.Once
	// dirty contains a value while there is something to commit.
	dirty chan struct{}

	// ctx ends with the first call of Close. ended is closed when nothing runs any more.
	ctx    context.Context
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	claims map[int32]*claim // the current partitions of this member
	// troubled holds the partitions that cannot be read, which was logged. -1 stands for no
	// particular one.
	troubled map[int32]bool
	// saving is locked while offsets are saved, and while partitions are given up. So only the
	// member that owns the partitions saves their offsets. It is locked before mu.
	saving sync.Mutex
}

var _ ports.Subscription = (*subscription)(nil)

// delivery is a message on its way to Next.
type delivery struct {
	ports.Delivery
	claim  *claim
	offset int64
	// pass says that the message is not delivered because it is no event. It is kept in the
	// sequence so that the offset passes it at the right moment.
	pass bool
	// other is the store that has published the event, if it is another one than that of the feed.
	other uuid.UUID
}

// newSubscription joins the group. Its errors are about the configuration.
func newSubscription(f *Feed, consumer string) (*subscription, error) {
	s := &subscription{
		feed: f, consumer: consumer, log: f.config.Logger.With("consumer", consumer),
		batches: make(chan []delivery), unavailable: make(chan error, 1),
		expired: make(chan struct{}), dirty: make(chan struct{}, 1), ended: make(chan struct{}),
		claims: make(map[int32]*claim), troubled: make(map[int32]bool),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	options, err := f.config.group(f.group(consumer))
	if err == nil {
		s.client, err = kgo.NewClient(append(
			options, kgo.OnPartitionsAssigned(s.assigned), kgo.OnPartitionsRevoked(s.revoked), kgo.OnPartitionsLost(s.lost),
		)...)
	}
	if err != nil {
		s.cancel()
		return nil, err
	}
	go s.run()
	return s, nil
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
		for len(s.due) > 0 {
			d := s.due[0]
			if d.other != uuid.Nil {
				if err := s.feed.config.Admit(ctx, d.other, d.Record); err != nil {
					return ports.Delivery{}, err
				}
			}
			s.due = s.due[1:]
			switch {
			case d.pass:
				if d.claim.pass(d.offset) {
					s.setDirty()
				}
			case d.claim.take(d.offset):
				return d.Delivery, nil
			}
		}
		select {
		case s.due = <-s.batches:
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

// Commit implements [ports.Subscription]. The offset is saved soon: at once if none was saved for a
// while, and at the latest when the partition is handed over and when the subscription is closed. A
// position in a partition that now belongs to another member is ignored; its events are delivered
// there again.
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

// Close implements [ports.Subscription]. It saves what was committed and leaves the group, so that
// the partitions go to others at once. Brokers that do not answer delay it by Config.Timeout.
func (s *subscription) Close() error {
	s.cancel()
	<-s.ended
	return nil
}

// run is the loop of a member, until Close or until the topic has dropped what is due.
func (s *subscription) run() {
	defer close(s.ended)
	defer s.feed.release(s.consumer)
	saving, stop := context.WithCancel(s.ctx)
	var committing sync.WaitGroup
	committing.Go(func() { s.commitUntil(saving) })
	s.poll()
	stop()
	committing.Wait()
	s.leave()
	<-s.ctx.Done() // an expired subscription stays reserved until it is closed
}

// leave gives the partitions up, which saves what was committed, and leaves the group.
func (s *subscription) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), s.feed.config.Timeout)
	defer cancel()
	if err := s.client.LeaveGroupContext(ctx); err != nil {
		s.log.Debug("the consumer group was left without its knowledge", "error", err)
	}
	s.client.Close()
}

// tell makes Next return err once, unless a newer reason comes first. partition is -1 for no
// particular one. An outage is logged once, although the client tries again every second.
func (s *subscription) tell(partition int32, err error) {
	err = s.feed.link.explain(s.ctx, err)
	s.mu.Lock()
	level := slog.LevelWarn
	if s.troubled[partition] {
		level = slog.LevelDebug
	}
	s.troubled[partition] = true
	s.mu.Unlock()
	s.log.Log(s.ctx, level, "nothing can be read, trying again", "partition", partition, "error", err)
	select {
	case <-s.unavailable:
	default:
	}
	s.unavailable <- err
}

// recovered is called when a partition, or the group, can be read again. The caller holds mu.
func (s *subscription) recovered(partition int32) {
	if s.troubled[partition] {
		delete(s.troubled, partition)
		s.log.Info("the topic can be read again", "partition", partition)
	}
}

// expire ends the deliveries permanently.
func (s *subscription) expire(err error) {
	s.expiredOnce.Do(func() {
		s.why = fmt.Errorf("%w: %w", ports.ErrOffsetExpired, err)
		close(s.expired)
	})
}

// commitUntil saves what is committed, at intervals, until ctx ends.
func (s *subscription) commitUntil(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-s.dirty:
		case <-ctx.Done():
			return
		}
		s.saving.Lock()
		s.save(ctx)
		s.saving.Unlock()
		pause.Reset(s.feed.config.CommitInterval)
	}
}
