package publisher_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var produceKey = []kmsg.Key{kmsg.Produce}

func TestPublisher_KeepsOrderWhileLeadersMove(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t, kfake.NumBrokers(3))
	config := configOf(cluster)
	p := topictest.NewPublisher(t, config)
	histories := publishTogether(t, p, 16, 40, func(published int) {
		if published%8 == 7 {
			cluster.ShufflePartitionLeaders()
		}
	})
	expectTopic(t, config, histories...)
}

func TestPublisher_SurvivesBrokerErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err *kerr.Error
		// count is how often a broker answers so: fewer times than the client tries, or more.
		count int
		// applied reports whether the broker does the work anyway.
		applied bool
	}{
		"too few replicas, for a moment":              {err: kerr.NotEnoughReplicas, count: 3},
		"too few replicas, for longer":                {err: kerr.NotEnoughReplicas, count: 12},
		"too few replicas after appending":            {err: kerr.NotEnoughReplicasAfterAppend, count: 12, applied: true},
		"a timeout after applying, for a moment":      {err: kerr.RequestTimedOut, count: 3, applied: true},
		"a timeout after applying, for longer":        {err: kerr.RequestTimedOut, count: 12, applied: true},
		"a sequence that the broker does not know":    {err: kerr.OutOfOrderSequenceNumber, count: 3},
		"an identity that the broker does not know":   {err: kerr.UnknownProducerID, count: 3},
		"an epoch that the broker does not take":      {err: kerr.InvalidProducerEpoch, count: 3},
		"no rights, until somebody grants them":       {err: kerr.TopicAuthorizationFailed, count: 3},
		"an error of which nothing is known but that": {err: kerr.UnknownServerError, count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := topictest.NewCluster(t)
			config := configOf(cluster)
			p := topictest.NewPublisher(t, config)
			publish(t, p, topictest.History(1)...)
			fault := cluster.Fault(kfake.Fault{Keys: produceKey, Err: test.err, Count: test.count})
			histories := publishTogether(t, p, 4, 5, nil)
			if fault.Hits() != test.count {
				t.Fatalf("the fault happened %d times", fault.Hits())
			}
			if doubled := expectTopic(t, config, histories...); doubled > 0 && !test.applied {
				t.Errorf("%d events are doubled", doubled)
			}
		})
	}
}

// The client's retries are the same batch with the same number, so a broker that already has it
// does not store it twice.
func TestPublisher_IsIdempotent(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := configOf(cluster)
	p := topictest.NewPublisher(t, config)
	records := topictest.History(3)
	publish(t, p, records[0])
	fault := cluster.Fault(kfake.Fault{Keys: produceKey, Err: kerr.RequestTimedOut, Count: 2})
	publish(t, p, records[1:]...)
	if fault.Hits() != 2 {
		t.Fatalf("the fault happened %d times", fault.Hits())
	}
	if doubled := expectTopic(t, config, records); doubled > 0 {
		t.Errorf("%d events are doubled", doubled)
	}
}

func TestPublisher_SurvivesTheRestartOfTheBroker(t *testing.T) {
	t.Parallel()
	b := topictest.StartBroker(t, t.TempDir())
	config := redpanda.Config{Brokers: []string{b.Address}, Topic: redpanda.Topic{Name: "events", Partitions: 4, ReplicationFactor: 1}, Timeout: time.Second}
	p := topictest.NewPublisher(t, config)
	histories := publishTogether(t, p, 16, 30, func(published int) {
		if published == 10 || published == 20 {
			b.Kill(t)
			if err := p.Publish(t.Context(), topictest.History(1)[0]); !topictest.IsRetryable(err) {
				t.Errorf("without a broker: %v", err)
			}
			b.Start(t)
		}
	})
	expectTopic(t, config, histories...)
}

func TestPublisher_TooLarge(t *testing.T) {
	t.Parallel()
	ofSize := func(payload int) eventsourcing.Record {
		r := topictest.History(1)[0]
		r.Payload = []byte(`"` + strings.Repeat("x", payload-2) + `"`)
		return r
	}
	wantTooLarge := func(t *testing.T, err error, r eventsourcing.Record, limit int) {
		t.Helper()
		var large *redpanda.TooLargeError
		if !errors.As(err, &large) || topictest.IsRetryable(err) {
			t.Fatalf("%v, want a TooLargeError", err)
		}
		if large.EventID != r.EventID || large.AggregateID != r.AggregateID || large.SequenceNumber != r.SequenceNumber ||
			large.Size <= len(r.Payload) || large.Limit != limit {
			t.Errorf("%+v, limit %d is due", large, limit)
		}
	}

	t.Run("what the topic does not take is refused, and the rest goes on", func(t *testing.T) {
		t.Parallel()
		config := configOf(topictest.NewCluster(t))
		config.Topic.Settings = map[string]string{"max.message.bytes": "2000"}
		p := topictest.NewPublisher(t, config)
		small, large := topictest.History(2), ofSize(2000)
		publish(t, p, small[0])
		wantTooLarge(t, p.Publish(t.Context(), large), large, 2000-publisher.BatchOverhead)
		publish(t, p, small[1])
		expectTopic(t, config, small)
	})

	t.Run("a limit that was lowered is noticed", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		p := topictest.NewPublisher(t, config)
		publish(t, p, ofSize(3000))
		setLimit(t, config, "2000")
		large := ofSize(3000)
		wantTooLarge(t, p.Publish(t.Context(), large), large, 2000-publisher.BatchOverhead)
		// These are small, but their batches would be too large for the new limit.
		expectTopic(t, config, publishTogether(t, p, 64, 5, nil)...)
	})

	t.Run("a limit that may not be read does not make the innocent suffer", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		config := configOf(cluster)
		config.Topic.Settings = map[string]string{"max.message.bytes": "2000"}
		p := topictest.NewPublisher(t, config)
		large := ofSize(3000)
		refused := make(chan error, 1)
		go func() { refused <- p.Publish(t.Context(), large) }()
		expectTopic(t, config, publishTogether(t, p, 64, 5, nil)...)
		wantTooLarge(t, <-refused, large, 0)
	})
}

func setLimit(t *testing.T, config redpanda.Config, limit string) {
	t.Helper()
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &limit}
	changed, err := topictest.NewAdmin(t, config.Brokers).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{change}, config.Topic.Name)
	if err == nil {
		_, err = changed.On(config.Topic.Name, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A broker refuses a whole batch for one message.
func TestPublisher_FindsTheOneToBlame(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	config := configOf(cluster)
	config.Topic.Partitions = 1
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return refuse(request.(*kmsg.ProduceRequest), "poison", kerr.InvalidRecord)
	})
	p := topictest.NewPublisher(t, config)
	poison := topictest.History(1)[0]
	poison.Payload = []byte(`"poison"`)
	refused := make(chan error, 1)
	go func() { refused <- p.Publish(t.Context(), poison) }()
	expectTopic(t, config, publishTogether(t, p, 32, 5, nil)...)
	var invalid *redpanda.InvalidError
	if err := <-refused; !errors.As(err, &invalid) || invalid.EventID != poison.EventID || topictest.IsRetryable(err) {
		t.Errorf("%v, want an InvalidError that names the event", err)
	}
}

// A refusal of a message that happens once must not slow everything down for ever.
func TestPublisher_GivesUpTheSearchForTheOneToBlame(t *testing.T) {
	t.Parallel()
	cluster := topictest.NewCluster(t)
	p := topictest.NewPublisher(t, configOf(cluster))
	publish(t, p, topictest.History(1)...)
	cluster.Fault(kfake.Fault{Keys: produceKey, Err: kerr.InvalidRecord})
	records := topictest.History(publisher.AloneFor + 1)
	publish(t, p, records[0])
	if !p.Alone() {
		t.Fatal("there is no search")
	}
	publish(t, p, records[1:]...)
	if p.Alone() {
		t.Error("the search goes on")
	}
}

// refuse answers a request that contains a text.
func refuse(request *kmsg.ProduceRequest, text string, why *kerr.Error) (kmsg.Response, error, bool) {
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	found := false
	for _, topic := range request.Topics {
		answer := kmsg.NewProduceResponseTopic()
		answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			found = found || bytes.Contains(partition.Records, []byte(text))
			a := kmsg.NewProduceResponseTopicPartition()
			a.Partition, a.ErrorCode = partition.Partition, why.Code
			answer.Partitions = append(answer.Partitions, a)
		}
		response.Topics = append(response.Topics, answer)
	}
	return response, nil, found
}

func TestPublisher_ABrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()

	t.Run("publishing ends without the caller's help, and goes on when it answers again", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		config.Timeout = time.Second // the minimum of the client
		p := topictest.NewPublisher(t, config)
		records := topictest.History(3)
		topictest.PublishInTime(t, p, records[0])
		silent := true
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			if silent {
				cluster.KeepControl()
				return nil, nil, true
			}
			cluster.DropControl()
			return nil, nil, false
		})
		if err := p.Publish(t.Context(), records[1]); !errors.Is(err, ports.ErrOutcomeUnknown) || !strings.Contains(err.Error(), config.Brokers[0]) {
			t.Errorf("%v, want ErrOutcomeUnknown and the brokers", err)
		}
		cluster.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
			silent = false // control functions run one at a time
			return nil, nil, false
		})
		for _, r := range records[1:] {
			if err := publishUntilTaken(t, p, r); err != nil {
				t.Fatal(err)
			}
		}
		expectTopic(t, config, records)
	})

	t.Run("a client that can neither go on nor give up is replaced", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		config.Timeout = time.Second
		p := topictest.NewPublisher(t, config)
		records := topictest.History(2)
		topictest.PublishInTime(t, p, records[0])
		var stuck []byte // the id of the first producer
		cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			asked := request.(*kmsg.ProduceRequest)
			producer := asked.Topics[0].Partitions[0].Records[43:51]
			if stuck == nil {
				stuck = slices.Clone(producer)
			}
			answer, err, _ := refuse(asked, "", kerr.RequestTimedOut)
			return answer, err, bytes.Equal(producer, stuck)
		})
		if err := p.Publish(t.Context(), records[1]); !errors.Is(err, ports.ErrOutcomeUnknown) {
			t.Errorf("the client that is stuck: %v", err)
		}
		topictest.PublishInTime(t, p, records[1])
		expectTopic(t, config, records)
	})

	t.Run("closing ends", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // the system accepts the connections, and nothing reads from them
		p := topictest.NewPublisher(t, redpanda.Config{Brokers: []string{listener.Addr().String()}, Timeout: 10 * time.Minute})
		connected := make(chan error, 1)
		go func() { connected <- p.Connect(t.Context()) }()
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-connected; !errors.Is(err, ports.ErrClosed) {
			t.Errorf("Connect = %v, want ErrClosed", err)
		}
	})
}

func TestPublisher_Close(t *testing.T) {
	t.Parallel()

	// held makes the broker hold back its answers until release is called.
	held := func(t *testing.T) (p *publisher.Publisher, asked <-chan struct{}, release func()) {
		cluster := topictest.NewCluster(t)
		p = topictest.NewPublisher(t, configOf(cluster))
		if err := p.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		requests, released := make(chan struct{}, 1), make(chan struct{})
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			requests <- struct{}{}
			cluster.SleepControl(func() { <-released })
			return nil, nil, false
		})
		return p, requests, func() { close(released) }
	}

	t.Run("waits for what is on its way", func(t *testing.T) {
		t.Parallel()
		p, asked, release := held(t)
		published, closed := make(chan error, 1), make(chan error, 1)
		go func() { published <- p.Publish(t.Context(), topictest.History(1)[0]) }()
		<-asked
		go func() { closed <- p.Close() }()
		for { // until Close has begun
			if err := p.Connect(t.Context()); errors.Is(err, ports.ErrClosed) {
				break
			}
		}
		select {
		case err := <-closed:
			t.Fatalf("Close did not wait: %v", err)
		default:
		}
		release()
		if err := <-published; err != nil {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})

	t.Run("a caller that gives up does not wait", func(t *testing.T) {
		t.Parallel()
		p, asked, release := held(t)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		published := make(chan error, 1)
		go func() { published <- p.Publish(ctx, topictest.History(1)[0]) }()
		<-asked
		cancel()
		if err := <-published; !errors.Is(err, context.Canceled) || topictest.IsRetryable(err) {
			t.Errorf("%v, want context.Canceled", err)
		}
	})
}
