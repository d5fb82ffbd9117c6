package source_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"orderflow/adapters/redpanda/internal/message"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
	"orderflow/tests/servers"
)

// Processes of the previous version, which use another client, share a group with those of this
// version while they are replaced one after the other. Every event is handled, in order, and no one
// waits until the last of them has left.
func TestFeed_SharesAGroupWithTheVersionBefore(t *testing.T) {
	t.Parallel()
	sharesWithTheVersionBefore(t, topictest.NewCluster(t).ListenAddrs())
}

func TestFeed_SharesAGroupWithTheVersionBeforeIntegration(t *testing.T) {
	t.Parallel()
	sharesWithTheVersionBefore(t, servers.Kafka(t))
}

func sharesWithTheVersionBefore(t *testing.T, brokers []string) {
	config := topictest.NewTopic(brokers)
	s := topictest.NewShelf(t, config)
	settings := feedConfig(config)
	f := newFeed(t, settings)
	seekEnd(t, f)
	j := newJournal()
	group := settings.GroupPrefix + consumerName
	first, second := startBefore(t, brokers, group, config.Topic.Name, j), startBefore(t, brokers, group, config.Topic.Name, j)
	var now []*worker
	total := appendOrders(t, s, 40, 25, func(n int) {
		switch n {
		case 5, 10:
			now = append(now, startWorker(t, settings, j))
		case 15:
			first.end()
		case 20:
			second.end()
		}
		j.await(t, 40*n)
	})
	j.await(t, total)
	awaitLag(t, f, ports.Lag{Known: true})
	for i, w := range now {
		if w.handled.Load() == 0 {
			t.Errorf("process %d of this version was given nothing", i)
		}
	}
	if first.handled == 0 || second.handled == 0 {
		t.Error("a process of the version before was given nothing")
	}
}

// before is a process of the previous version: a member of a group with sarama's sticky strategy.
type before struct {
	group sarama.ConsumerGroup
	j     *journal
	stop  context.CancelFunc
	done  chan struct{}
	mu    sync.Mutex
	// handled counts its deliveries.
	handled int
}

func startBefore(t *testing.T, brokers []string, group, topic string, j *journal) *before {
	t.Helper()
	settings := sarama.NewConfig()
	settings.Version = sarama.V2_8_0_0
	settings.Consumer.Offsets.Initial = sarama.OffsetOldest
	settings.Consumer.Offsets.AutoCommit.Enable = false
	settings.Consumer.Group.ResetInvalidOffsets = false
	settings.Consumer.MaxWaitTime = 10 * time.Millisecond
	settings.Consumer.Group.Heartbeat.Interval = feedConfig(topictest.NewTopic(nil)).Heartbeat
	settings.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	member, err := sarama.NewConsumerGroup(brokers, group, settings)
	if err != nil {
		t.Fatal(err)
	}
	b := &before{group: member, j: j, done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	t.Cleanup(b.end)
	go func() {
		defer close(b.done)
		defer member.Close()
		for ctx.Err() == nil {
			if err := member.Consume(ctx, []string{topic}, b); err != nil && !errors.Is(err, sarama.ErrClosedConsumerGroup) && ctx.Err() == nil {
				t.Errorf("the version before: %v", err)
				return
			}
		}
	}()
	return b
}

func (b *before) end() {
	b.stop()
	<-b.done
}

// Setup implements sarama.ConsumerGroupHandler.
func (*before) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup implements sarama.ConsumerGroupHandler.
func (*before) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (b *before) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, more := <-claim.Messages():
			if !more {
				return nil
			}
			var headers []header
			for _, h := range m.Headers {
				headers = append(headers, header{string(h.Key), h.Value})
			}
			record, err := message.Parse(headers, m.Value)
			if err != nil {
				return err
			}
			b.j.handle(record)
			b.mu.Lock()
			b.handled++
			b.mu.Unlock()
			session.MarkMessage(m, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

// header is a header in the form of package message.
type header struct {
	Key   string
	Value []byte
}
