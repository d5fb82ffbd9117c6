// Package eventjson maps events to named and versioned JSON and back, for any aggregate type.
//
// A [Codec] serves one aggregate type. Its [Config] lists the event types by their persisted names,
// each with a [Schema], and says how an event becomes a payload. A [Mux] combines the codecs of
// several aggregate types, for callers that read records of every type. The codec of the order
// events is in the folder orderjson.
//
// A [Memo] in front of a Mux lets the consumers of one process share what they decode. With
// [Remembering] they need not decode what the process has encoded itself.
//
// # Names and versions
//
// Each name has versions of its payload, counted from 1. [Codec.Encode] writes the newest version
// only. [Codec.Decode] reads every version that was ever written. Upcasters are pure functions from
// the JSON of one version to the JSON of the next. Decode applies them one after the other until
// the payload has the newest version, and only then makes a Go value of it. So a change of a
// payload needs one new function, and the older functions stay as they are.
//
// # When a new version is needed
//
// A field that readers do not need is added without a new version: a reader ignores fields that it
// does not know. So during a rolling upgrade, and after a downgrade, older processes can read what
// newer ones wrote. Every other change is a new version, for example a field that is renamed,
// removed, or gets another meaning. A process that does not know the version must stop at it.
//
// # What cannot be read
//
// Each of these is a [ports.DecodeError], hence a [ports.ErrCorrupt]:
//
//   - an unknown aggregate type, event type or version;
//   - JSON that is malformed or has anything after it;
//   - a required field that is missing or null;
//   - a value of the wrong JSON type.
//
// Guessing would create a state that never existed. In particular, a newer version is not read as
// if it were an older one.
//
// Decode does not check the values against the rules of the domain: an event is a fact. A quantity
// of 0, or a currency that no longer exists, decodes as it was stored.
//
// # Personal data
//
// [Config].Personal names the fields that have personal data. With a [Seal] each of them is stored
// as {"$sealed":"v1…"}, and the rest of the payload stays readable JSON. So what was sealed is
// sealed in every store, feed, topic, backup and export. The key belongs to the subject that the
// metadata of the event names. The event, its type and version, the field and the subject are
// authenticated with it, so that a sealed value cannot be moved. Fields are opened before the
// payload is upcast. A field that was stored open is read as it is.
//
// When the subject was erased, Decode gives [eventsourcing.Erased] in place of the text. It is no
// error, so folds and views go on. A key that is missing without a record of an erasure is a
// [ports.DecodeError]: the data is lost, and that must not look like an erasure. A key that cannot
// be had at the moment is a [ports.ErrUnavailable].
//
// Decoding what Encode returned gives an equal event. Encode refuses what could not be decoded
// again, such as text that is not UTF-8. The header of an event is not changed in either direction.
package eventjson
