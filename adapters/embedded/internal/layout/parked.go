package layout

import (
	"encoding/binary"
	"errors"
	"fmt"

	"orderflow/ports"
)

// The formats of parked aggregates and skips, with what they hold.
const (
	// formatParked: sequence number, event id, event type, kind, error, attempts, failed at, parked
	// at, retried at, aggregate type.
	formatParked = 2
	// formatParked1 has no aggregate type.
	formatParked1 = 1
	// formatSkip: event id, event type, reason, error, skipped at.
	formatSkip = 1
)

// EncodeParked returns the value of a parked aggregate. It refuses a time that milliseconds cannot
// hold.
func EncodeParked(p ports.ParkedAggregate) ([]byte, error) {
	value := binary.AppendUvarint([]byte{formatParked}, p.SequenceNumber)
	value = append(value, p.EventID[:]...)
	value = appendString(appendString(appendString(value, p.EventType), string(p.Kind)), p.Error)
	value = binary.AppendUvarint(value, uint64(p.Attempts))
	value, errFailed := appendTime(value, p.FailedAt)
	value, errParked := appendTime(value, p.ParkedAt)
	value, errRetried := appendTime(value, p.RetriedAt)
	return appendString(value, p.AggregateType), errors.Join(errFailed, errParked, errRetried)
}

// DecodeParked reads a parked aggregate. key is the part of its key after ParkedPrefix. The
// consumer is in that prefix and not in the result.
func DecodeParked(key, value []byte) (ports.ParkedAggregate, error) {
	k := decoder{rest: key}
	format, v := decodeEither(value, formatParked1, formatParked)
	parked := ports.ParkedAggregate{
		AggregateID:    k.uuid(),
		SequenceNumber: v.uvarint(), EventID: v.uuid(), EventType: v.string(),
		Kind: ports.FailureKind(v.string()), Error: v.string(),
		Attempts: int(v.uvarint()), FailedAt: v.time(), ParkedAt: v.time(), RetriedAt: v.time(),
	}
	if format != formatParked1 {
		parked.AggregateType = v.string()
	}
	if err := errors.Join(k.end(), v.end()); err != nil {
		return ports.ParkedAggregate{}, fmt.Errorf("parked aggregate: %w", err)
	}
	return parked, nil
}

// EncodeSkip returns the value of a skip. It refuses a time that milliseconds cannot hold.
func EncodeSkip(s ports.Skip) ([]byte, error) {
	value := append([]byte{formatSkip}, s.EventID[:]...)
	value = appendString(appendString(appendString(value, s.EventType), s.Reason), s.Error)
	return appendTime(value, s.SkippedAt)
}

// DecodeSkip reads a skip. key is the part of its key after SkipPrefix. The consumer is in that
// prefix and not in the result.
func DecodeSkip(key, value []byte) (ports.Skip, error) {
	k, v := decoder{rest: key}, decode(value, formatSkip)
	skip := ports.Skip{
		AggregateID: k.uuid(), SequenceNumber: k.uint64(),
		EventID: v.uuid(), EventType: v.string(), Reason: v.string(), Error: v.string(), SkippedAt: v.time(),
	}
	if err := errors.Join(k.end(), v.end()); err != nil {
		return ports.Skip{}, fmt.Errorf("skip: %w", err)
	}
	return skip, nil
}
