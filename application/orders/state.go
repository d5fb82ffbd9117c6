package orders

import (
	"encoding/binary"
	"errors"

	"orderflow/application/command"
	"orderflow/domain/order"
)

// stateVersion is the version of the state of orders in snapshots. Raise it whenever the same
// history would give another state or other bytes: the older snapshots are then written again.
const stateVersion = 1

// state keeps an order as its texts and its lines: a text is its length (uvarint) and its bytes,
// and a number is a varint.
func state() *command.StateCodec[order.Order] {
	return &command.StateCodec[order.Order]{Version: stateVersion, Append: appendState, Decode: decodeState}
}

func appendState(b []byte, o order.Order) []byte {
	for _, text := range []string{
		string(o.Status), o.CustomerID, string(o.Currency), o.PaymentReference, o.Carrier, o.TrackingNumber, o.CancelReason,
	} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Items)))
	for _, item := range o.Items {
		b = append(binary.AppendUvarint(b, uint64(len(item.SKU))), item.SKU...)
		b = binary.AppendVarint(binary.AppendVarint(b, item.Quantity), int64(item.UnitPrice))
	}
	return b
}

var errState = errors.New("state of an order that cannot be decoded")

func decodeState(b []byte) (o order.Order, err error) {
	r := stateReader{rest: b}
	o.Status, o.CustomerID, o.Currency = order.Status(r.text()), r.text(), order.Currency(r.text())
	o.PaymentReference, o.Carrier, o.TrackingNumber, o.CancelReason = r.text(), r.text(), r.text(), r.text()
	n := r.length()
	if n > len(r.rest)/3 { // a line has at least three bytes
		return order.Order{}, errState
	}
	o.Items = make([]order.Item, n)
	for i := range o.Items {
		o.Items[i] = order.Item{SKU: r.text(), Quantity: r.number(), UnitPrice: order.Money(r.number())}
	}
	if r.failed || len(r.rest) > 0 {
		return order.Order{}, errState
	}
	return o, nil
}

// stateReader reads from front to back. After a failure it reads nothing.
type stateReader struct {
	rest   []byte
	failed bool
}

func (r *stateReader) length() int {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *stateReader) text() string {
	n := r.length()
	if n > len(r.rest) {
		r.rest, r.failed = nil, true
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *stateReader) number() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}
