// Package verify proves that what is stored is what the events say: every history is unbroken and can be decoded, every
// consumer has handled every event, and every view holds exactly the rows that a fold of the histories gives, no more and
// no less.
//
// It may run beside live traffic. An order is compared at the sequence number that its view has reached, and a difference or
// a consumer that is behind counts only if it is still there after the caller's patience. A row that no order accounts for counts
// only if no event explains it that the view has yet to handle.
package verify
