package publisher_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/ports"
)

// scissors cut a connection when the broker has done the work and is about to answer.
type scissors struct {
	net.Listener
	open atomic.Bool
	cuts atomic.Int64
}

func (s *scissors) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	return &cutConn{c, s}, err
}

type cutConn struct {
	net.Conn
	scissors *scissors
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.scissors.open.CompareAndSwap(true, false) {
		c.scissors.cuts.Add(1)
		_ = c.Close()
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func TestPublisher_AnAcknowledgementThatGetsLost(t *testing.T) {
	t.Parallel()
	s := &scissors{}
	cluster := topictest.NewCluster(t, kfake.ListenFn(func(network, address string) (_ net.Listener, err error) {
		s.Listener, err = net.Listen(network, address)
		return s, err
	}))
	config := configOf(cluster)
	p := topictest.NewPublisher(t, config)
	publish(t, p, topictest.History(1)...)
	var requests int
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if requests++; requests%3 == 0 {
			s.open.Store(true) // for the answer
		}
		return nil, nil, false
	})
	histories := publishTogether(t, p, 4, 10, nil)
	if s.cuts.Load() == 0 {
		t.Fatal("no acknowledgement was lost")
	}
	if doubled := expectTopic(t, config, histories...); doubled > 0 {
		t.Errorf("%d events are doubled: the client's own attempts are to be recognised", doubled)
	}
}

// The error of the last attempt says nothing about the attempts before it.
func TestPublisher_DoesNotKnowWhatBecameOfAnEventThatWasSent(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	p := topictest.NewPublisher(t, configOf(cluster))
	publish(t, p, topictest.History(1)...)
	cluster.Fault(kfake.Fault{Keys: produceKey, Err: kerr.UnknownServerError})
	if err := p.Publish(t.Context(), topictest.History(1)[0]); !errors.Is(err, ports.ErrOutcomeUnknown) || errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("%v, want ErrOutcomeUnknown", err)
	}
}

// When one of the waiting callers gives up, the others are not affected.
func TestPublisher_ACallerThatGivesUpTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := configOf(cluster)
	config.Topic.Partitions = 1
	p := topictest.NewPublisher(t, config)
	publish(t, p, topictest.History(1)...)
	asked, released := make(chan struct{}), make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		cluster.SleepControl(func() { <-released })
		return refuse(request.(*kmsg.ProduceRequest), "", kerr.NotLeaderForPartition)
	})
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	first, second := make(chan error, 1), make(chan error, 1)
	records := topictest.History(1)
	go func() { first <- p.Publish(ctx, topictest.History(1)[0]) }()
	<-asked
	go func() { second <- p.Publish(t.Context(), records[0]) }()
	for p.Waiting() < 2 {
		if t.Context().Err() != nil {
			return
		}
	}
	giveUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up: %v", err)
	}
	close(released)
	if err := <-second; err != nil {
		t.Errorf("the other one: %v", err)
	}
	expectTopic(t, config, records)
}

func TestPublisher_ALimitThatWasRaisedIsNoticed(t *testing.T) {
	t.Parallel()
	config := configOf(topictest.NewCluster(t))
	config.Topic.Settings = map[string]string{"max.message.bytes": "2000"}
	p := topictest.NewPublisher(t, config)
	large := topictest.History(1)
	large[0].Payload = []byte(`"` + strings.Repeat("x", 3000) + `"`)
	if err := p.Publish(t.Context(), large[0]); err == nil || topictest.IsRetryable(err) {
		t.Errorf("below its size: %v", err)
	}
	setLimit(t, config, "4000")
	publish(t, p, large...)
	expectTopic(t, config, large)
}
