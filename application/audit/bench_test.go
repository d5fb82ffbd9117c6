package audit_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"orderflow/application/audit"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// endless is a store and a topic that generate their contents: each order has eventsEach events,
// and the topic has one event of every order in turn. So a window never holds two events of the
// same order.
type endless struct{ orders int }

const eventsEach = 4

func (e endless) record(order int, sequence uint64) eventsourcing.Record {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], uint64(order+1))
	return eventsourcing.Record{
		Header:    eventsourcing.Header{AggregateType: "order", EventID: id, AggregateID: id, SequenceNumber: sequence, CommandID: id},
		EventType: "order.delivered", EventVersion: 1, Payload: []byte(`{}`),
	}
}

func (e endless) ScanHeads(_ context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	from, _ := strconv.Atoi(string(after))
	for i := from; i < min(from+limit, e.orders); i++ {
		page.Heads = append(page.Heads, ports.Head{AggregateID: e.record(i, 1).AggregateID, SequenceNumber: eventsEach})
	}
	if from+limit < e.orders {
		page.Next = ports.Cursor(strconv.Itoa(from + limit))
	}
	return page, nil
}

func (e endless) Load(_ context.Context, id uuid.UUID, after uint64) (records []eventsourcing.Record, err error) {
	for n := after + 1; n <= eventsEach; n++ {
		records = append(records, e.record(int(binary.BigEndian.Uint64(id[8:]))-1, n))
	}
	return records, nil
}

func (e endless) Ranges(context.Context) ([]ports.TopicRange, error) {
	return []ports.TopicRange{{End: int64(e.orders) * eventsEach}}, nil
}

func (e endless) Read(_ context.Context, r ports.TopicRange, visit func(ports.TopicMessage) error) error {
	for at := r.Begin; at < r.End; at++ {
		record := e.record(int(at)%e.orders, uint64(at)/uint64(e.orders)+1)
		if err := visit(ports.TopicMessage{Offset: at, Key: record.AggregateID.String(), Record: record}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkVerifyTopic compares two million events of half a million orders, in one pass and in
// four. It reports the memory that is in use near the end.
func BenchmarkVerifyTopic(b *testing.B) {
	const orders = 500_000
	for name, maxOrders := range map[string]int{"one pass": 0, "four passes": orders / 4} {
		b.Run(name, func(b *testing.B) {
			e := endless{orders}
			var before, during runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				measured := false
				options := whole()
				options.Progress = func(read, total uint64) {
					if !measured && read > orders*eventsEach*9/10 {
						measured = true
						runtime.GC()
						runtime.ReadMemStats(&during)
					}
				}
				report, err := audit.New(audit.Config{Store: e, Topic: e, MaxOrders: maxOrders}).VerifyTopic(b.Context(), options)
				if err != nil || report.Violations() > 0 || report.Aggregates != orders {
					b.Fatalf("%+v, %v", report, err)
				}
			}
			b.ReportMetric(float64(int64(during.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MiB")
			b.ReportMetric(orders*eventsEach*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
