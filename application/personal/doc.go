// Package personal keeps the keys with which the personal data of people is sealed.
//
// An event store keeps everything for ever, and it has backups, a topic and a change log. So data
// of a person cannot be deleted from it. Instead each personal field of an event is sealed with a
// key of the person, the subject. Without the key the field cannot be read anywhere.
//
// A [Keyring] makes these keys. The store of keys holds them wrapped with the service key, which is
// never stored. So the store alone, or a copy of it, opens nothing. The service key alone opens
// nothing either: it only wraps.
//
// # The name of a subject
//
// The metadata of each event names the subject of its personal fields. The name is a keyed hash of
// the id of the person, made with the service key: whoever has the events cannot find out whose
// they are by trying ids. Customer ids themselves stay as they are, in events and in tables, unless
// they are hashed; see [CustomerIDs]. If they are not, they must be pseudonyms: clients must not
// use an address or a name as the id of a customer.
//
// # Erasure
//
// A subject is first blocked and then destroyed, see [ports.SubjectEraser]. Either leaves a record,
// so an erased key and a lost key are told apart. A lost key is an error that needs a repair. It is
// never taken for an erasure.
//
// A Keyring remembers keys for [CacheFor], and at most [CacheKeys] of them. Erasing through a
// Keyring takes effect in its process at once. Another process may read, and seal for, the subject
// for CacheFor longer. What is sealed in that time cannot be read later, because the key is gone.
//
// # Rejected
//
// To derive the keys of subjects from the service key needs no store, but nothing can be erased. To
// overwrite fields of events leaves copies in logs, backups and the topic, and it changes facts
// that others have already read.
package personal
