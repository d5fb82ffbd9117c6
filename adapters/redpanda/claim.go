package redpanda

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"orderflow/ports"
)

// claim is one partition, for as long as the member has it without a break.
type claim struct {
	mu sync.Mutex
	// delivered is the offset behind the last message that Next returned, passed that behind the messages after it that are no
	// events, and mark that behind what is committed; 0 for none.
	delivered, passed, mark int64
	// saved is the mark that the group's coordinator knows.
	saved int64
	// lost is set when no more may be delivered; then settled is closed once all that was delivered has been committed.
	lost    bool
	settled chan struct{}
}

// take makes a message the last one that was delivered, unless the partition is lost.
func (c *claim) take(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return false
	}
	c.delivered, c.passed = offset+1, offset+1
	return true
}

// pass takes a message that nobody is to get, and reports whether that moved the mark.
func (c *claim) pass(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost {
		return false
	}
	c.passed = offset + 1
	if c.mark < c.delivered {
		return false
	}
	c.mark = c.passed
	return true
}

// handled commits the messages up to offset, and reports whether that moved the mark. It does nothing for a message that was not
// delivered since the member has the partition: it had it before, too, and lost it in between.
func (c *claim) handled(offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset >= c.delivered || offset < c.mark {
		return false
	}
	if c.mark = offset + 1; c.mark == c.delivered {
		c.mark = c.passed
	}
	c.settle()
	return true
}

// lose ends the deliveries. The channel is closed when all of them have been committed.
func (c *claim) lose() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	c.settle()
	return c.settled
}

func (c *claim) settle() {
	if !c.lost || c.mark < c.delivered {
		return
	}
	select {
	case <-c.settled:
	default:
		close(c.settled)
	}
}

// unsaved returns the mark if the coordinator does not know it.
func (c *claim) unsaved() (mark int64, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mark, c.mark > c.saved
}

func (c *claim) setSaved(mark int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = max(c.saved, mark)
}

// member is the subscription as the client sees it. The client calls Setup, then ConsumeClaim for each partition at the same
// time, and when all of them have returned, Cleanup; that is one generation of the group.
type member struct {
	*subscription
	joined     bool
	committing sync.WaitGroup
	stop       context.CancelFunc
}

var _ sarama.ConsumerGroupHandler = (*member)(nil)

// Setup implements sarama.ConsumerGroupHandler.
func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.joined = true
	m.mu.Lock()
	for _, p := range session.Claims()[m.feed.config.Topic.Name] {
		m.claims[p] = &claim{settled: make(chan struct{})}
	}
	m.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.committing.Go(func() { m.commitUntil(ctx, membershipOf(session)) })
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler. The group waits for it before it gives the partitions away.
func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.stop()
	m.committing.Wait()
	m.save(membershipOf(session))
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.claims)
	return nil
}

func membershipOf(session sarama.ConsumerGroupSession) membership {
	return membership{session.MemberID(), session.GenerationID()}
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, messages sarama.ConsumerGroupClaim) error {
	m.mu.Lock()
	c := m.claims[messages.Partition()]
	m.mu.Unlock()
	m.deliver(session.Context(), c, messages.Messages())
	settled := c.lose()
	if fenced(context.Cause(session.Context())) {
		return nil // the partition is somebody else's already
	}
	late := time.NewTimer(m.feed.config.HandOver)
	defer late.Stop()
	select {
	case <-settled:
	case <-late.C:
		m.log.Warn("a partition is handed over before all its deliveries were committed", "partition", messages.Partition())
	case <-m.ctx.Done():
	case <-m.expired:
	}
	return nil
}

// deliver passes messages on until ctx ends or there are no more.
func (m *member) deliver(ctx context.Context, c *claim, messages <-chan *sarama.ConsumerMessage) {
	for {
		var d delivery
		select {
		case message, more := <-messages:
			if !more {
				return
			}
			record, err := newRecord(message)
			if err != nil {
				m.malformed(message, err)
			}
			d = delivery{
				Delivery: ports.Delivery{Record: record, Position: position(message.Partition, message.Offset)},
				claim:    c, offset: message.Offset, malformed: err != nil,
			}
		case <-ctx.Done():
			return
		}
		select {
		case m.deliveries <- d:
		case <-ctx.Done():
			return
		}
	}
}

// malformed passes over a message that is no event. If it should have been one, the next event of its order shows the hole, and
// the consumer fills it from the event store.
func (m *member) malformed(message *sarama.ConsumerMessage, err error) {
	m.log.Error("a message of the topic is no event", "partition", message.Partition, "offset", message.Offset, "error", err)
	m.feed.config.OnMalformed(message.Partition, message.Offset, err)
}

// commitUntil saves what is committed, at intervals, until ctx ends.
func (m *member) commitUntil(ctx context.Context, by membership) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-m.dirty:
		case <-ctx.Done():
			return
		}
		m.save(by)
		pause.Reset(m.feed.config.CommitInterval)
	}
}

// save tells the coordinator what it does not know yet. What does not work now works the next time, or it is delivered again.
func (m *member) save(by membership) {
	marks := make(map[int32]int64)
	saved := make(map[*claim]int64)
	m.mu.Lock()
	for p, c := range m.claims {
		if mark, unsaved := c.unsaved(); unsaved {
			marks[p], saved[c] = mark, mark
		}
	}
	m.mu.Unlock()
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.feed.config.Timeout)
	defer cancel()
	topic := m.feed.config.Topic.Name
	_, err := ask(ctx, m.feed.link, func(client sarama.Client) (struct{}, error) {
		return struct{}{}, commitOffsets(client, topic, m.group, by, marks)
	})
	switch {
	case err == nil:
		for c, mark := range saved {
			c.setSaved(mark)
		}
	case fenced(err): // the partitions are somebody else's
		m.log.Debug("offsets came too late to be saved", "error", err)
	default:
		m.log.Warn("offsets not saved", "error", err)
		m.setDirty()
	}
}
