// Package eventjson is the codec of the order events: Go values on one side, named and versioned JSON on the other.
//
// # Names and versions
//
// Each event has a persisted name such as "order.created", written down in this package and derived from nothing, and each
// name has versions of its payload, counted from 1. [Codec.Encode] writes the newest version only. [Codec.Decode] reads every
// version ever written: upcasters, pure functions from the JSON of one version to the JSON of the next, are applied one after
// the other until the payload is of the newest version, and only that one is turned into a Go value. So an old payload needs
// one new function a change, never a second look at the older ones.
//
//	order.created        3  v1 had no "currency" and, in each item, "qty" and "price":{"amount","currency"}
//	                        v2 has "currency" at the order and "unit_price" in each item
//	                        v3 has "quantity" in place of "qty"
//	order.items_updated  1
//	order.confirmed      1
//	order.shipped        1
//	order.delivered      1
//	order.cancelled      2  v1 had no "reason"; v2 says "unknown" for it
//
// The directory testdata/corpus has one stored payload of every version of every event, with the value that it stands for. A
// file there is never changed, as nothing can change what was stored.
//
// # When a new version is needed
//
// A field that readers may do without is simply added: fields that a version does not know are ignored, so that during a
// rolling upgrade, and after a downgrade, older processes read what newer ones wrote. Everything else, such as a field
// renamed, removed, or with another meaning, is a new version, and a process that does not know it must stop at it.
//
// To add one: copy the payload type of the newest version under the next number and change the copy; write the upcaster in
// upcast.go and append it in schema.go; add the corpus file. The tests fail until all of it is there.
//
// # What cannot be read
//
// An unknown event type, an unknown version, JSON that is malformed or followed by anything, a required field that is
// missing or null, and a value of the wrong JSON type are each a [ports.DecodeError], hence a [ports.ErrCorrupt]: guessing
// would put a state into the world that never existed. In particular a newer version is not read as if it were an older one.
//
// What was said is another matter: an event is a fact and is not checked against the rules again. A quantity of 0 or a
// currency that no longer circulates decodes as it was stored.
//
// Decoding what Encode returned gives an equal event. What could not come back, text that is not UTF-8, is refused by Encode.
// The header of an event is carried over untouched in both directions.
package eventjson
