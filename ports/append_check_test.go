package ports_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// id returns a UUID that is easy to tell from others in a failure.
func id(n byte) uuid.UUID { return uuid.UUID{0: n, 6: 0x70, 8: 0x80, 15: n} }

// request is a well-formed append of two records behind head 3.
func request() ports.Append {
	a := ports.Append{AggregateID: id(1), Expected: 3, CommandID: id(2)}
	for n := a.Expected + 1; n <= a.Expected+2; n++ {
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       id(byte(100 + n)), AggregateID: id(1), SequenceNumber: n, CommandID: id(2),
				CreatedAt: time.Date(2025, time.March, 31, 12, 0, 0, 5_000_000, time.UTC),
			},
			EventType: "order.delivered", EventVersion: 1, Payload: []byte("{}"),
		})
	}
	return a
}

func TestAppend_Check(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(a *ports.Append)
		problem string // none when the request is well formed
	}{
		{"accepts records that continue the history", func(*ports.Append) {}, ""},
		{"accepts the start of a history", func(a *ports.Append) {
			a.Expected, a.Records[0].SequenceNumber, a.Records[1].SequenceNumber = 0, 1, 2
		}, ""},
		{"accepts a record without payload, metadata or other ids", func(a *ports.Append) { a.Records[0].Payload = nil }, ""},

		{"refuses no aggregate id", func(a *ports.Append) { a.AggregateID = uuid.Nil }, "no aggregate id"},
		{"refuses no command id", func(a *ports.Append) { a.CommandID = uuid.Nil }, "no command id"},
		{"refuses no records", func(a *ports.Append) { a.Records = nil }, "no records"},
		{"refuses records that leave a hole behind the head", func(a *ports.Append) { a.Expected = 2 }, "sequence number 4 where 3 is due"},
		{"refuses records that start at the head", func(a *ports.Append) { a.Expected = 4 }, "sequence number 4 where 5 is due"},
		{"refuses a hole between records", func(a *ports.Append) { a.Records[1].SequenceNumber = 6 }, "sequence number 6 where 5 is due"},
		{"refuses a record of another aggregate", func(a *ports.Append) { a.Records[1].AggregateID = id(9) }, "record 1 belongs to " + id(9).String()},
		{"refuses a record without an aggregate type", func(a *ports.Append) {
			a.Records[0].AggregateType, a.Records[1].AggregateType = "", ""
		}, "aggregate type"},
		{"refuses a name that is no aggregate type", func(a *ports.Append) {
			a.Records[0].AggregateType, a.Records[1].AggregateType = "Order", "Order"
		}, "aggregate type"},
		{"refuses records of two types", func(a *ports.Append) { a.Records[1].AggregateType = "stock_item" }, "record 1 is of aggregate type"},
		{"refuses a record of another command", func(a *ports.Append) { a.Records[1].CommandID = id(9) }, "record 5 carries command id " + id(9).String()},
		{"refuses a record without an event id", func(a *ports.Append) { a.Records[1].EventID = uuid.Nil }, "record 5 has no event id"},
		{"refuses a record without a type", func(a *ports.Append) { a.Records[1].EventType = "" }, "record 5 has no event type or version"},
		{"refuses event version 0", func(a *ports.Append) { a.Records[1].EventVersion = 0 }, "record 5 has no event type or version"},
		{"refuses a time that a store would cut", func(a *ports.Append) {
			a.Records[1].CreatedAt = a.Records[1].CreatedAt.Add(time.Microsecond)
		}, "is not UTC in whole milliseconds"},
		{"refuses a time in another zone, which a store would not give back", func(a *ports.Append) {
			a.Records[1].CreatedAt = a.Records[1].CreatedAt.In(time.FixedZone("CET", 3600))
		}, "is not UTC in whole milliseconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := request()
			tt.change(&a)
			err := a.Check()
			if tt.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "append: ") || !strings.Contains(err.Error(), tt.problem) {
				t.Fatalf("got error %v, want %q", err, tt.problem)
			}
			for _, value := range values() {
				if errors.Is(err, value) {
					t.Errorf("%v is a %v, but a bug of the caller is no condition of the store", err, value)
				}
			}
		})
	}
}

func TestAppend_CheckAcceptsWhatStampMakes(t *testing.T) {
	t.Parallel()
	cause := eventsourcing.Cause{AggregateType: "order", AggregateID: id(1), CommandID: id(2), At: time.Now()}
	a := ports.Append{AggregateID: id(1), Expected: 7, CommandID: id(2)}
	for _, e := range eventsourcing.Stamp(cause, a.Expected, []string{"one", "two"}, uuid.New) {
		a.Records = append(a.Records, eventsourcing.Record{Header: e.Header, EventType: e.Event, EventVersion: 1})
	}
	if err := a.Check(); err != nil {
		t.Error(err)
	}
}
