package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/client"
	"orderflow/adapters/redpanda/internal/message"
	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/ports"
)

// The client calls assigned, revoked and lost one at a time, and never while poll is between a poll
// and AllowRebalance.

// assigned is called when the group has given partitions to this member, before any of their
// messages are read.
func (s *subscription) assigned(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range partitions[s.feed.config.Topic.Name] {
		s.claims[p] = newClaim()
		delete(s.troubled, p)
	}
	s.recovered(-1)
}

// revoked is called when partitions go to other members, which wait for it, and when this member
// leaves. Heartbeats continue during the call.
func (s *subscription) revoked(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	claims := s.claimsOf(partitions[s.feed.config.Topic.Name])
	late := time.NewTimer(s.feed.config.HandOver)
	defer late.Stop()
	for _, c := range claims { // all at once
		c.lose()
	}
	for p, c := range claims {
		select {
		case <-c.lose():
			continue
		case <-late.C:
			s.log.Warn("partitions are handed over before all their deliveries were committed", "partition", p)
		case <-s.ctx.Done():
		case <-s.expired:
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.feed.config.Timeout)
	defer cancel()
	s.saving.Lock()
	defer s.saving.Unlock()
	s.save(ctx)
	s.forget(partitions[s.feed.config.Topic.Name])
}

// lost is called when the partitions already belong to others, or when the group cannot be reached.
// Then nothing can be saved.
func (s *subscription) lost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	for _, c := range s.claimsOf(partitions[s.feed.config.Topic.Name]) {
		c.lose()
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	s.forget(partitions[s.feed.config.Topic.Name])
}

func (s *subscription) claimsOf(partitions []int32) map[int32]*claim {
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := make(map[int32]*claim, len(partitions))
	for _, p := range partitions {
		if c := s.claims[p]; c != nil {
			claims[p] = c
		}
	}
	return claims
}

func (s *subscription) forget(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range partitions {
		delete(s.claims, p)
	}
}

// poll passes polled messages on until the subscription is closed or has expired.
func (s *subscription) poll() {
	for s.ctx.Err() == nil {
		batch, failed := s.sort(s.client.PollFetches(s.ctx))
		s.client.AllowRebalance()
		if !s.passOn(batch) {
			return
		}
		for _, f := range failed {
			if !s.cope(f) {
				return
			}
		}
	}
}

// passOn waits until Next takes a batch, and reports whether it did.
func (s *subscription) passOn(batch []delivery) bool {
	if len(batch) == 0 {
		return true
	}
	select {
	case s.batches <- batch:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// failure says why a partition, or the whole topic, cannot be read.
type failure struct {
	partition int32
	claim     *claim // nil for no particular one
	err       error
}

// sort assigns polled messages to their claims.
func (s *subscription) sort(fetches kgo.Fetches) (batch []delivery, failed []failure) {
	claims := s.claimsOf(s.mine())
	fetches.EachPartition(func(t kgo.FetchTopicPartition) {
		c := claims[t.Partition]
		if c == nil { // only an error
			failed = append(failed, failure{t.Partition, nil, t.Err})
			return
		}
		for _, r := range t.Records {
			batch = append(batch, s.deliver(c, topic.Message{Record: r}))
			c.fetched = r.Offset + 1
		}
		if len(t.Records) > 0 {
			s.mu.Lock()
			s.recovered(t.Partition)
			s.mu.Unlock()
		}
		err := t.Err
		if topic.IsBroken(err) {
			var broken topic.Message
			if broken, err = s.skip(t.Partition, c, err); err == nil {
				batch = append(batch, s.deliver(c, broken))
			}
		}
		if err != nil {
			failed = append(failed, failure{t.Partition, c, err})
		}
	})
	return batch, failed
}

func (s *subscription) mine() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	partitions := make([]int32, 0, len(s.claims))
	for p := range s.claims {
		partitions = append(partitions, p)
	}
	return partitions
}

// deliver makes a delivery of a message. A message that is no event is skipped. If it should have
// been an event, the next event of its order shows the gap, and the consumer fills it from the
// event store.
func (s *subscription) deliver(c *claim, m topic.Message) delivery {
	d := delivery{
		Delivery: ports.Delivery{Position: position(m.Partition, m.Offset)},
		claim:    c, offset: m.Offset,
	}
	if m.Attrs.IsControl() {
		d.pass = true
		return d
	}
	record, err := parse(m)
	if err != nil {
		d.pass = true
		s.feed.strangers.count(s.consumer, m, err)
		s.feed.config.OnMalformed(m.Partition, m.Offset, err)
		return d
	}
	d.Record = record
	if store := message.StoreOf(m.Headers); store != s.feed.config.Store && s.feed.config.Store != uuid.Nil {
		d.other = store
	}
	return d
}

// cope handles a failure, and reports whether reading continues.
func (s *subscription) cope(f failure) bool {
	lost, isLost := errors.AsType[*kgo.ErrDataLoss](f.err)
	switch {
	case s.ctx.Err() != nil || client.Is(f.err, kgo.ErrClientClosed, context.Canceled):
		return s.ctx.Err() == nil
	case client.Is(f.err, kerr.OffsetOutOfRange):
		s.expire(fmt.Errorf("partition %d: %w", f.partition, f.err))
		return false
	case isLost:
		s.expire(fmt.Errorf("the brokers have lost what they had: %w", lost))
		return false
	case client.Is(f.err, kerr.UnknownTopicID, kerr.InconsistentTopicID):
		s.expire(fmt.Errorf("the topic was deleted, and may exist again: %w", f.err))
		return false
	case isFenced(f.err) || client.Is(f.err, kerr.RebalanceInProgress):
		s.log.Info("the consumer group has gone on without this process, which joins it again", "error", f.err)
		return true
	default:
		if f.claim == nil {
			s.tell(-1, f.err)
			return true
		}
		s.tell(f.partition, f.err)
		s.rest(f.partition)
		return true
	}
}

// rest pauses the requests for a partition for a while. Otherwise the client would repeat them at
// once and delay the others.
func (s *subscription) rest(partition int32) {
	paused := map[string][]int32{s.feed.config.Topic.Name: {partition}}
	s.client.PauseFetchPartitions(paused)
	time.AfterFunc(client.LongestPause, func() { s.client.ResumeFetchPartitions(paused) })
}

// skip continues after a batch that cannot be read, and returns the batch. The client alone would
// request it again and again. skip must be called while the group waits. If a partition went away
// and came back in between, it would skip unhandled events.
func (s *subscription) skip(partition int32, c *claim, why error) (topic.Message, error) {
	reader := &topic.Reader{
		Client: s.feed.link.client, Topic: s.feed.config.Topic.Name, Partition: partition, Bytes: readBytes,
	}
	from := c.fetched
	if tooLarge, ok := errors.AsType[*kgo.ErrDecompressTooLarge](why); ok {
		from = max(from, tooLarge.Offset)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.feed.config.Timeout)
	defer cancel()
	part, err := reader.Read(ctx, from)
	if err != nil {
		return topic.Message{}, fmt.Errorf("%w; and it cannot be skipped: %w", why, err)
	}
	if len(part.Messages) == 0 || part.Messages[0].Err == nil {
		return topic.Message{}, why // it was damaged on the network, or it does not exist any more
	}
	broken := part.Messages[0]
	c.fetched = broken.Offset + 1
	s.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{
		s.feed.config.Topic.Name: {partition: {Epoch: -1, Offset: c.fetched}},
	})
	return broken, nil
}

// save sends the coordinator what it does not have yet. What fails is saved the next time, or
// delivered again.
func (s *subscription) save(ctx context.Context) {
	name := s.feed.config.Topic.Name
	marks := make(map[int32]kgo.EpochOffset)
	saved := make(map[int32]*claim)
	s.mu.Lock()
	for p, c := range s.claims {
		if mark, unsaved := c.unsaved(); unsaved {
			marks[p], saved[p] = kgo.EpochOffset{Epoch: -1, Offset: mark}, c
		}
	}
	s.mu.Unlock()
	if len(marks) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.feed.config.Timeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, markTopic)
	var failed error
	s.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{name: marks},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if err != nil {
				return
			}
			for _, t := range response.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						failed = fmt.Errorf("partition %d: %w", p.Partition, err)
					} else if c := saved[p.Partition]; c != nil {
						c.setSaved(marks[p.Partition].Offset)
					}
				}
			}
		})
	switch {
	case failed == nil:
	case isFenced(failed) || client.Is(failed, kerr.RebalanceInProgress, context.Canceled):
		// Partitions that this member still has are saved the next time.
		s.log.Debug("offsets not saved while the group divides the partitions again", "error", failed)
		s.setDirty()
	default:
		s.log.Warn("offsets not saved", "error", failed)
		s.setDirty()
	}
}

// markTopic adds the id of the topic to a commit.
func markTopic(request *kmsg.OffsetCommitRequest) error {
	for i := range request.Topics {
		t := &request.Topics[i]
		of := mark(topic.ID(t.TopicID))
		for j := range t.Partitions {
			t.Partitions[j].Metadata = &of
		}
	}
	return nil
}
