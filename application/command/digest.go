package command

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"orderflow/domain/order"
)

// digest identifies the content of a command: equal commands have equal digests, on every version of this program, as the
// digest is stored with the events. It therefore spells out each command's fields instead of leaving that to reflection.
func digest(c order.Command) string {
	b := append([]byte(c.Name()), ' ')
	b = append(b, c.Order().String()...)
	switch c := c.(type) {
	case order.CreateOrder:
		b = appendItems(appendText(appendText(b, c.CustomerID), string(c.Currency)), c.Items)
	case order.UpdateItems:
		b = appendItems(b, c.Items)
	case order.ConfirmOrder:
		b = appendText(b, c.PaymentReference)
	case order.ShipOrder:
		b = appendText(appendText(b, c.Carrier), c.TrackingNumber)
	case order.CancelOrder:
		b = appendText(b, c.Reason)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

func appendItems(b []byte, items []order.Item) []byte {
	for _, item := range items {
		b = strconv.AppendInt(append(appendText(b, item.SKU), ' '), item.Quantity, 10)
		b = strconv.AppendInt(append(b, ' '), int64(item.UnitPrice), 10)
	}
	return b
}

// appendText quotes, so that no text can look like the end of a field.
func appendText(b []byte, text string) []byte { return strconv.AppendQuote(append(b, ' '), text) }
