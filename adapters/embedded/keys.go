package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"
)

// Key spaces: the first byte of every key. Numbers in keys are big-endian, so that the order of keys is the order of numbers.
const (
	spaceBeat     = 'b' // nothing, ever                  → see putBeat
	spaceCommand  = 'c' // aggregate id, command id      → sequence numbers of the command's events
	spaceEvent    = 'e' // aggregate id, sequence number → record, with its position in the feed
	spaceConsumer = 'g' // consumer name                 → what the registry knows
	spaceHead     = 'h' // aggregate id                  → head, with the position of the last event
	spaceParked   = 'k' // consumer name, order id       → what is known about an order that was set aside
	spaceMeta     = 'm' // name                          → see metaOldest
	spaceOutbox   = 'o' // position                      → record, with its commit time
	spaceOffset   = 'p' // consumer name                 → position
	spaceRow      = 'r' // view, table name, key columns → regular columns
	spaceState    = 's' // view, order id                → how far, and state
	spaceSkip     = 'x' // consumer name, order id, sequence number → who passed over the event, and why
)

// metaOldest holds the lowest position that the outbox still has, or will have next. It keeps positions counting when every
// row of the outbox has expired.
var metaOldest = []byte{spaceMeta, 'o'}

func commandKey(aggregateID, commandID uuid.UUID) []byte {
	key := make([]byte, 0, 1+16+16)
	key = append(key, spaceCommand)
	key = append(key, aggregateID[:]...)
	return append(key, commandID[:]...)
}

func eventKey(aggregateID uuid.UUID, sequence uint64) []byte {
	key := make([]byte, 0, 1+16+8)
	key = append(key, spaceEvent)
	key = append(key, aggregateID[:]...)
	return binary.BigEndian.AppendUint64(key, sequence)
}

func headKey(aggregateID uuid.UUID) []byte {
	return append(append(make([]byte, 0, 1+16), spaceHead), aggregateID[:]...)
}

func outboxKey(position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 1+8), spaceOutbox), position)
}

// nameKey is the key of a named thing that has nothing below it, so the name needs no end.
func nameKey(space byte, name string) []byte {
	return append([]byte{space}, name...)
}

// prefixEnd returns the first key behind all keys that start with prefix, which must not consist of 0xff only.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; ; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
}

// after returns the first key behind key.
func after(key []byte) []byte { return append(append(make([]byte, 0, len(key)+1), key...), 0) }
