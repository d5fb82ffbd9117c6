package peers_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/hallgren/eventsourcing"
	"github.com/hallgren/eventsourcing/aggregate"
	hallgrensql "github.com/hallgren/eventsourcing/eventstore/sql"
	_ "github.com/mattn/go-sqlite3" // the driver with which hallgren's store is tested

	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// purchase is the order as an aggregate of hallgren's library. Its events are pointers to those of
// the domain.
type purchase struct {
	aggregate.Root
	state order.Order
}

func (p *purchase) Register(register aggregate.RegisterFunc) {
	register(&order.OrderCreated{}, &order.OrderItemsUpdated{}, &order.OrderConfirmed{},
		&order.OrderShipped{}, &order.OrderDelivered{}, &order.OrderCancelled{})
}

func (p *purchase) Transition(e eventsourcing.Event) {
	switch event := e.Data().(type) {
	case *order.OrderCreated:
		p.state = order.Evolve(p.state, *event)
	case *order.OrderItemsUpdated:
		p.state = order.Evolve(p.state, *event)
	case *order.OrderConfirmed:
		p.state = order.Evolve(p.state, *event)
	case *order.OrderShipped:
		p.state = order.Evolve(p.state, *event)
	case *order.OrderDelivered:
		p.state = order.Evolve(p.state, *event)
	case *order.OrderCancelled:
		p.state = order.Evolve(p.state, *event)
	}
}

func (p *purchase) track(event order.Event, metadata map[string]any) error {
	switch event := event.(type) {
	case order.OrderCreated:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	case order.OrderItemsUpdated:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	case order.OrderConfirmed:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	case order.OrderShipped:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	case order.OrderDelivered:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	case order.OrderCancelled:
		aggregate.TrackChangeWithMetadata(p, &event, metadata)
	default:
		return fmt.Errorf("%T is no event of an order", event)
	}
	return nil
}

// The registry is global to the process and not safe for concurrent use.
var registerPurchase = sync.OnceFunc(func() { aggregate.Register(&purchase{}) })

func openHallgren(tb testing.TB) system {
	tb.Helper()
	registerPurchase()
	db := openSQLite(tb)
	store, err := hallgrensql.NewSQLiteSingelWriter(db)
	if err != nil {
		tb.Fatal(err)
	}
	return system{
		handle: func(ctx context.Context, c order.Command) error {
			p, err := loadPurchase(ctx, store, c.AggregateID().String())
			if err != nil {
				return err
			}
			if err := p.carryOut(c); err != nil {
				return err
			}
			return aggregate.Save(store, p)
		},
		write: func(tb testing.TB, orderID uuid.UUID) func() error {
			tb.Helper()
			p, err := loadPurchase(tb.Context(), store, orderID.String())
			if err == nil {
				err = p.track(order.OrderDelivered{}, nil)
			}
			if err != nil {
				tb.Fatal(err)
			}
			return func() error { return aggregate.Save(store, p) }
		},
		events: func(tb testing.TB, orderID string) (stored, outbox int) {
			tb.Helper()
			if err := db.QueryRowContext(tb.Context(), `SELECT count(*) FROM events WHERE id = ?`, orderID).Scan(&stored); err != nil {
				tb.Fatal(err)
			}
			return stored, 0
		},
	}
}

func loadPurchase(ctx context.Context, store *hallgrensql.SQLite, orderID string) (*purchase, error) {
	p := &purchase{}
	err := aggregate.Load(ctx, store, orderID, p)
	if errors.Is(err, eventsourcing.ErrAggregateNotFound) {
		return p, p.SetID(orderID)
	}
	return p, err
}

func (p *purchase) carryOut(c order.Command) error {
	if err := order.Check(c); err != nil {
		return err
	}
	events, err := order.Decide(p.state, c)
	if err != nil {
		return err
	}
	commandID := workload.NewID().String()
	for _, event := range events {
		if err := p.track(event, map[string]any{"command_id": commandID, "correlation_id": commandID}); err != nil {
			return err
		}
	}
	return nil
}

// openSQLite opens a durable database. It keeps its connections, because opening one costs more
// than a command.
func openSQLite(tb testing.TB) *sql.DB {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "events.db")
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=10000")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	const connections = 8 // more connections would only wait for one lock
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	for setting, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		var got string
		if err := db.QueryRowContext(tb.Context(), "PRAGMA "+setting).Scan(&got); err != nil || got != want {
			tb.Fatalf("PRAGMA %s is %q, %v; want %q", setting, got, err, want)
		}
	}
	return db
}
