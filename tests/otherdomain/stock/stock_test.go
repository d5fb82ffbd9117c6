package stock_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/tests/handling"
	"orderflow/tests/otherdomain/inventory"
	"orderflow/tests/otherdomain/stock"
	"orderflow/tests/otherdomain/stockjson"
)

var itemID, orderA, orderB = eventtest.ID(1), eventtest.ID(2), eventtest.ID(3)

func receive(sku string, quantity int64) stock.Receive {
	return stock.Receive{ItemID: itemID, SKU: sku, Quantity: quantity, Reference: "note-1"}
}

func reserve(orderID uuid.UUID, quantity int64) stock.Reserve {
	return stock.Reserve{ItemID: itemID, OrderID: orderID, Quantity: quantity}
}

func release(orderID uuid.UUID) stock.Release { return stock.Release{ItemID: itemID, OrderID: orderID} }

func TestDecide(t *testing.T) {
	t.Parallel()
	came := stock.Received{SKU: "PEN-1", Quantity: 10, Reference: "note-1"}
	forA, forB := stock.Reserved{OrderID: orderA, Quantity: 7}, stock.Reserved{OrderID: orderB, Quantity: 3}
	freeA := stock.Released{OrderID: orderA}
	s := eventtest.New(t, handling.Of(inventory.Aggregate(stockjson.New()), []stock.Event{came, forA, freeA}...))

	s.Scenario("the first receipt starts an item").When(receive("PEN-1", 10)).Then(came)
	s.Scenario("what comes adds up").Given(came, forA).When(receive("PEN-1", 5)).
		Then(stock.Received{SKU: "PEN-1", Quantity: 5, Reference: "note-1"})
	s.Scenario("the same receipt again is another one").Given(came).When(receive("PEN-1", 10)).Then(came)
	s.Scenario("another article is refused").Given(came).When(receive("INK-1", 5)).ThenRefused(stock.CodeOtherArticle)

	s.Scenario("what is there can be reserved").Given(came).When(reserve(orderA, 7)).Then(forA)
	s.Scenario("to the last one").Given(came, forA).When(reserve(orderB, 3)).Then(forB)
	s.Scenario("and no more").Given(came, forA).When(reserve(orderB, 4)).ThenRefused(stock.CodeNotEnough)
	s.Scenario("what was released is there again").Given(came, forA, freeA).When(reserve(orderB, 10)).
		Then(stock.Reserved{OrderID: orderB, Quantity: 10})
	s.Scenario("reserving the same again changes nothing").Given(came, forA).When(reserve(orderA, 7)).ThenNothing()
	s.Scenario("reserving another quantity is refused").Given(came, forA).When(reserve(orderA, 2)).
		ThenRefused(stock.CodeAlreadyReserved)
	s.Scenario("of an item that is not there is refused").When(reserve(orderA, 1)).ThenRefused(stock.CodeNotFound)

	s.Scenario("a reservation can be released").Given(came, forA, forB).When(release(orderA)).Then(freeA)
	s.Scenario("releasing what is not reserved changes nothing").Given(came, forB).When(release(orderA)).ThenNothing()
	s.Scenario("releasing twice changes nothing").Given(came, forA, freeA).When(release(orderA)).ThenNothing()
	s.Scenario("releasing of an item that is not there is refused").When(release(orderA)).ThenRefused(stock.CodeNotFound)
}

// foreign is a command that this package does not know.
type foreign struct{ stock.Release }

func TestCheck_RefusesWhatNoItemCouldAccept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command     stock.Command
		code, field string
	}{
		"no item":            {stock.Receive{SKU: "A", Quantity: 1, Reference: "r"}, stock.CodeInvalidID, "item_id"},
		"no item to reserve": {stock.Reserve{OrderID: orderA, Quantity: 1}, stock.CodeInvalidID, "item_id"},
		"no item to release": {stock.Release{OrderID: orderA}, stock.CodeInvalidID, "item_id"},
		"no order":           {reserve(uuid.Nil, 1), stock.CodeInvalidID, "order_id"},
		"release for nobody": {release(uuid.Nil), stock.CodeInvalidID, "order_id"},
		"no article":         {receive("", 1), stock.CodeInvalidText, "sku"},
		"a long article":     {receive(strings.Repeat("a", 65), 1), stock.CodeInvalidText, "sku"},
		"no reference":       {stock.Receive{ItemID: itemID, SKU: "A", Quantity: 1}, stock.CodeInvalidText, "reference"},
		"nothing comes":      {receive("A", 0), stock.CodeInvalidQuantity, "quantity"},
		"too much comes":     {receive("A", stock.MaxQuantity+1), stock.CodeInvalidQuantity, "quantity"},
		"nothing reserved":   {reserve(orderA, 0), stock.CodeInvalidQuantity, "quantity"},
		"less than nothing":  {reserve(orderA, -1), stock.CodeInvalidQuantity, "quantity"},
		"no command":         {nil, stock.CodeUnknownCommand, ""},
		"a foreign command":  {foreign{release(orderA)}, stock.CodeUnknownCommand, ""},
	} {
		for _, err := range []error{stock.Check(test.command), decided(test.command)} {
			var rule *stock.RuleError
			if !errors.As(fmt.Errorf("handle: %w", err), &rule) {
				t.Errorf("%s: error %v, want a rule error", name, err)
				continue
			}
			why := rule.Refusal()
			if why.Code != test.code || why.Field != test.field || why.Kind != eventsourcing.RefusedMalformed || why.Detail == "" {
				t.Errorf("%s: %+v", name, why)
			}
		}
	}
}

func decided(c stock.Command) error {
	_, err := stock.Decide(stock.Item{}, c)
	return err
}

func TestCheck_AcceptsTheLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []stock.Command{
		receive(strings.Repeat("a", 64), stock.MaxQuantity), receive("azAZ09._-", 1),
		reserve(orderA, stock.MaxQuantity), release(orderA),
	} {
		if err := stock.Check(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
