package orderjson

import (
	"errors"
	"fmt"
	"strconv"

	"orderflow/adapters/eventjson"
	"orderflow/domain/order"
)

// The payloads of the newest version of each event. All fields are required. They are pointers, so
// that a missing field is not mistaken for a zero value.

type createdV3 struct {
	CustomerID *string  `json:"customer_id"`
	Currency   *string  `json:"currency"`
	Items      []itemV3 `json:"items"`
}

type itemsUpdatedV1 struct {
	Items []itemV3 `json:"items"`
}

type itemV3 struct {
	SKU       *string `json:"sku"`
	Quantity  *int64  `json:"quantity"`
	UnitPrice *int64  `json:"unit_price"`
}

type confirmedV1 struct {
	PaymentReference *string `json:"payment_reference"`
}

type shippedV1 struct {
	Carrier        *string `json:"carrier"`
	TrackingNumber *string `json:"tracking_number"`
}

type deliveredV1 struct{}

type cancelledV2 struct {
	Reason *string `json:"reason"`
}

// toPayload returns the name of the event and its payload in the newest version.
func toPayload(event order.Event) (name string, payload any, err error) {
	switch e := event.(type) {
	case order.OrderCreated:
		if err := eventjson.CheckText(e.CustomerID, string(e.Currency)); err != nil {
			return "", nil, err
		}
		items, err := toItems(e.Items)
		return created, createdV3{CustomerID: &e.CustomerID, Currency: (*string)(&e.Currency), Items: items}, err
	case order.OrderItemsUpdated:
		items, err := toItems(e.Items)
		return itemsUpdated, itemsUpdatedV1{Items: items}, err
	case order.OrderConfirmed:
		return confirmed, confirmedV1{PaymentReference: &e.PaymentReference}, eventjson.CheckText(e.PaymentReference)
	case order.OrderShipped:
		return shipped, shippedV1{Carrier: &e.Carrier, TrackingNumber: &e.TrackingNumber},
			eventjson.CheckText(e.Carrier, e.TrackingNumber)
	case order.OrderDelivered:
		return delivered, deliveredV1{}, nil
	case order.OrderCancelled:
		return cancelled, cancelledV2{Reason: &e.Reason}, eventjson.CheckText(e.Reason)
	default:
		return "", nil, errors.New("no event of an order")
	}
}

// toItems returns a list that is never nil: an empty list is a value, and null is not.
func toItems(items []order.Item) ([]itemV3, error) {
	payload := make([]itemV3, len(items))
	for i := range items {
		if err := eventjson.CheckText(items[i].SKU); err != nil {
			return nil, err
		}
		payload[i] = itemV3{SKU: &items[i].SKU, Quantity: &items[i].Quantity, UnitPrice: (*int64)(&items[i].UnitPrice)}
	}
	return payload, nil
}

// AppendJSON implements [eventjson.Appender].
func (p createdV3) AppendJSON(b []byte) []byte {
	b = eventjson.AppendText(append(b, `{"customer_id":`...), *p.CustomerID)
	b = eventjson.AppendText(append(b, `,"currency":`...), *p.Currency)
	return append(appendItems(append(b, `,"items":`...), p.Items), '}')
}

// AppendJSON implements [eventjson.Appender].
func (p itemsUpdatedV1) AppendJSON(b []byte) []byte {
	return append(appendItems(append(b, `{"items":`...), p.Items), '}')
}

func appendItems(b []byte, items []itemV3) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = eventjson.AppendText(append(b, `{"sku":`...), *item.SKU)
		b = strconv.AppendInt(append(b, `,"quantity":`...), *item.Quantity, 10)
		b = strconv.AppendInt(append(b, `,"unit_price":`...), *item.UnitPrice, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// AppendJSON implements [eventjson.Appender].
func (p confirmedV1) AppendJSON(b []byte) []byte {
	return append(eventjson.AppendText(append(b, `{"payment_reference":`...), *p.PaymentReference), '}')
}

// AppendJSON implements [eventjson.Appender].
func (p shippedV1) AppendJSON(b []byte) []byte {
	b = eventjson.AppendText(append(b, `{"carrier":`...), *p.Carrier)
	return append(eventjson.AppendText(append(b, `,"tracking_number":`...), *p.TrackingNumber), '}')
}

func (p createdV3) event() (order.Event, error) {
	switch {
	case p.CustomerID == nil:
		return nil, eventjson.Missing("customer_id")
	case p.Currency == nil:
		return nil, eventjson.Missing("currency")
	}
	items, err := fromItems(p.Items)
	if err != nil {
		return nil, err
	}
	return order.OrderCreated{CustomerID: *p.CustomerID, Currency: order.Currency(*p.Currency), Items: items}, nil
}

func (p itemsUpdatedV1) event() (order.Event, error) {
	items, err := fromItems(p.Items)
	if err != nil {
		return nil, err
	}
	return order.OrderItemsUpdated{Items: items}, nil
}

func fromItems(payload []itemV3) ([]order.Item, error) {
	if payload == nil {
		return nil, eventjson.Missing("items")
	}
	items := make([]order.Item, len(payload))
	for i, p := range payload {
		switch {
		case p.SKU == nil:
			return nil, eventjson.Missing(fmt.Sprintf("items[%d].sku", i))
		case p.Quantity == nil:
			return nil, eventjson.Missing(fmt.Sprintf("items[%d].quantity", i))
		case p.UnitPrice == nil:
			return nil, eventjson.Missing(fmt.Sprintf("items[%d].unit_price", i))
		}
		items[i] = order.Item{SKU: *p.SKU, Quantity: *p.Quantity, UnitPrice: order.Money(*p.UnitPrice)}
	}
	return items, nil
}

func (p confirmedV1) event() (order.Event, error) {
	if p.PaymentReference == nil {
		return nil, eventjson.Missing("payment_reference")
	}
	return order.OrderConfirmed{PaymentReference: *p.PaymentReference}, nil
}

func (p shippedV1) event() (order.Event, error) {
	switch {
	case p.Carrier == nil:
		return nil, eventjson.Missing("carrier")
	case p.TrackingNumber == nil:
		return nil, eventjson.Missing("tracking_number")
	}
	return order.OrderShipped{Carrier: *p.Carrier, TrackingNumber: *p.TrackingNumber}, nil
}

func (deliveredV1) event() (order.Event, error) { return order.OrderDelivered{}, nil }

func (p cancelledV2) event() (order.Event, error) {
	if p.Reason == nil {
		return nil, eventjson.Missing("reason")
	}
	return order.OrderCancelled{Reason: *p.Reason}, nil
}
