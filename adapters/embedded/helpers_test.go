package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// typeOf gives the aggregates of the tests different types, so that none gets lost on its way.
func typeOf(aggregateID uuid.UUID) string {
	return []string{"order", "stock_item", "x"}[aggregateID[15]%3]
}

// command returns the append of a new command with the given number of events.
func command(aggregateID uuid.UUID, expected uint64, events int) ports.Append {
	a := ports.Append{AggregateID: aggregateID, Expected: expected, CommandID: newID()}
	for i := range events {
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: typeOf(aggregateID),
				EventID:       newID(), AggregateID: aggregateID, SequenceNumber: expected + uint64(i) + 1, CommandID: a.CommandID,
				CorrelationID: newID(), CausationID: a.CommandID, Metadata: map[string]string{"user": "test"},
				CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "test.happened", EventVersion: 1, Payload: fmt.Appendf(nil, `{"n":%d}`, i),
		})
	}
	return a
}

func mustAppend(t testing.TB, store *embedded.Store, a ports.Append) []eventsourcing.Record {
	t.Helper()
	got, err := store.Append(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return got.Records
}

func mustLoad(t testing.TB, store *embedded.Store, aggregateID uuid.UUID) []eventsourcing.Record {
	t.Helper()
	records, err := store.Load(context.Background(), aggregateID, 0)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func mustSubscribe(t testing.TB, store *embedded.Store, consumer string) ports.Subscription {
	t.Helper()
	sub, err := store.Subscribe(context.Background(), consumer)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func mustSeekEnd(t testing.TB, store *embedded.Store, consumer string) {
	t.Helper()
	if err := store.SeekEnd(context.Background(), consumer); err != nil {
		t.Fatal(err)
	}
}

func mustNext(t testing.TB, sub ports.Subscription) ports.Delivery {
	t.Helper()
	delivery, err := sub.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return delivery
}

func diff(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

// table is the table of the view that the tests keep: for each order one row that says how far it
// is.
var table = &projection.Table{
	Name: "progress",
	Columns: []projection.Column{
		{Name: "name", Kind: projection.Text, Role: projection.Partition},
		{Name: "order_id", Kind: projection.UUID, Role: projection.Clustering},
		{Name: "sequence_number", Kind: projection.BigInt, Role: projection.Regular},
	},
}

var view = ports.ViewID{Consumer: "progress", Generation: 1}

// progress is the change that a record makes to the view.
func progress(r eventsourcing.Record) ports.Change {
	return ports.Change{
		AggregateID: r.AggregateID,
		State:       ports.ViewState{SequenceNumber: r.SequenceNumber, Data: fmt.Append(nil, r.SequenceNumber)},
		Table:       table,
		Put:         []projection.Row{{"all", r.AggregateID, int64(r.SequenceNumber)}},
	}
}

// contents is everything that can be read from a store.
type contents struct {
	Heads  map[uuid.UUID]uint64
	Types  map[uuid.UUID]string
	Events []eventsourcing.Record
	Outbox []eventsourcing.Record
	Rows   map[uuid.UUID]int64
	States map[uuid.UUID]ports.ViewState
	// Offset is the offset of the consumer of the view, computed from its lag.
	Offset   int64
	Consumer ports.ConsumerRecord
}

// read reads everything, also through Load.
func read(store *embedded.Store) (c contents, err error) {
	ctx := context.Background()
	c = contents{Heads: map[uuid.UUID]uint64{}, Types: map[uuid.UUID]string{}, Rows: map[uuid.UUID]int64{}, States: map[uuid.UUID]ports.ViewState{}}
	err = pages(func(after ports.Cursor) (ports.Cursor, error) {
		page, err := store.ScanHeads(ctx, after, 100)
		for _, head := range page.Heads {
			c.Heads[head.AggregateID], c.Types[head.AggregateID] = head.SequenceNumber, head.AggregateType
		}
		return page.Next, err
	})
	for id, head := range c.Heads {
		if err == nil {
			var records []eventsourcing.Record
			if records, err = store.Load(ctx, id, 0); err == nil && uint64(len(records)) != head {
				err = fmt.Errorf("%d records of %s, whose head is %d", len(records), id, head)
			}
			if err == nil && records[0].AggregateType != c.Types[id] {
				err = fmt.Errorf("records of %s are of type %s, its head of type %s", id, records[0].AggregateType, c.Types[id])
			}
		}
		if err == nil {
			c.States[id], err = store.State(ctx, view, id)
		}
	}
	if err == nil {
		c.Events, err = readList(store.ListEvents)
	}
	if err == nil {
		c.Outbox, err = readList(store.ListOutbox)
	}
	if err == nil {
		err = pages(func(after ports.Cursor) (ports.Cursor, error) {
			page, err := store.Rows(ctx, ports.RowQuery{View: view, Table: table, After: after, Limit: 100})
			for _, row := range page.Rows {
				c.Rows[row[1].(uuid.UUID)] = row[2].(int64)
			}
			return page.Next, err
		})
	}
	if err == nil {
		var lag ports.Lag
		lag, err = store.Lag(ctx, view.Consumer)
		c.Offset = int64(len(c.Outbox)) - int64(lag.Events)
		if !lag.Known {
			c.Offset = -1
		}
	}
	if err == nil {
		c.Consumer, err = store.Consumer(ctx, view.Consumer)
	}
	return c, err
}

// equal is exact, and much faster than diff.
func (c contents) equal(d contents) bool {
	return maps.Equal(c.Heads, d.Heads) && maps.Equal(c.Types, d.Types) && sameRecords(c.Events, d.Events) && sameRecords(c.Outbox, d.Outbox) && maps.Equal(c.Rows, d.Rows) &&
		reflect.DeepEqual(c.States, d.States) && c.Offset == d.Offset && c.Consumer == d.Consumer
}

// pages calls page until there is no next one.
func pages(page func(after ports.Cursor) (next ports.Cursor, err error)) error {
	next, err := page("")
	for err == nil && next != "" {
		next, err = page(next)
	}
	return err
}

func readList(list func(context.Context, ports.Cursor, int) (ports.RecordPage, error)) (records []eventsourcing.Record, err error) {
	err = pages(func(after ports.Cursor) (ports.Cursor, error) {
		page, err := list(context.Background(), after, 100)
		records = append(records, page.Records...)
		return page.Next, err
	})
	return records, err
}

// sameRecords compares by what is stored, which is much faster than diff.
func sameRecords(a, b []eventsourcing.Record) bool {
	return slices.EqualFunc(a, b, func(a, b eventsourcing.Record) bool { return bytes.Equal(stored(&a), stored(&b)) })
}

// stored returns the value of a record.
func stored(r *eventsourcing.Record) []byte {
	body, err := layout.EncodeBody(r)
	if err != nil {
		panic(err)
	}
	value := make([]byte, layout.RecordSize(body))
	layout.FillRecord(value, 0, body)
	return value
}

// checkViews expects the view to be the fold of a prefix of each history, and the offset not to be
// ahead of the view.
func (c contents) checkViews() error {
	for id, state := range c.States {
		switch {
		case state.SequenceNumber > c.Heads[id]:
			return fmt.Errorf("the state of %s is at %d, its history at %d", id, state.SequenceNumber, c.Heads[id])
		case uint64(c.Rows[id]) != state.SequenceNumber:
			return fmt.Errorf("the row of %s is at %d, its state at %d", id, c.Rows[id], state.SequenceNumber)
		case state.SequenceNumber > 0 && string(state.Data) != fmt.Sprint(state.SequenceNumber):
			return fmt.Errorf("the state of %s at %d is %q", id, state.SequenceNumber, state.Data)
		}
	}
	for i, r := range c.Outbox {
		if int64(i) < c.Offset && r.SequenceNumber > c.States[r.AggregateID].SequenceNumber {
			return fmt.Errorf("the offset is %d, but record %d, event %d of %s, is not in the view", c.Offset, i+1, r.SequenceNumber, r.AggregateID)
		}
	}
	return nil
}

// checkOutbox expects every event exactly once in the outbox, those of each aggregate in order.
// Nothing may have expired.
func (c contents) checkOutbox() error {
	last := map[uuid.UUID]uint64{}
	for i, r := range c.Outbox {
		if r.SequenceNumber != last[r.AggregateID]+1 {
			return fmt.Errorf("record %d of the outbox is event %d of %s, after %d", i+1, r.SequenceNumber, r.AggregateID, last[r.AggregateID])
		}
		last[r.AggregateID] = r.SequenceNumber
	}
	if !maps.Equal(c.Heads, last) {
		return fmt.Errorf("heads and outbox differ: %s", diff(c.Heads, last))
	}
	return nil
}

// lines collects what a store logs.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// waiting waits until n appends wait for their group. There is no signal for that; it takes a
// moment only.
func waiting(t *testing.T, store *embedded.Store, n int) {
	t.Helper()
	for store.Stats().Waiting != n {
		if t.Context().Err() != nil {
			t.Fatalf("%d appends wait, not %d", store.Stats().Waiting, n)
		}
		runtime.Gosched()
	}
}
