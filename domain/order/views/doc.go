// Package views holds the read models of orders as pure, total reducers over the events of one
// order.
//
// # Adding a read model
//
// Write one file here with a state, its layout, its reducer, its rows and its table, and add it to
// [All]. See orders_by_sku.go.
package views
