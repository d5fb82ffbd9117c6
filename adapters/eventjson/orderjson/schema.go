package orderjson

import (
	"orderflow/adapters/eventjson"
	"orderflow/domain/order"
)

// The persisted names.
const (
	created      = "order.created"
	itemsUpdated = "order.items_updated"
	confirmed    = "order.confirmed"
	shipped      = "order.shipped"
	delivered    = "order.delivered"
	cancelled    = "order.cancelled"
)

// New returns the codec of the order events.
func New() *eventjson.Codec[order.Event] {
	return eventjson.New(eventjson.Config[order.Event]{
		AggregateType: order.Type, Schemas: schemas(), Payload: toPayload, Personal: personal(),
	})
}

// personal lists the fields that the domain declares as personal.
func personal() map[string][]string {
	return map[string][]string{
		confirmed: {"payment_reference"},
		shipped:   {"carrier", "tracking_number"},
		cancelled: {"reason"},
	}
}

func schemas() map[string]eventjson.Schema[order.Event] {
	return map[string]eventjson.Schema[order.Event]{
		created: {
			Decode:    eventjson.Read(createdV3.event),
			Upcasters: []eventjson.Upcaster{eventjson.Upcast(createdV1.next), eventjson.Upcast(createdV2.next)},
		},
		itemsUpdated: {Decode: eventjson.Read(itemsUpdatedV1.event)},
		confirmed:    {Decode: eventjson.Read(confirmedV1.event)},
		shipped:      {Decode: eventjson.Read(shippedV1.event)},
		delivered:    {Decode: eventjson.Read(deliveredV1.event)},
		cancelled: {Decode: eventjson.Read(cancelledV2.event), Upcasters: []eventjson.Upcaster{
			eventjson.Upcast(cancelledV1.next),
		}},
	}
}

// NewMux returns a Mux that knows the order events only.
func NewMux() *eventjson.Mux {
	var mux eventjson.Mux
	eventjson.Register(&mux, New())
	return &mux
}
