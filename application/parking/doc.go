// Package parking keeps what a consumer leaves out: aggregates that are parked, and events that are
// skipped.
//
// A [Lot] belongs to one consumer. It owns the two lists in memory and writes them through to
// [ports.ParkingLot] and [ports.SkipLog]. It changes no view and handles no event. A process that
// works as the consumer loads the lists first. It is the only one that changes them, unless several
// processes share the consumer; then the store is asked where it matters. A [Desk] parks, retries,
// skips and takes skips back: it connects the lists with the live view.
//
// # Skips
//
// A skipped event is skipped everywhere: in delivery, catch-up, rebuild, repair and verification.
// The reason of the failure does not matter, and the event is skipped also after that reason is
// gone. It is so until an operator takes the decision back. If an event were skipped only while it
// fails, the same history would give different views before and after the fix.
//
// Operators make the skips of a consumer one by one, so all of them fit in memory.
package parking
