// Package views holds the read models of orders as pure, total reducers over the events of one
// order.
//
// # Buckets and shards
//
// A list has a partition on ScyllaDB for each key, bucket of time and shard. The bucket and the
// shards are chosen for 1,000 orders a second; each table says why. The order_read_model has one
// row for each order, and each is a key of its own.
//
//	table               bucket  shards  what decides
//	orders_by_status    hour        16  all orders go through each status
//	orders_by_sku       day         16  few articles are in many orders; most are rare
//	orders_by_customer  month        1  nearly all customers have few orders
//
// # Adding a read model
//
// Write one file here with a state, its layout, its reducer, its rows and its table, and add it to
// [All]. See orders_by_sku.go.
package views
