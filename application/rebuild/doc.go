// Package rebuild fills a new generation of a view beside the live one, and verifies it before it
// is read.
//
// A [Builder] walks over all aggregates and brings each one up to its last event. Then it compares
// the rows with the fold of the events, in the next and in the live generation. Each history is
// read and folded once: what the filling has folded is what the comparison expects, see
// [Verification]. What was stored since then is compared with what is stored now. If anything
// differs, the rebuild is refused: the new generation stays as it is, and the Builder waits until
// an operator removes the cause and asks again, or aborts the rebuild. The caller of the Builder
// switches to the new generation.
//
// The delivery of new events to the next generation continues meanwhile. The consumer records what
// the delivery has to leave out. An interrupted filling then starts from the beginning; see
// filling.Place.
package rebuild
