package layout

import (
	"encoding/binary"

	"github.com/google/uuid"

	"orderflow/ports"
)

// The spaces of keys. Each line shows what a key holds after its space, and the value.
const (
	SpaceBeat      byte = 'b' // nothing, ever                             → see BeatKey
	SpaceCommand   byte = 'c' // aggregate id, command id                  → Span
	SpaceEvent     byte = 'e' // aggregate id, sequence number             → record and position
	SpaceConsumer  byte = 'g' // consumer                                  → ports.ConsumerRecord
	SpaceHead      byte = 'h' // aggregate id                              → Head
	SpaceParked    byte = 'k' // consumer, aggregate id                    → ports.ParkedAggregate
	SpaceOperation byte = 'l' // time and id, inverted                     → ports.OperationEntry
	SpaceMeta      byte = 'm' // name                                      → see OldestKey
	SpaceOutbox    byte = 'o' // position                                  → record and commit time
	SpaceOffset    byte = 'p' // consumer                                  → position
	SpaceRow       byte = 'r' // view, table, key columns                  → regular columns
	SpaceState     byte = 's' // view, aggregate id                        → ports.ViewState
	SpaceSnapshot  byte = 't' // aggregate id, kind, sequence number       → ports.Snapshot
	SpaceToken     byte = 'u' // name                                      → ports.AccessToken
	SpaceSkip      byte = 'x' // consumer, aggregate id, sequence number   → ports.Skip
)

// BeatKey is the key that heartbeats delete. Nothing is ever stored under it.
func BeatKey() []byte { return []byte{SpaceBeat} }

// OldestKey holds the lowest position that the outbox has, or will have next. With it, positions
// continue to count when all rows of the outbox have expired.
func OldestKey() []byte { return []byte{SpaceMeta, 'o'} }

// CommandKey is the key of a command.
func CommandKey(aggregateID, commandID uuid.UUID) []byte {
	key := append(make([]byte, 0, 1+16+16), SpaceCommand)
	key = append(key, aggregateID[:]...)
	return append(key, commandID[:]...)
}

// CommandOf returns the command id in a key of CommandKey.
func CommandOf(key []byte) uuid.UUID { return uuid.UUID(key[17:]) }

// EventPrefix is the beginning of the keys of all events of an aggregate.
func EventPrefix(aggregateID uuid.UUID) []byte {
	return append(append(make([]byte, 0, 1+16+8), SpaceEvent), aggregateID[:]...)
}

// EventKey is the key of an event.
func EventKey(aggregateID uuid.UUID, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(EventPrefix(aggregateID), sequence)
}

// SequenceOf returns the sequence number in a key of EventKey.
func SequenceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[17:]) }

// HeadKey is the key of a head.
func HeadKey(aggregateID uuid.UUID) []byte {
	return AppendHeadKey(make([]byte, 0, 1+16), aggregateID)
}

// AppendHeadKey appends what HeadKey returns.
func AppendHeadKey(key []byte, aggregateID uuid.UUID) []byte {
	return append(append(key, SpaceHead), aggregateID[:]...)
}

// AggregateOf returns the aggregate id in a key of a command, an event or a head.
func AggregateOf(key []byte) uuid.UUID { return uuid.UUID(key[1:17]) }

// OutboxKey is the key of the record at a position of the feed.
func OutboxKey(position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 1+8), SpaceOutbox), position)
}

// PositionOf returns the position in a key of OutboxKey.
func PositionOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// OffsetKey is the key of the offset of a consumer.
func OffsetKey(consumer string) []byte { return append([]byte{SpaceOffset}, consumer...) }

// ConsumerKey is the key of what the registry keeps about a consumer.
func ConsumerKey(consumer string) []byte { return append([]byte{SpaceConsumer}, consumer...) }

// ParkedPrefix is the beginning of the keys of all aggregates that a consumer has parked.
func ParkedPrefix(consumer string) []byte { return appendText([]byte{SpaceParked}, consumer) }

// ParkedKey is the key of a parked aggregate.
func ParkedKey(consumer string, aggregateID uuid.UUID) []byte {
	return append(ParkedPrefix(consumer), aggregateID[:]...)
}

// SkipPrefix is the beginning of the keys of all events that a consumer skips.
func SkipPrefix(consumer string) []byte { return appendText([]byte{SpaceSkip}, consumer) }

// SkipKey is the key of a skipped event.
func SkipKey(consumer string, aggregateID uuid.UUID, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(append(SkipPrefix(consumer), aggregateID[:]...), sequence)
}

// ViewPrefix is the beginning of all keys of a view in SpaceState or SpaceRow.
func ViewPrefix(space byte, view ports.ViewID) []byte {
	return appendViewPrefix(nil, space, view)
}

func appendViewPrefix(dst []byte, space byte, view ports.ViewID) []byte {
	return appendOrdered(appendText(append(dst, space), view.Consumer), int64(view.Generation))
}

// StateKey is the key of what a consumer keeps for an aggregate.
func StateKey(view ports.ViewID, aggregateID uuid.UUID) []byte {
	return AppendStateKey(make([]byte, 0, 64), view, aggregateID)
}

// AppendStateKey appends what StateKey returns.
func AppendStateKey(key []byte, view ports.ViewID, aggregateID uuid.UUID) []byte {
	return append(appendViewPrefix(key, SpaceState, view), aggregateID[:]...)
}

// SnapshotPrefix is the beginning of the keys of all snapshots of one kind of an aggregate.
func SnapshotPrefix(aggregateID uuid.UUID, kind string) []byte {
	return appendText(append([]byte{SpaceSnapshot}, aggregateID[:]...), kind)
}

// SnapshotKey is the key of a snapshot.
func SnapshotKey(aggregateID uuid.UUID, kind string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(SnapshotPrefix(aggregateID, kind), sequence)
}

// PrefixEnd returns the first key after all keys that begin with prefix. A prefix must not consist
// of the byte 0xff only.
func PrefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; ; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
}

// After returns the first key after key.
func After(key []byte) []byte { return append(append(make([]byte, 0, len(key)+1), key...), 0) }
