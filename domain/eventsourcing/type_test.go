package eventsourcing_test

import (
	"strings"
	"testing"

	"orderflow/domain/eventsourcing"
)

func TestCheckType(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"order", "stock_item", "b2b-contract", "x", strings.Repeat("a", eventsourcing.MaxType)} {
		if err := eventsourcing.CheckType(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "Order", "_order", "1st", "-a", "stock item", "stock.item", "a/b", "größe", "order\x00", strings.Repeat("a", eventsourcing.MaxType+1),
	} {
		if eventsourcing.CheckType(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}
