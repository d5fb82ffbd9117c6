// Package stockjson is the codec of the stock events: their persisted names, the payload of each
// version, and how an old version becomes the next one.
//
//	stock.received  2  v1 had no "reference"
//	stock.reserved  1
//	stock.released  1
package stockjson

import (
	"fmt"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson"
	"orderflow/tests/otherdomain/stock"
)

const (
	received = "stock.received"
	reserved = "stock.reserved"
	released = "stock.released"
)

type receivedV1 struct {
	SKU      *string `json:"sku"`
	Quantity *int64  `json:"quantity"`
}

type receivedV2 struct {
	SKU       *string `json:"sku"`
	Quantity  *int64  `json:"quantity"`
	Reference *string `json:"reference"`
}

type reservedV1 struct {
	OrderID  *uuid.UUID `json:"order_id"`
	Quantity *int64     `json:"quantity"`
}

type releasedV1 struct {
	OrderID *uuid.UUID `json:"order_id"`
}

// New returns the codec of the stock events.
func New() *eventjson.Codec[stock.Event] {
	return eventjson.New(eventjson.Config[stock.Event]{
		AggregateType: stock.Type,
		Schemas: map[string]eventjson.Schema[stock.Event]{
			received: {Decode: eventjson.Read(receivedV2.event), Upcasters: []eventjson.Upcaster{eventjson.Upcast(receivedV1.next)}},
			reserved: {Decode: eventjson.Read(reservedV1.event)},
			released: {Decode: eventjson.Read(releasedV1.event)},
		},
		Payload: payload,
	})
}

func payload(event stock.Event) (name string, payload any, err error) {
	switch e := event.(type) {
	case stock.Received:
		return received, receivedV2{&e.SKU, &e.Quantity, &e.Reference}, eventjson.CheckText(e.SKU, e.Reference)
	case stock.Reserved:
		return reserved, reservedV1{&e.OrderID, &e.Quantity}, nil
	case stock.Released:
		return released, releasedV1{&e.OrderID}, nil
	default:
		return "", nil, fmt.Errorf("no event of a stock item")
	}
}

// next says that the delivery note is unknown: version 1 did not have it.
func (p receivedV1) next() (receivedV2, error) {
	unknown := "unknown"
	return receivedV2{SKU: p.SKU, Quantity: p.Quantity, Reference: &unknown}, nil
}

func (p receivedV2) event() (stock.Event, error) {
	switch {
	case p.SKU == nil:
		return nil, eventjson.Missing("sku")
	case p.Quantity == nil:
		return nil, eventjson.Missing("quantity")
	case p.Reference == nil:
		return nil, eventjson.Missing("reference")
	}
	return stock.Received{SKU: *p.SKU, Quantity: *p.Quantity, Reference: *p.Reference}, nil
}

func (p reservedV1) event() (stock.Event, error) {
	switch {
	case p.OrderID == nil:
		return nil, eventjson.Missing("order_id")
	case p.Quantity == nil:
		return nil, eventjson.Missing("quantity")
	}
	return stock.Reserved{OrderID: *p.OrderID, Quantity: *p.Quantity}, nil
}

func (p releasedV1) event() (stock.Event, error) {
	if p.OrderID == nil {
		return nil, eventjson.Missing("order_id")
	}
	return stock.Released{OrderID: *p.OrderID}, nil
}
