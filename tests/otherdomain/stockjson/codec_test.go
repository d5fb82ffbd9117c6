package stockjson_test

import (
	"errors"
	"strings"
	"testing"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/ports"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stockjson"
)

func stored(eventType string, version int, payload string) eventsourcing.Record {
	header := eventtest.History(stock.Type, eventtest.ID(1), nil)[0].Header
	return eventsourcing.Record{Header: header, EventType: eventType, EventVersion: version, Payload: []byte(payload)}
}

// Payloads as they were stored, for ever.
func TestDecode_ReadsEveryVersion(t *testing.T) {
	t.Parallel()
	orderID := eventtest.ID(2)
	for _, test := range []struct {
		record eventsourcing.Record
		want   stock.Event
	}{
		{
			stored("stock.received", 1, `{"sku":"PEN-1","quantity":10}`),
			stock.Received{SKU: "PEN-1", Quantity: 10, Reference: "unknown"},
		},
		{
			stored("stock.received", 2, `{"sku":"PEN-1","quantity":10,"reference":"n"}`),
			stock.Received{SKU: "PEN-1", Quantity: 10, Reference: "n"},
		},
		{
			stored("stock.reserved", 1, `{"order_id":"`+orderID.String()+`","quantity":4}`),
			stock.Reserved{OrderID: orderID, Quantity: 4},
		},
		{stored("stock.released", 1, `{"order_id":"`+orderID.String()+`"}`), stock.Released{OrderID: orderID}},
	} {
		e, err := stockjson.New().Decode(test.record)
		if err != nil || e.Event != test.want {
			t.Errorf("%s version %d: %+v, %v", test.record.EventType, test.record.EventVersion, e.Event, err)
		}
	}
}

func TestDecode_RefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for field, record := range map[string]eventsourcing.Record{
		"sku": stored("stock.received", 1, `{"quantity":1}`), "quantity": stored("stock.received", 1, `{"sku":"A"}`),
		"reference": stored("stock.received", 2, `{"sku":"A","quantity":1}`), "order_id": stored("stock.released", 1, `{}`),
	} {
		_, err := stockjson.New().Decode(record)
		if !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(err.Error(), field+" is missing") {
			t.Errorf("without %s: %v", field, err)
		}
	}
}
