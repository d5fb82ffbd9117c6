// Package verify checks that what is stored is what the events say. Every history has no gap and
// can be decoded. Every consumer has handled every event. Every view holds exactly the rows that a
// fold of the histories gives.
//
// It may run while live traffic continues. An aggregate is compared at the sequence number that its
// view has reached. A difference, or a consumer that is behind, counts only if it is still there
// after the caller's patience. A row that belongs to no aggregate counts only if no event explains
// it that the view has not handled yet.
package verify
