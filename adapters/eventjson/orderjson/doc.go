// Package orderjson is the codec of the order events.
//
// Each event has a persisted name such as "order.created". The names are written in this package
// and do not depend on names in Go. Each name has versions of its payload, counted from 1. See
// [orderflow/adapters/eventjson] for how versions are read.
//
//	order.created        3  v1 had no "currency"; each item had "qty" and
//	                        "price":{"amount","currency"}
//	                        v2 has "currency" at the order and "unit_price" in each item
//	                        v3 has "quantity" in place of "qty"
//	order.items_updated  1
//	order.confirmed      1
//	order.shipped        1
//	order.delivered      1
//	order.cancelled      2  v1 had no "reason"; v2 says "unknown" for it
//
// The directory testdata/corpus has one stored payload of every version of every event, with the
// value that it decodes to. A file there never changes, because stored payloads never change.
//
// To add a version: copy the payload type of the newest version under the next number and change
// the copy. Write the upcaster in upcast.go and append it in schema.go. Add the corpus file. The
// tests fail until all of it is there.
package orderjson
