// Package eventjson maps events to named and versioned JSON and back, for any aggregate.
//
// A [Codec] serves one aggregate type. Its [Config] lists the event types by their persisted names, each with a [Schema], and
// says how an event becomes a payload. A [Mux] puts the codecs of several aggregate types together, for those who read
// whatever the store holds. The codec of the orders is in the folder orderjson.
//
// # Names and versions
//
// Each name has versions of its payload, counted from 1. [Codec.Encode] writes the newest version only. [Codec.Decode] reads
// every version ever written: upcasters, pure functions from the JSON of one version to the JSON of the next, are applied one
// after the other until the payload is of the newest version, and only that one is turned into a Go value. So an old payload
// needs one new function a change, never a second look at the older ones.
//
// # When a new version is needed
//
// A field that readers may do without is simply added: fields that a version does not know are ignored, so that during a
// rolling upgrade, and after a downgrade, older processes read what newer ones wrote. Everything else, such as a field
// renamed, removed, or with another meaning, is a new version, and a process that does not know it must stop at it.
//
// # What cannot be read
//
// An unknown aggregate type, event type or version, JSON that is malformed or followed by anything, a required field that is
// missing or null, and a value of the wrong JSON type are each a [ports.DecodeError], hence a [ports.ErrCorrupt]: guessing
// would put a state into the world that never existed. In particular a newer version is not read as if it were an older one.
//
// What was said is another matter: an event is a fact and is not checked against the rules again. A quantity of 0 or a
// currency that no longer circulates decodes as it was stored.
//
// Decoding what Encode returned gives an equal event. What could not come back, text that is not UTF-8, is refused by Encode.
// The header of an event is carried over untouched in both directions.
package eventjson
