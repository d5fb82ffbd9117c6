package memory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

var view = ports.ViewID{Consumer: "orders-by-status", Generation: 1}

// appendEvents appends a command with n events.
func appendEvents(t *testing.T, s *memory.Store, aggregateID uuid.UUID, expected uint64, n int) {
	t.Helper()
	a := ports.Append{AggregateID: aggregateID, Expected: expected, CommandID: uuid.New()}
	for i := range n {
		a.Records = append(a.Records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: "order",
				EventID:       uuid.New(), AggregateID: aggregateID, SequenceNumber: expected + uint64(i) + 1,
				CommandID: a.CommandID, CreatedAt: time.Unix(1_700_000_000, 0).UTC(),
			},
			EventType: "test.happened", EventVersion: 1, Payload: []byte("{}"),
		})
	}
	if _, err := s.Append(t.Context(), a); err != nil {
		t.Fatal(err)
	}
}

func TestStore_Lag_TellsTheAgeByTheClock(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	s := memory.New(memory.Options{Now: func() time.Time { return now }})
	expect := func(want ports.Lag) {
		t.Helper()
		got, err := s.Lag(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lag (-want +got):\n%s", diff)
		}
	}
	if err := s.SeekEnd(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	appendEvents(t, s, id, 0, 2)
	now = now.Add(time.Minute)
	appendEvents(t, s, id, 2, 1)
	now = now.Add(time.Second)
	expect(ports.Lag{Events: 3, Age: 61 * time.Second, Known: true})

	s = s.Reopen()
	sub, err := s.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := sub.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Commit(t.Context(), d.Position); err != nil {
			t.Fatal(err)
		}
	}
	expect(ports.Lag{Events: 1, Age: time.Second, Known: true})
	now = now.Add(-time.Hour)
	// a clock that was set back makes no event younger than now
	expect(ports.Lag{Events: 1, Known: true})
}

func TestSubscription_Commit_RefusesWhatWasNotDelivered(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	if err := s.SeekEnd(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	sub, err := s.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, uuid.New(), 0, 2)
	if _, err := sub.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []ports.Position{{Offset: "2"}, {Offset: ""}, {Offset: "-1"}, {Offset: "x"}, {Stream: "other", Offset: "1"}} {
		if err := sub.Commit(t.Context(), p); err == nil || isPortError(err) {
			t.Errorf("commit at %+v: error %v, want one that says that it is a mistake", p, err)
		}
	}
	lag, err := s.Lag(t.Context(), "a")
	if err != nil || lag.Events != 2 {
		t.Errorf("lag after refused commits: %+v, %v, want 2 events", lag, err)
	}
}

func TestStore_Apply_RefusesRowsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	table := views.OrdersByStatus().Table
	for what, change := range map[string]ports.Change{
		"a row that is too short":    {Table: table, Put: []projection.Row{{"ACTIVE"}}},
		"a delete that is too short": {Table: table, Delete: []projection.Row{{"ACTIVE"}}},
		"rows without a table":       {Put: []projection.Row{{"ACTIVE"}}},
	} {
		change.AggregateID, change.State.SequenceNumber = uuid.New(), 1
		if err := s.Apply(t.Context(), view, change); err == nil || isPortError(err) {
			t.Errorf("%s: error %v, want one that says that it is a mistake", what, err)
		}
		if state, err := s.State(t.Context(), view, change.AggregateID); err != nil || state.SequenceNumber != 0 {
			t.Errorf("%s: state %+v, %v, want none", what, state, err)
		}
	}
}

func TestStore_RefusesMalformedQueries(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	table := views.OrdersByStatus().Table
	rows := func(limit int, prefix ...any) error {
		_, err := s.Rows(t.Context(), ports.RowQuery{View: view, Table: table, Prefix: prefix, Limit: limit})
		return err
	}
	_, heads := s.ScanHeads(t.Context(), "", 0)
	_, events := s.ListEvents(t.Context(), "", 0)
	_, outbox := s.ListOutbox(t.Context(), "", -1)
	for what, err := range map[string]error{
		"rows without a limit":      rows(0, "ACTIVE"),
		"a value of another kind":   rows(1, int64(1)),
		"a value of no kind":        rows(1, 1),
		"more than the key columns": rows(1, "ACTIVE", "2024-01-01", time.Time{}, uuid.Nil, "customer-1"),
		"heads without a limit":     heads,
		"events without a limit":    events,
		"outbox without a limit":    outbox,
	} {
		if err == nil || isPortError(err) {
			t.Errorf("%s: error %v, want one that says that it is a mistake", what, err)
		}
	}
	if err := rows(1, "ACTIVE"); err != nil {
		t.Errorf("a good query: %v", err)
	}
}

func TestStore_RefusesCursorsOfAStoreThatHoldsMore(t *testing.T) {
	t.Parallel()
	large, small := memory.New(memory.Options{}), memory.New(memory.Options{})
	for range 3 {
		appendEvents(t, large, uuid.New(), 0, 1)
	}
	heads, err := large.ScanHeads(t.Context(), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := large.ListOutbox(t.Context(), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	events, err := large.ListEvents(t.Context(), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	_, ofHeads := small.ScanHeads(t.Context(), heads.Next, 2)
	_, ofOutbox := small.ListOutbox(t.Context(), outbox.Next, 2)
	_, ofEvents := small.ListEvents(t.Context(), events.Next, 2)
	for what, err := range map[string]error{"heads": ofHeads, "outbox": ofOutbox, "events": ofEvents} {
		if !errors.Is(err, ports.ErrBadCursor) {
			t.Errorf("%s: error %v, want %v", what, err, ports.ErrBadCursor)
		}
	}
}

func TestStore_ErrorsSayWhatWasGoingOn(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{})
	id := uuid.New()
	appendEvents(t, s, id, 0, 1)
	_, err := s.Append(t.Context(), ports.Append{
		AggregateID: id, CommandID: uuid.Max,
		Records: []eventsourcing.Record{{
			Header:    eventsourcing.Header{AggregateType: "order", EventID: uuid.Max, AggregateID: id, SequenceNumber: 1, CommandID: uuid.Max},
			EventType: "test.happened", EventVersion: 1,
		}},
	})
	want := "append " + id.String() + " at 0: " + id.String() + " is at sequence number 1, not 0: version conflict"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), id, 3); err == nil || !strings.HasPrefix(err.Error(), "load "+id.String()+" after 3: ") {
		t.Errorf("error %v, want one that names the operation", err)
	}
}

// isPortError reports whether err is one that callers handle, and not a bug.
func isPortError(err error) bool {
	for _, value := range []error{
		ports.ErrNotFound, ports.ErrVersionConflict, ports.ErrOutcomeUnknown, ports.ErrUnavailable, ports.ErrCorrupt,
		ports.ErrClosed, ports.ErrOffsetExpired, ports.ErrNoOffset, ports.ErrBadCursor,
	} {
		if errors.Is(err, value) {
			return true
		}
	}
	return false
}
