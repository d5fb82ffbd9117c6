package orderjson

import (
	"fmt"

	"orderflow/adapters/eventjson"
)

// order.created, version 1: each item had a price with its own currency.

type createdV1 struct {
	CustomerID *string  `json:"customer_id"`
	Items      []itemV1 `json:"items"`
}

type itemV1 struct {
	SKU   *string  `json:"sku"`
	Qty   *int64   `json:"qty"`
	Price *priceV1 `json:"price"`
}

type priceV1 struct {
	Amount   *int64  `json:"amount"`
	Currency *string `json:"currency"`
}

// noCurrency is the ISO 4217 code for "no currency involved".
const noCurrency = "XXX"

// next moves the currency from the items to the order. An order without items gets noCurrency.
// Items in different currencies were never accepted and cannot be expressed as one order, so they
// are an error.
func (p createdV1) next() (createdV2, error) {
	next := createdV2{CustomerID: p.CustomerID}
	if p.Items == nil {
		return next, nil
	}
	next.Items = make([]itemV2, len(p.Items))
	for i, item := range p.Items {
		if item.Price == nil || item.Price.Currency == nil {
			return createdV2{}, eventjson.Missing(fmt.Sprintf("items[%d].price.currency", i))
		}
		if next.Currency == nil {
			next.Currency = item.Price.Currency
		}
		if *next.Currency != *item.Price.Currency {
			return createdV2{}, fmt.Errorf("items in %s and in %s", *next.Currency, *item.Price.Currency)
		}
		next.Items[i] = itemV2{SKU: item.SKU, Qty: item.Qty, UnitPrice: item.Price.Amount}
	}
	if len(p.Items) == 0 {
		none := noCurrency
		next.Currency = &none
	}
	return next, nil
}

// order.created, version 2: the order has a currency, and the quantity is still "qty".

type createdV2 struct {
	CustomerID *string  `json:"customer_id"`
	Currency   *string  `json:"currency"`
	Items      []itemV2 `json:"items"`
}

type itemV2 struct {
	SKU       *string `json:"sku"`
	Qty       *int64  `json:"qty"`
	UnitPrice *int64  `json:"unit_price"`
}

// next renames "qty" to "quantity".
func (p createdV2) next() (createdV3, error) {
	next := createdV3{CustomerID: p.CustomerID, Currency: p.Currency}
	if p.Items == nil {
		return next, nil
	}
	next.Items = make([]itemV3, len(p.Items))
	for i, item := range p.Items {
		next.Items[i] = itemV3{SKU: item.SKU, Quantity: item.Qty, UnitPrice: item.UnitPrice}
	}
	return next, nil
}

// order.cancelled, version 1: without a reason.

type cancelledV1 struct{}

// next sets the reason "unknown", because no reason was stored.
func (cancelledV1) next() (cancelledV2, error) {
	reason := "unknown"
	return cancelledV2{Reason: &reason}, nil
}
