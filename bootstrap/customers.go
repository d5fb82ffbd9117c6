package bootstrap

import (
	"context"
	"fmt"

	"orderflow/adapters/httpapi/orderapi"
	"orderflow/application/filling"
	"orderflow/application/personal"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// CustomerIDs says what is stored as the id of a customer.
type CustomerIDs string

// The ways to store the ids of customers.
const (
	// CustomerIDsPlain stores what clients give.
	CustomerIDsPlain CustomerIDs = "plain"
	// CustomerIDsHashed stores a keyed hash of it, which the service key is needed for.
	CustomerIDsHashed CustomerIDs = "hashed"
)

// customerNote is where a store has which ids it holds. Before there was this note, ids were plain.
const customerNote = "customer-ids"

// customerIDs replaces the ids of customers at the edge of the service, see personal.CustomerIDs.
// It is nil when they are stored as clients give them.
type customerIDs struct{ personal.CustomerIDs }

// openCustomerIDs compares the mode with what the store holds, and returns how ids are replaced. A
// store has ids of one kind only: with both, the orders of a customer could not be found.
func openCustomerIDs(ctx context.Context, config Config, key []byte, store *storage) (*customerIDs, error) {
	var ids *customerIDs
	want := string(CustomerIDsPlain)
	if config.CustomerIDs == CustomerIDsHashed {
		made, err := personal.NewCustomerIDs(key)
		if err != nil {
			return nil, err
		}
		// the token of nobody shows with which key the others were made
		ids, want = &customerIDs{made}, string(CustomerIDsHashed)+" "+made.Token("")
	}
	note, data, err := filling.OpenNote(ctx, store, customerNote, customerNote)
	if err != nil {
		return nil, fmt.Errorf("which ids of customers the store has: %w", err)
	}
	has := string(data)
	if has == want || has == "" && ids == nil {
		return ids, nil
	}
	heads, err := store.ScanHeads(ctx, "", 1)
	if err != nil {
		return nil, fmt.Errorf("which ids of customers the store has: %w", err)
	}
	switch {
	case len(heads.Heads) == 0 && !config.Passive:
		return ids, note.Save(ctx, []byte(want))
	case len(heads.Heads) == 0:
		return ids, nil
	case has == "" || has == string(CustomerIDsPlain):
		return nil, &SettingError{"customer-ids", "this store has events with plain ids, which cannot be changed any more"}
	case ids == nil:
		return nil, &SettingError{"customer-ids", "this store has events with hashed ids, so it needs --customer-ids=hashed"}
	default:
		return nil, &SettingError{"personal-key", "the ids of customers in this store are hashed with another key"}
	}
}

// token returns what is stored as the id of a customer.
func (c *customerIDs) token(id string) string {
	if c == nil {
		return id
	}
	return c.Token(id)
}

// commands replaces the customer in commands.
func (c *customerIDs) commands(
	next ports.CommandHandler[order.Command, order.Event],
) ports.CommandHandler[order.Command, order.Event] {
	if c == nil {
		return next
	}
	return hashedCommands{next, c}
}

type hashedCommands struct {
	next ports.CommandHandler[order.Command, order.Event]
	ids  *customerIDs
}

// Handle implements ports.CommandHandler.
func (h hashedCommands) Handle(
	ctx context.Context, request ports.CommandRequest[order.Command],
) (ports.CommandResult[order.Event], error) {
	// a malformed id is refused, and not made well-formed
	if create, ok := request.Command.(order.CreateOrder); ok && order.Check(create) == nil {
		create.CustomerID = h.ids.Token(create.CustomerID)
		request.Command = create
	}
	return h.next.Handle(ctx, request)
}

// lists replaces the customer in queries.
func (c *customerIDs) lists(next ports.ViewLists) ports.ViewLists {
	if c == nil {
		return next
	}
	return hashedLists{next, c}
}

type hashedLists struct {
	ports.ViewLists
	ids *customerIDs
}

// List implements ports.ViewLists.
func (h hashedLists) List(
	ctx context.Context, table, key string, after ports.Cursor, limit int,
) (ports.RowPage, error) {
	if table == views.OrdersByCustomer().Table.Name {
		key = h.ids.Token(key)
	}
	return h.ViewLists.List(ctx, table, key, after, limit)
}

// streams replaces the customer in the filters of live streams.
func (c *customerIDs) streams(next ports.EventStreams) ports.EventStreams {
	if c == nil {
		return next
	}
	return hashedStreams{next, c}
}

type hashedStreams struct {
	ports.EventStreams
	ids *customerIDs
}

// StreamAll implements ports.EventStreams.
func (h hashedStreams) StreamAll(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error) {
	by := make([]ports.StreamFilter, len(request.By))
	for i, filter := range request.By {
		if filter.Property == orderapi.FilterCustomer {
			filter.Key = h.ids.Token(filter.Key)
		}
		by[i] = filter
	}
	request.By = by
	return h.EventStreams.StreamAll(ctx, request)
}

// imported returns a decoder for what is imported, which refuses an order with an id of the other
// kind.
func (c *customerIDs) imported(next ports.Decoder) ports.Decoder { return ownCustomers{next, c != nil} }

type ownCustomers struct {
	ports.Decoder
	hashed bool
}

// Decode implements ports.Decoder.
func (o ownCustomers) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	e, err := o.Decoder.Decode(r)
	if created, ok := e.Event.(order.OrderCreated); err == nil && ok && personal.IsCustomerToken(created.CustomerID) != o.hashed {
		err = &SettingError{"customer-ids", fmt.Sprintf("the customer of this order is stored %s, and here ids are %s",
			kindOfIDs(!o.hashed), kindOfIDs(o.hashed))}
	}
	return e, err
}

func kindOfIDs(hashed bool) CustomerIDs {
	if hashed {
		return CustomerIDsHashed
	}
	return CustomerIDsPlain
}
