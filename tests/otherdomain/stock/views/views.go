// Package views holds the read models of stock items, and one over stock items and orders.
package views

import "orderflow/domain/projection"

// All returns every read model, in the order in which they are shown.
func All() []*projection.Projection {
	return []*projection.Projection{StockLevels(), ReservationsBySKU(), ReservedByOrder()}
}
