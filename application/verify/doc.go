// Package verify checks that what is stored is what the events say. Every history has no gap and
// can be decoded. Every consumer has handled every event. Every view holds exactly the rows that a
// fold of the histories gives.
//
// It may run while live traffic continues. An aggregate is compared at the sequence number that its
// view has reached. A difference, or a consumer that is behind, counts only if it is still there
// after the caller's patience. A row that belongs to no aggregate counts only if no event explains
// it that the view has not handled yet.
//
// # How
//
// Everything is read once, in the order in which it is stored: the heads, the events, and the
// states and rows of each view. Each history is folded once for all views. (A store that cannot
// list states is asked for each.) What the fold says is added to a digest, and what is stored is
// subtracted from it. A digest has a sum for each bucket of aggregates. Only the aggregates of a
// bucket that does not add up to nothing are compared one by one, as are those that a consumer has
// not handled completely, and those that cannot be read or folded. So the time of a verification
// grows with what is stored, and its memory does not: it is a few mebibytes, one page of each
// listing, the longest history, and 10,000 aggregates with differences.
//
// Whoever fills a view has read and folded every history already. An [Ahead] takes the folds from
// there, so the events are not read again. Aggregates that have got events since then are compared
// one by one. When they are many, because the filling took long and the traffic is heavy, all
// events are read after all.
//
// Two different rows have the same hash by chance only, once in 2^64 pairs. The seed is new for
// each run.
package verify
