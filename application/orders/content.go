package orders

import (
	"strconv"

	"orderflow/domain/order"
)

// appendContent writes the fields of a command one by one, so that no change of a Go type can
// change a stored digest.
func appendContent(b []byte, c order.Command) []byte {
	switch c := c.(type) {
	case order.CreateOrder:
		return appendItems(appendText(appendText(b, c.CustomerID), string(c.Currency)), c.Items)
	case order.UpdateItems:
		return appendItems(b, c.Items)
	case order.ConfirmOrder:
		return appendText(b, c.PaymentReference)
	case order.ShipOrder:
		return appendText(appendText(b, c.Carrier), c.TrackingNumber)
	case order.CancelOrder:
		return appendText(b, c.Reason)
	default: // DeliverOrder has only the order id
		return b
	}
}

func appendItems(b []byte, items []order.Item) []byte {
	for _, item := range items {
		b = strconv.AppendInt(append(appendText(b, item.SKU), ' '), item.Quantity, 10)
		b = strconv.AppendInt(append(b, ' '), int64(item.UnitPrice), 10)
	}
	return b
}

// appendText quotes the text, so that no text can look like the end of a field.
func appendText(b []byte, text string) []byte {
	b = append(b, ' ')
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.AppendQuote(b, text)
		}
	}
	return append(append(append(b, '"'), text...), '"') // what AppendQuote returns, in less time
}
