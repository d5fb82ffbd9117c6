package fanout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"orderflow/adapters/fanout"
	"orderflow/domain/eventsourcing"
)

// One operation is one record through one consumer, from emit to done, with a Handle that does
// nothing. "lanes only" is the same without Watermill: the difference is the cost of Watermill.
func BenchmarkRouter(b *testing.B) {
	records := interleaved(newIDs(1_000), 1)
	for _, consumers := range []int{1, 4} {
		b.Run(fmt.Sprintf("%d consumers", consumers), func(b *testing.B) {
			var left sync.WaitGroup
			left.Add(b.N)
			start := make(chan struct{})
			var all []fanout.Consumer
			for i := range consumers {
				share := b.N / consumers
				if i == 0 {
					share += b.N % consumers
				}
				all = append(all, &consumer{
					name:   strconv.Itoa(i),
					handle: func(context.Context, eventsourcing.Record) error { return nil },
					pull: func(ctx context.Context, emit emitFunc) error {
						<-start
						for n := range share {
							if err := emit(ctx, records[n%len(records)], left.Done); err != nil {
								return err
							}
						}
						<-ctx.Done()
						return nil
					},
				})
			}
			router, err := fanout.New(fanout.Config{}, all...)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- router.Run(ctx) }()
			<-router.Running()
			b.ReportAllocs()
			b.ResetTimer()
			close(start)
			left.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}

	b.Run("lanes only", func(b *testing.B) {
		type delivery struct {
			record eventsourcing.Record
			done   func()
		}
		handle := func(context.Context, eventsourcing.Record) error { return nil }
		var lanes [16]chan *delivery
		var running, left sync.WaitGroup
		for i := range lanes {
			lanes[i] = make(chan *delivery, 64)
			running.Go(func() {
				for d := range lanes[i] {
					if handle(b.Context(), d.record) == nil {
						d.done()
					}
				}
			})
		}
		left.Add(b.N)
		b.ReportAllocs()
		for n := range b.N {
			r := records[n%len(records)]
			lanes[fanout.LaneOf(r.AggregateID, len(lanes))] <- &delivery{r, left.Done}
		}
		left.Wait()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
		for _, lane := range lanes {
			close(lane)
		}
		running.Wait()
	})
}

// The cost of putting one record into a message and taking it out again: in the message's context,
// as the package does, or encoded as for a broker.
func BenchmarkMessage(b *testing.B) {
	record := newRecord(uuid.New(), 7)
	record.CausationID = uuid.New()
	record.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
	record.Metadata = map[string]string{"user": "alice", "channel": "web"}

	b.Run("record in the context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := fanout.RecordOf(fanout.NewMessage(record)); got.EventID != record.EventID {
				b.Fatal(got)
			}
		}
	})
	b.Run("record as metadata", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, err := decode(encode(record)); err != nil || got.EventID != record.EventID {
				b.Fatal(got, err)
			}
		}
	})
}

func encode(r eventsourcing.Record) *message.Message {
	msg := message.NewMessage(r.EventID.String(), append([]byte(nil), r.Payload...))
	msg.Metadata = message.Metadata{
		"consumer":        "consumer",
		"aggregate_id":    r.AggregateID.String(),
		"sequence_number": strconv.FormatUint(r.SequenceNumber, 10),
		"event_type":      r.EventType,
		"event_version":   strconv.Itoa(r.EventVersion),
		"command_id":      r.CommandID.String(),
		"correlation_id":  r.CorrelationID.String(),
		"causation_id":    r.CausationID.String(),
		"created_at":      r.CreatedAt.Format(time.RFC3339Nano),
	}
	if len(r.Metadata) > 0 {
		metadata, err := json.Marshal(r.Metadata)
		if err != nil {
			panic(err)
		}
		msg.Metadata["metadata"] = string(metadata)
	}
	return msg
}

func decode(msg *message.Message) (r eventsourcing.Record, err error) {
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	id := func(s string) uuid.UUID {
		parsed, e := uuid.Parse(s)
		keep(e)
		return parsed
	}
	r.EventID = id(msg.UUID)
	r.AggregateID = id(msg.Metadata["aggregate_id"])
	r.CommandID = id(msg.Metadata["command_id"])
	r.CorrelationID = id(msg.Metadata["correlation_id"])
	r.CausationID = id(msg.Metadata["causation_id"])
	var e error
	r.SequenceNumber, e = strconv.ParseUint(msg.Metadata["sequence_number"], 10, 64)
	keep(e)
	r.EventVersion, e = strconv.Atoi(msg.Metadata["event_version"])
	keep(e)
	r.CreatedAt, e = time.Parse(time.RFC3339Nano, msg.Metadata["created_at"])
	keep(e)
	if metadata := msg.Metadata["metadata"]; metadata != "" {
		keep(json.Unmarshal([]byte(metadata), &r.Metadata))
	}
	r.EventType = msg.Metadata["event_type"]
	r.Payload = msg.Payload
	return r, err
}
