package eventjson

import (
	"encoding/json"
	"errors"

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

// schema is how the payloads of one event type are read.
type schema struct {
	// upcasters[i] leads from version i+1 to version i+2.
	upcasters []upcaster
	// decode reads the newest version.
	decode func(data []byte) (order.Event, error)
}

// newest is the version that Encode writes.
func (s schema) newest() int { return len(s.upcasters) + 1 }

func schemas() map[string]schema {
	return map[string]schema{
		created:      {decode: decode[createdV3], upcasters: []upcaster{upcast(createdV1.next), upcast(createdV2.next)}},
		itemsUpdated: {decode: decode[itemsUpdatedV1]},
		confirmed:    {decode: decode[confirmedV1]},
		shipped:      {decode: decode[shippedV1]},
		delivered:    {decode: decode[deliveredV1]},
		cancelled:    {decode: decode[cancelledV2], upcasters: []upcaster{upcast(cancelledV1.next)}},
	}
}

// decode reads a payload of the newest version.
func decode[P interface{ event() (order.Event, error) }](data []byte) (order.Event, error) {
	payload, err := unmarshal[P](data)
	if err != nil {
		return nil, err
	}
	return payload.event()
}

// unmarshal reads one JSON object and nothing behind it.
func unmarshal[P any](data []byte) (payload P, err error) {
	object := &payload
	if err := json.Unmarshal(data, &object); err != nil {
		return payload, err
	}
	if object == nil {
		return payload, errors.New("the payload is null")
	}
	return payload, nil
}
