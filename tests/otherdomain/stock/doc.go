// Package stock is the stock of one article in one place, as an aggregate: received, reserved for
// orders, and released.
//
// At most what was received can be reserved. Each order has one reservation for an item; releasing
// it gives the quantity back. A stock item begins with its first receipt and has no end.
package stock
