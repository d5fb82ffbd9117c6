// Package aggregateapi has the operations that the routes of every aggregate type share: its
// commands, its history, reads of one aggregate now and in the past, and lists that wait for what a
// client has written. The routes of a type are a package of their own, which adds bodies, documents
// and paths.
//
// # Commands
//
// An Idempotency-Key becomes the command id: a UUID is taken as it is, and any other key is derived
// from (UUIDv5). A creation that names no id derives the id of the new aggregate from the command
// id, so that a retry makes no second one. Derivations never change.
//
// X-Correlation-Id and X-Causation-Id take any printable text of up to 128 characters, as ids of
// other systems are not UUIDs. A UUID is taken as it is. Of any other text a UUID is derived, and
// the text is kept in the metadata of the events, under correlation_id and causation_id.
//
// # Versions
//
// The entity tag of an aggregate is its sequence number, "7", and a strong one. If-Match compares
// strongly, so a weak tag never matches; a list means any of them; * means any version.
// If-None-Match compares weakly. RFC 9110 lets the answer to a request that would fail anyway
// outrank the precondition, hence 404 for an unknown aggregate with any If-Match.
package aggregateapi
