// Package subject is the aggregate of a person whose data is erased: the request of the erasure,
// and its end.
//
//	─ RequestErasure ─▶ REQUESTED ─ RecordErasure ─▶ ERASED
//	                        ▲                          │
//	                        └── RequestErasure ────────┘ while something is left
//
// The events are the record of the erasure. So they have nothing that says who the person is: the
// subject is a token, a keyed digest of the customer id. Reason and reference are texts of the
// operator, such as the number of a ticket, and must not name the person either.
//
// An erasure that could not reach everything says in its end how many events are left. It can be
// requested again. A complete one cannot: the request then changes nothing.
package subject
