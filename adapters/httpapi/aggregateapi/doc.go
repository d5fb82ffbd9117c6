// Package aggregateapi has the operations that the routes of every aggregate type share: its
// commands, its history, reads of one aggregate now and in the past, and lists that wait for what a
// client has written. The routes of a type are a package of their own, which adds bodies, documents
// and paths.
//
// # Commands
//
// An Idempotency-Key becomes the command id: a UUID is taken as it is, and from any other key a
// UUID is derived (UUIDv5). If a creation names no id, the id of the new aggregate is derived from
// the command id, so that a retry does not create a second one. Derivations never change.
//
// X-Correlation-Id and X-Causation-Id take any printable text of up to 128 characters, because ids
// of other systems are not always UUIDs. A UUID is taken as it is. From any other text a UUID is
// derived, and the text is kept in the metadata of the events, under correlation_id and
// causation_id.
//
// # Versions
//
// The entity tag of an aggregate is its sequence number, "7", and a strong one. If-Match compares
// strongly, so a weak tag never matches. A list means any of its tags; * means any version.
// If-None-Match compares weakly. RFC 9110 says that a request which would fail anyway may get that
// answer instead of the one of the precondition. Hence 404 for an unknown aggregate with any
// If-Match.
//
// # Histories
//
// A history is read in parts: a part has at most 1,000 events, and ends with the event with which
// it reaches 4 MiB. It is not streamed, for two reasons. Its ETag is the number of its last event,
// and must be sent before the first byte of the body. And an event that cannot be read must become
// a problem document, which is not possible when the status was sent. Memory is bounded without a
// stream: a part takes some ten megabytes at most while it is made, and the number of large parts
// that are made at once is limited (see [Large]). Above that the answer is 503 with Retry-After.
package aggregateapi
