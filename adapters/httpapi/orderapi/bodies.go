package orderapi

import (
	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/domain/order"
)

// The bodies of the commands. The tags are their schema in the OpenAPI document. read defines what
// is really accepted, and a test compares the two. The domain decides which values are allowed;
// read only checks names and types.

type itemBody struct {
	SKU       string `json:"sku" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$" example:"A-1" doc:"The article. An order has one line for each."`
	Quantity  int64  `json:"quantity" minimum:"1" maximum:"10000" example:"2" doc:"How many."`
	UnitPrice int64  `json:"unit_price" minimum:"0" exclusiveMaximum:"9223372036854775808" example:"1250" doc:"Price of one, in minor units of the order's currency."`
}

func (b *itemBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "sku", Required: true, Read: func() { b.SKU = r.Text() }},
		strictjson.Member{Name: "quantity", Required: true, Read: func() { b.Quantity = r.Integer() }},
		strictjson.Member{Name: "unit_price", Required: true, Read: func() { b.UnitPrice = r.Integer() }},
	)
}

type createBody struct {
	OrderID    uuid.UUID  `json:"order_id,omitzero" format:"uuid" doc:"Chosen by the client, or else derived from Idempotency-Key, or else new."`
	CustomerID string     `json:"customer_id" minLength:"1" maxLength:"64" pattern:"^([A-Za-z0-9_:@-]|\\.[A-Za-z0-9_:@-]|\\.\\.[A-Za-z0-9._:@-])[A-Za-z0-9._:@-]*$" example:"ann" doc:"The customer; neither . nor .., which no path can contain. A service with hashed ids stores and shows a token in its place, which is accepted wherever a customer is named."`
	Currency   string     `json:"currency" example:"EUR" doc:"ISO 4217 code of a circulating currency."`
	Items      []itemBody `json:"items" minItems:"1" maxItems:"1000" doc:"The lines of the order. Their total must fit into 64 bits."`
}

// Members implements [endpoint.Describer].
func (createBody) Members() map[string]endpoint.Schema {
	var codes []any
	for _, code := range order.Currencies() {
		codes = append(codes, string(code))
	}
	return map[string]endpoint.Schema{"currency": {Type: endpoint.TypeString, Enum: codes}}
}

func (b *createBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "order_id", Read: func() { b.OrderID = r.UUID() }},
		strictjson.Member{Name: "customer_id", Required: true, Read: func() { b.CustomerID = r.Text() }},
		strictjson.Member{Name: "currency", Required: true, Read: func() { b.Currency = r.Text() }},
		strictjson.Member{Name: "items", Required: true, Read: func() { b.Items = readItems(r) }},
	)
}

// Command returns the command. orderID is the id of the order unless the body names another.
func (b *createBody) Command(orderID uuid.UUID) order.Command {
	if b.OrderID != uuid.Nil {
		orderID = b.OrderID
	}
	return order.CreateOrder{
		OrderID: orderID, CustomerID: b.CustomerID, Currency: order.Currency(b.Currency), Items: orderItems(b.Items),
	}
}

type itemsBody struct {
	Items []itemBody `json:"items" minItems:"1" maxItems:"1000" doc:"All lines that the order is to have."`
}

func (b *itemsBody) Read(r *strictjson.Reader) {
	r.Object(strictjson.Member{Name: "items", Required: true, Read: func() { b.Items = readItems(r) }})
}

func (b *itemsBody) Command(orderID uuid.UUID) order.Command {
	return order.UpdateItems{OrderID: orderID, Items: orderItems(b.Items)}
}

type confirmBody struct {
	PaymentReference string `json:"payment_reference" minLength:"1" maxLength:"128" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"pay-4711" doc:"The reference of the payment at the payment provider."`
}

func (b *confirmBody) Read(r *strictjson.Reader) {
	r.Object(strictjson.Member{Name: "payment_reference", Required: true, Read: func() { b.PaymentReference = r.Text() }})
}

func (b *confirmBody) Command(orderID uuid.UUID) order.Command {
	return order.ConfirmOrder{OrderID: orderID, PaymentReference: b.PaymentReference}
}

type shipBody struct {
	Carrier        string `json:"carrier" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"DHL" doc:"The carrier."`
	TrackingNumber string `json:"tracking_number" minLength:"1" maxLength:"128" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"JD0146" doc:"The carrier's number of the parcel."`
}

func (b *shipBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "carrier", Required: true, Read: func() { b.Carrier = r.Text() }},
		strictjson.Member{Name: "tracking_number", Required: true, Read: func() { b.TrackingNumber = r.Text() }},
	)
}

func (b *shipBody) Command(orderID uuid.UUID) order.Command {
	return order.ShipOrder{OrderID: orderID, Carrier: b.Carrier, TrackingNumber: b.TrackingNumber}
}

// deliverBody has no members, and may be left out.
type deliverBody struct{}

func (b *deliverBody) Read(r *strictjson.Reader) { r.Object() }

func (b *deliverBody) Command(orderID uuid.UUID) order.Command {
	return order.DeliverOrder{OrderID: orderID}
}

type cancelBody struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*$" example:"changed my mind" doc:"Why, for people."`
}

func (b *cancelBody) Read(r *strictjson.Reader) {
	r.Object(strictjson.Member{Name: "reason", Required: true, Read: func() { b.Reason = r.Text() }})
}

func (b *cancelBody) Command(orderID uuid.UUID) order.Command {
	return order.CancelOrder{OrderID: orderID, Reason: b.Reason}
}

func readItems(r *strictjson.Reader) []itemBody {
	var items []itemBody
	var item itemBody
	r.Array(func() {
		item = itemBody{}
		item.Read(r)
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
