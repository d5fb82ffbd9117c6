package bootstrap_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/exportfile"
	"orderflow/bootstrap"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// customerOf is the state of a reducer that is wrong: it sees only how an order begins.
type customerOf struct {
	ID       uuid.UUID `json:"id"`
	Customer string    `json:"customer"`
	At       time.Time `json:"at"`
}

// otherReducer fills the table that orders-by-customer had in the data with other rows.
func otherReducer(version int) *projection.Projection {
	return projection.Define(projection.Definition[customerOf, order.Event]{
		Name: "orders-by-customer", Version: version, Types: []string{order.Type}, Table: views.OrdersByCustomer().TableOf(1),
		Reduce: func(s customerOf, e eventsourcing.Envelope[order.Event]) customerOf {
			if created, ok := e.Event.(order.OrderCreated); ok {
				return customerOf{e.AggregateID, created.CustomerID, e.CreatedAt}
			}
			return s
		},
		Rows: func(s customerOf) []projection.Row {
			if s.Customer == "" {
				return nil
			}
			return []projection.Row{{s.Customer, s.At, s.ID, "NEW", "EUR", int64(0), int64(1), s.At}}
		},
	})
}

// The data are those of an earlier version. Two of its events cannot be read, which was so on
// purpose, and everything else is as this program would have it.
func TestRehearse_theDataOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	const version = 1 // that has filled the views of the data
	for _, test := range []struct {
		name        string
		projections []*projection.Projection
		views       string
	}{
		{"this program", nil, "order-read-model 0 false, orders-by-customer 0 false, orders-by-status 0 false, orders-by-sku 0 false"},
		{"another reducer with the same version", []*projection.Projection{otherReducer(version)}, "orders-by-customer 52 true"},
		{"another reducer with another version", []*projection.Projection{otherReducer(version + 1)}, "orders-by-customer 52 false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, unreadable := oldData(t, "closed")
			read := 0
			options := bootstrap.RehearseOptions{
				Scratch: t.TempDir(), Projections: test.projections, Progress: func(n int) { read += n },
			}
			got, err := bootstrap.RehearseDir(t.Context(), dir, slog.New(slog.DiscardHandler), options)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Unreadable) != 1 || got.Unreadable[0].Count != uint64(len(unreadable)) || len(got.Refused)+len(got.Changed)+len(got.Unknown) > 0 {
				t.Errorf("findings: %+v", got.Report)
			}
			if got.Aggregates != 54 || got.Events != 182 || read != 182 || got.Passed() {
				t.Errorf("%d orders, %d events, progress of %d, passed: %t", got.Aggregates, got.Events, read, got.Passed())
			}
			var all []string
			for _, v := range got.Views {
				all = append(all, fmt.Sprint(v.Consumer, " ", v.Differences, " ", v.Wrong()))
			}
			if text := strings.Join(all, ", "); text != test.views {
				t.Errorf("views: %s, want %s", text, test.views)
			}
		})
	}
}

func TestRehearseFile(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]exportfile.Header{"since": {Since: time.Now()}, "follow": {Follow: true}} {
		var file bytes.Buffer
		w, err := exportfile.NewWriter(&file, false, header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := bootstrap.RehearseFile(t.Context(), &file, bootstrap.RehearseOptions{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a file with --%s: %v", name, err)
		}
	}
}

// Sealed data can be read without its keys, but no command is decided on it.
func TestRehearse_sealedData(t *testing.T) {
	t.Parallel()
	c := sealing(t, t.TempDir())
	app, stop := run(t, c, io.Discard)
	place(t, app)
	confirm(t, app, "canary-4711")
	stop()
	got, err := bootstrap.RehearseDir(t.Context(), c.Data, slog.New(slog.DiscardHandler), bootstrap.RehearseOptions{Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got.Events != 2 || got.Sealed != 2 || len(got.Views) != 0 || !got.Passed() {
		t.Errorf("rehearsed %+v", got)
	}
}
