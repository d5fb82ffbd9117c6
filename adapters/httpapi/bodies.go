package httpapi

import (
	"github.com/google/uuid"

	"orderflow/domain/order"
)

// The bodies of the commands. The tags are their schema in the OpenAPI document; read is what is really accepted, and a test
// holds the two together. What a value may be is the domain's to say: read only takes care of names and types.

type itemBody struct {
	SKU       string `json:"sku" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$" example:"A-1" doc:"The article. An order has one line for each."`
	Quantity  int64  `json:"quantity" minimum:"1" maximum:"10000" example:"2" doc:"How many."`
	UnitPrice int64  `json:"unit_price" minimum:"0" example:"1250" doc:"Price of one, in minor units of the order's currency."`
}

func (b *itemBody) read(r *jsonReader) {
	r.object(
		member{"sku", true, func() { b.SKU = r.text() }},
		member{"quantity", true, func() { b.Quantity = r.integer() }},
		member{"unit_price", true, func() { b.UnitPrice = r.integer() }},
	)
}

type createBody struct {
	OrderID    uuid.UUID  `json:"order_id,omitzero" format:"uuid" doc:"Chosen by the client, or else derived from Idempotency-Key, or else new."`
	CustomerID string     `json:"customer_id" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._:@-]+$" example:"ann" doc:"Who orders."`
	Currency   string     `json:"currency" minLength:"3" maxLength:"3" pattern:"^[A-Z]{3}$" example:"EUR" doc:"ISO 4217 code of a circulating currency."`
	Items      []itemBody `json:"items" minItems:"1" maxItems:"1000" nullable:"false" doc:"The lines of the order. Their total must fit into 64 bits."`
}

func (b *createBody) read(r *jsonReader) {
	r.object(
		member{"order_id", false, func() { b.OrderID = r.uuid() }},
		member{"customer_id", true, func() { b.CustomerID = r.text() }},
		member{"currency", true, func() { b.Currency = r.text() }},
		member{"items", true, func() { b.Items = readItems(r) }},
	)
}

// command returns the command. The id is that of the order unless the body names another.
func (b *createBody) command(orderID uuid.UUID) order.Command {
	if b.OrderID != uuid.Nil {
		orderID = b.OrderID
	}
	return order.CreateOrder{
		OrderID: orderID, CustomerID: b.CustomerID, Currency: order.Currency(b.Currency), Items: orderItems(b.Items),
	}
}

type itemsBody struct {
	Items []itemBody `json:"items" minItems:"1" maxItems:"1000" nullable:"false" doc:"All lines that the order is to have."`
}

func (b *itemsBody) read(r *jsonReader) {
	r.object(member{"items", true, func() { b.Items = readItems(r) }})
}

func (b *itemsBody) command(orderID uuid.UUID) order.Command {
	return order.UpdateItems{OrderID: orderID, Items: orderItems(b.Items)}
}

type confirmBody struct {
	PaymentReference string `json:"payment_reference" minLength:"1" maxLength:"128" example:"pay-4711" doc:"How the payment is known to whoever took it."`
}

func (b *confirmBody) read(r *jsonReader) {
	r.object(member{"payment_reference", true, func() { b.PaymentReference = r.text() }})
}

func (b *confirmBody) command(orderID uuid.UUID) order.Command {
	return order.ConfirmOrder{OrderID: orderID, PaymentReference: b.PaymentReference}
}

type shipBody struct {
	Carrier        string `json:"carrier" minLength:"1" maxLength:"64" example:"DHL" doc:"Who carries it."`
	TrackingNumber string `json:"tracking_number" minLength:"1" maxLength:"128" example:"JD0146" doc:"The carrier's name for the parcel."`
}

func (b *shipBody) read(r *jsonReader) {
	r.object(
		member{"carrier", true, func() { b.Carrier = r.text() }},
		member{"tracking_number", true, func() { b.TrackingNumber = r.text() }},
	)
}

func (b *shipBody) command(orderID uuid.UUID) order.Command {
	return order.ShipOrder{OrderID: orderID, Carrier: b.Carrier, TrackingNumber: b.TrackingNumber}
}

// deliverBody has nothing in it, and may be left out altogether.
type deliverBody struct{}

func (b *deliverBody) read(r *jsonReader) { r.object() }

func (b *deliverBody) command(orderID uuid.UUID) order.Command {
	return order.DeliverOrder{OrderID: orderID}
}

type cancelBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" example:"changed my mind" doc:"Why, for people."`
}

func (b *cancelBody) read(r *jsonReader) {
	r.object(member{"reason", true, func() { b.Reason = r.text() }})
}

func (b *cancelBody) command(orderID uuid.UUID) order.Command {
	return order.CancelOrder{OrderID: orderID, Reason: b.Reason}
}

func readItems(r *jsonReader) []itemBody {
	var items []itemBody
	var item itemBody
	r.array(func() {
		item = itemBody{}
		item.read(r)
		items = append(items, item)
	})
	return items
}

func orderItems(bodies []itemBody) []order.Item {
	items := make([]order.Item, len(bodies))
	for i, b := range bodies {
		items[i] = order.Item{SKU: b.SKU, Quantity: b.Quantity, UnitPrice: order.Money(b.UnitPrice)}
	}
	return items
}
