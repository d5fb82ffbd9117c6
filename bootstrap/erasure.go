package bootstrap

import (
	"context"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/eventjson/subjectjson"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/erasureapi"
	"orderflow/application/command"
	"orderflow/application/consumer"
	"orderflow/application/erasure"
	"orderflow/application/failure"
	"orderflow/application/personal"
	"orderflow/application/query"
	"orderflow/application/snapshot"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// eraseEvery is the time between two searches for erasures that another process has begun and not
// ended.
const eraseEvery = time.Hour

// erasureRoutes makes what erases personal data, and its routes. There are none where no personal
// data is sealed, and in a passive service, whose views nobody can rewrite.
func (a *App) erasureRoutes() (resources []endpoint.Resource, err error) {
	if a.keyring == nil || a.config.Passive {
		return nil, nil
	}
	codec := subjectjson.New()
	config := erasure.Config{
		Commands: erasure.NewCommands(codec, command.Config{
			Store: a.tracing.Store(a.store), Now: time.Now, NewID: newID, Exclusive: a.store.exclusive,
		}),
		Codec: codec, Store: a.store, Keys: a.keyring, Erased: a.keyring, Subject: a.subjectOf,
		Customers: customers{a.customers.lists(query.NewLists(a.store, a.store, a.consumers, views.All()))},
		Types:     []string{order.Type}, Owner: owner(a.codec, a.keyring), Plain: a.plain,
		Forget: func(ports.Subject) { a.states.Clear() },
		Places: a.erasurePlaces(), Purger: a.store.purger, Every: eraseEvery, Backoff: failure.Backoff{First: time.Second, Max: time.Minute},
		Logger: a.log,
	}
	if !a.store.exclusive {
		config.Settle = personal.CacheFor
	}
	a.eraser = erasure.New(config)
	routes, err := erasureapi.New(a.recordings.Erasures(a.eraser, a.subjectOf))
	return []endpoint.Resource{routes}, err
}

// subjectOf returns the subject of a customer, whom a client names.
func (a *App) subjectOf(customer string) ports.Subject {
	return a.keyring.SubjectOf(a.customers.token(customer))
}

// owner returns the function that finds the subject of an order in its first event, which names the
// customer.
func owner(codec ports.Decoder, ring *personal.Keyring) func(first eventsourcing.Record) (ports.Subject, error) {
	return func(first eventsourcing.Record) (ports.Subject, error) {
		e, err := codec.Decode(first)
		if err != nil {
			return "", err
		}
		created, _ := e.Event.(order.OrderCreated) // else it is the order of nobody
		if created.CustomerID == "" {
			return "", nil
		}
		return ring.SubjectOf(created.CustomerID), nil
	}
}

// plain reports whether an event has personal data that is not sealed.
func (a *App) plain(r eventsourcing.Record) bool {
	fields, err := a.codec.PlainFields(r)
	return fields > 0 || err != nil // what cannot be read may have it
}

// erasurePlaces are all places that have something of the personal data of orders.
func (a *App) erasurePlaces() []erasure.Place {
	places := []erasure.Place{snapshotPlace{a.anySnapshots()}}
	for _, c := range a.consumers {
		if a.store.repairer != nil {
			places = append(places, rewritten{c})
		} else {
			places = append(places, renewed{c})
		}
	}
	return places
}

type snapshotPlace struct{ *snapshot.Keeper }

// Name implements erasure.Place.
func (snapshotPlace) Name() string { return "snapshots" }

// Rewrite implements erasure.Place.
func (p snapshotPlace) Rewrite(ctx context.Context, id uuid.UUID) (bool, error) {
	return p.Drop(ctx, id)
}

// rewritten is a consumer whose store replaces the rows of one aggregate. It hides that the
// consumer can also be renewed.
type rewritten struct{ erasure.Place }

// renewed is a consumer whose store cannot replace the rows of one aggregate.
type renewed struct{ *consumer.Consumer }

var _ erasure.Whole = renewed{}

// Rewrite implements erasure.Place.
func (p renewed) Rewrite(ctx context.Context, id uuid.UUID) (bool, error) {
	return p.RewriteTexts(ctx, id)
}

// customers lists the orders of customers.
type customers struct{ lists ports.ViewLists }

// Orders implements erasure.Customers.
func (c customers) Orders(ctx context.Context, customer string) (all, unfinished int, err error) {
	table := views.OrdersByCustomer().Table
	for cursor := ports.Cursor(""); ; {
		page, err := c.lists.List(ctx, table.Name, customer, cursor, query.MaxLimit)
		if err != nil {
			return 0, 0, err
		}
		for _, row := range page.Rows {
			status, _ := table.Get(row, "status").(string)
			if all++; status != string(order.Delivered) && status != string(order.Cancelled) {
				unfinished++
			}
		}
		if cursor = page.Next; cursor == "" {
			return all, unfinished, nil
		}
	}
}

// newMux returns the codec of everything that is stored.
func newMux() *eventjson.Mux {
	mux := orderjson.NewMux()
	eventjson.Register(mux, subjectjson.New())
	return mux
}

// masked returns a reader of the views for queries. It shows nothing that is erased, although a
// view may still have it.
func (a *App) masked() ports.ViewReader {
	if a.keyring == nil {
		return a.store
	}
	return a.mask().Reader(a.store)
}

// maskedPast does the same for the past of an order, which may begin at a snapshot.
func (a *App) maskedPast(next ports.AggregateQueries) ports.AggregateQueries {
	if a.keyring == nil {
		return next
	}
	return maskedPast{next, a.mask()}
}

type maskedPast struct {
	ports.AggregateQueries
	mask erasure.Mask
}

// RowAt implements ports.AggregateQueries.
func (m maskedPast) RowAt(ctx context.Context, id uuid.UUID, moment ports.Moment) (projection.Row, error) {
	row, err := m.AggregateQueries.RowAt(ctx, id, moment)
	if err != nil {
		return nil, err
	}
	return row, m.mask.Hide(ctx, views.OrderReadModel().Table, row)
}

// mask hides the personal columns of orders.
func (a *App) mask() erasure.Mask {
	return erasure.Mask{
		Table:   views.OrderReadModel().Table.Name,
		Columns: []string{"payment_reference", "carrier", "tracking_number", "cancel_reason"},
		Subject: func(table *projection.Table, row projection.Row) ports.Subject {
			customer, _ := table.Get(row, "customer_id").(string)
			return a.keyring.SubjectOf(customer)
		},
		Keys: a.keyring,
	}
}
