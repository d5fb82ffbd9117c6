package bootstrap

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

const canaryOfPerson = "canary-of-a-person"

// plantPersonal writes a canary into every field of an event that is declared as personal.
func plantPersonal(e order.Event) (planted order.Event, fields int) {
	value := reflect.New(reflect.TypeOf(e)).Elem()
	value.Set(reflect.ValueOf(e))
	for field, inner := range value.Fields() {
		if field.Tag.Get("personal") == "sealed" {
			inner.SetString(canaryOfPerson)
			fields++
		}
	}
	return value.Interface().(order.Event), fields
}

// personalColumns returns the columns of all views that have a canary, as table.column.
func personalColumns(t *testing.T) (columns []string) {
	t.Helper()
	created := order.OrderCreated{CustomerID: "ann", Currency: "EUR", Items: []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}}}
	fields := 0
	for _, life := range [][]order.Event{
		{created, order.OrderItemsUpdated{Items: created.Items}, order.OrderConfirmed{}, order.OrderShipped{}, order.OrderDelivered{}},
		{created, order.OrderConfirmed{}, order.OrderCancelled{}},
	} {
		var history []projection.Event
		id := uuid.New()
		for i, e := range life {
			event, n := plantPersonal(e)
			fields += n
			history = append(history, projection.Event{Header: eventsourcing.Header{
				EventID: uuid.New(), AggregateID: id, AggregateType: order.Type, SequenceNumber: uint64(i + 1), CommandID: uuid.New(),
				CreatedAt: eventsourcing.Timestamp(time.Unix(0, 0)),
			}, Event: event})
			for _, p := range views.All() { // a later event may empty a column
				for _, row := range p.Fold(history) {
					for c, column := range p.Table.Columns {
						name := p.Table.Name + "." + column.Name
						if text, _ := row[c].(string); strings.Contains(text, canaryOfPerson) && !slices.Contains(columns, name) {
							columns = append(columns, name)
						}
					}
				}
			}
		}
	}
	if fields < 4 {
		t.Fatalf("%d personal fields were found: this test does not see them", fields)
	}
	return columns
}

// The mask hides what a view has of a personal field, from the moment of an erasure until the view
// is written again. So it must know every column that can have one.
func TestMask_knowsEveryPersonalColumn(t *testing.T) {
	t.Parallel()
	mask := (&App{}).mask()
	var want []string
	for _, column := range mask.Columns {
		want = append(want, mask.Table+"."+column)
	}
	found := personalColumns(t)
	for _, column := range found {
		if !slices.Contains(want, column) {
			t.Errorf("%s shows a personal field, and the mask does not hide it", column)
		}
	}
	for _, column := range want {
		if !slices.Contains(found, column) {
			t.Errorf("the mask hides %s, which has no personal field", column)
		}
	}
}
