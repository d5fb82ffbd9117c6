package watermillkafka_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/watermillkafka"
	"orderflow/domain/eventsourcing"
)

var _ kafka.Unmarshaler = watermillkafka.Unmarshaler{}

// arrived returns a message of the topic as the router gets it.
func arrived(t testing.TB, m *kgo.Record) *message.Message {
	t.Helper()
	c := &sarama.ConsumerMessage{Topic: "order-events", Partition: 1, Offset: 7, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		c.Headers = append(c.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	c.Headers = append(c.Headers, nil)
	made, err := watermillkafka.Unmarshaler{}.Unmarshal(c)
	if err != nil {
		t.Fatal(err)
	}
	made.SetContext(t.Context())
	return made
}

func published(t testing.TB, r eventsourcing.Record) *message.Message {
	t.Helper()
	m, err := topictest.NewMessage(redpanda.Config{Metadata: true}, r)
	if err != nil {
		t.Fatal(err)
	}
	return arrived(t, m)
}

func TestEventOf_IsWhatWasPublished(t *testing.T) {
	t.Parallel()
	r := topictest.History(2)[1]
	r.Metadata = map[string]string{"user": "ada", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	m := published(t, r)
	got, err := watermillkafka.EventOf(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.UUID != r.EventID.String() || m.Metadata.Get("ce_type") != r.EventType {
		t.Errorf("message %s with metadata %v", m.UUID, m.Metadata)
	}
}

func TestDedupe_DropsWhatIsNoEventAndTellsIt(t *testing.T) {
	t.Parallel()
	broken, err := topictest.NewMessage(redpanda.Config{}, topictest.History(1)[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range broken.Headers {
		if broken.Headers[i].Key == "ce_sequence" {
			broken.Headers[i].Value = []byte("first")
		}
	}
	told := make(map[string]int)
	handle := watermillkafka.Dedupe{
		Handled:    &watermillkafka.Memory{},
		OnStranger: func(_ *message.Message, why *watermillkafka.StrangerError) { told[why.Kind]++ },
	}.Middleware(func(*message.Message) ([]*message.Message, error) {
		t.Error("the handler was called")
		return nil, nil
	})
	for _, m := range []*kgo.Record{{}, kgo.StringRecord("hello"), broken} {
		got := arrived(t, m)
		if _, err := handle(got); err != nil {
			t.Errorf("%v: it would come again for ever", err)
		}
		if _, err := watermillkafka.EventOf(got); err == nil {
			t.Error("it is an event")
		}
	}
	if want := map[string]int{"foreign": 2, "malformed": 1}; !maps.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	quiet := watermillkafka.Dedupe{Handled: &watermillkafka.Memory{}}.Middleware(nil)
	if _, err := quiet(arrived(t, &kgo.Record{})); err != nil {
		t.Error(err)
	}
}

// The handler succeeds once for each event, in order, whatever is repeated and whenever the handler
// fails.
func TestDedupe_PropEachEventSucceedsOnce(t *testing.T) {
	t.Parallel()
	histories := [][]eventsourcing.Record{topictest.History(6), topictest.History(6)}
	rapid.Check(t, func(rt *rapid.T) {
		var succeeded []uuid.UUID
		fails := false
		handle := watermillkafka.Dedupe{Handled: &watermillkafka.Memory{}}.Middleware(func(m *message.Message) ([]*message.Message, error) {
			if fails {
				return nil, errors.New("not now")
			}
			event, err := watermillkafka.EventOf(m)
			if err == nil {
				succeeded = append(succeeded, event.EventID)
			}
			return nil, err
		})
		next := []int{0, 0} // the first event of each order that has not come
		var want []uuid.UUID
		for range rapid.IntRange(1, 40).Draw(rt, "messages") {
			order := rapid.IntRange(0, 1).Draw(rt, "order")
			// the next event, or one that comes again
			n := rapid.IntRange(0, min(next[order], 5)).Draw(rt, "event")
			fails = rapid.Bool().Draw(rt, "fails")
			_, err := handle(published(t, histories[order][n]))
			switch isNext := n == next[order]; {
			case isNext && fails != (err != nil), !isNext && err != nil:
				rt.Fatalf("event %d of %d, fails %t: %v", n, next[order], fails, err)
			case isNext && !fails:
				want = append(want, histories[order][n].EventID)
				next[order]++
			}
		}
		if diff := cmp.Diff(want, succeeded); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// failing stores nothing.
type failing struct{ last, set error }

func (f failing) Last(context.Context, uuid.UUID) (uint64, error) { return 0, f.last }
func (f failing) Set(context.Context, uuid.UUID, uint64) error    { return f.set }

func TestDedupe_AMessageComesAgain(t *testing.T) {
	t.Parallel()
	none := func(*message.Message) ([]*message.Message, error) { return nil, nil }
	some := func(m *message.Message) ([]*message.Message, error) { return []*message.Message{m}, nil }
	away := errors.New("away")
	for name, test := range map[string]struct {
		handled watermillkafka.Handled
		handler message.HandlerFunc
		want    error
	}{
		"where it is not known what was handled":         {failing{last: away}, none, away},
		"where it could not be kept that it was handled": {failing{set: away}, none, away},
		"where the handler returns messages":             {&watermillkafka.Memory{}, some, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			produced, err := watermillkafka.Dedupe{Handled: test.handled}.Middleware(test.handler)(published(t, topictest.History(1)[0]))
			if err == nil || test.want != nil && !errors.Is(err, test.want) || len(produced) > 0 {
				t.Errorf("%d messages, %v", len(produced), err)
			}
		})
	}
}

// A process that is stopped while it handles an event still stores that it has handled it.
func TestDedupe_KeepsWhatWasHandledWhileTheProcessStops(t *testing.T) {
	t.Parallel()
	var handled watermillkafka.Memory
	ctx, stop := context.WithCancel(t.Context())
	r := topictest.History(1)[0]
	m := published(t, r)
	m.SetContext(ctx)
	handle := watermillkafka.Dedupe{Handled: &handled}.Middleware(func(*message.Message) ([]*message.Message, error) {
		stop()
		return nil, nil
	})
	if _, err := handle(m); err != nil {
		t.Error(err)
	}
	if last, err := handled.Last(t.Context(), r.AggregateID); last != 1 || err != nil {
		t.Errorf("%d, %v", last, err)
	}
}

func TestMemory_GoesNotBackwards(t *testing.T) {
	t.Parallel()
	var s watermillkafka.Memory
	id := uuid.New()
	for _, n := range []uint64{3, 1, 2} {
		if err := s.Set(t.Context(), id, n); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := s.Last(t.Context(), id); last != 3 || err != nil {
		t.Errorf("%d, %v", last, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Set(ended, id, 4); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}
