// Package parking keeps what a consumer leaves out: aggregates that are parked, and events that
// are skipped.
//
// A [Lot] belongs to one consumer. It owns the two lists in memory and writes them through to
// [ports.ParkingLot] and [ports.SkipLog]; it touches no view and handles no event. A process that
// works as the consumer loads the lists first, and is the only one that changes them, unless the
// consumer is shared by several processes; then the store is asked where it matters. A [Desk]
// parks, retries, skips and takes skips back: it is where the lists and the live view meet.
//
// # Skips
//
// A skipped event is passed over wherever it comes up: in delivery, catch-up, rebuild, repair and
// verification, whatever the reason of the failure was, and also after that reason is gone. It is
// so until an operator takes the decision back. If instead it were passed over only while it fails,
// the same history would give different views before and after the fix.
//
// The skips of a consumer are made by people, one by one, so all of them are in memory.
package parking
