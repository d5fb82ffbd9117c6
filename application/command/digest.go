package command

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"orderflow/domain/order"
)

// digest identifies the content of a command: equal commands have equal digests, on every version of this program, as the
// digest is stored with the events. It therefore spells out each command's fields instead of leaving that to reflection.
func digest(c order.Command) string {
	b := fmt.Appendf(nil, "%s %s", c.Name(), c.Order())
	switch c := c.(type) {
	case order.CreateOrder:
		b = appendItems(fmt.Appendf(b, " %q %q", c.CustomerID, c.Currency), c.Items)
	case order.UpdateItems:
		b = appendItems(b, c.Items)
	case order.ConfirmOrder:
		b = fmt.Appendf(b, " %q", c.PaymentReference)
	case order.ShipOrder:
		b = fmt.Appendf(b, " %q %q", c.Carrier, c.TrackingNumber)
	case order.CancelOrder:
		b = fmt.Appendf(b, " %q", c.Reason)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func appendItems(b []byte, items []order.Item) []byte {
	for _, item := range items {
		b = fmt.Appendf(b, " %q %d %d", item.SKU, item.Quantity, item.UnitPrice)
	}
	return b
}
