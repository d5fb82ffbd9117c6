// Package rebuild fills a new generation of a view beside the live one, and proves that it is right
// before anybody reads it.
//
// A [Builder] walks over all aggregates and brings each one up to its last event. Then it holds the
// rows against the fold of the events, in the next and in the live generation. If anything differs,
// the rebuild is refused: it stays as it is, and waits until an operator repairs the cause and asks
// again, or aborts it. Switching to the generation that was built is the business of who has
// started the Builder.
//
// The delivery of new events to the next generation continues meanwhile. What it has to leave out
// is noted by the consumer, and makes a filling that is interrupted begin anew; see filling.Place.
package rebuild
