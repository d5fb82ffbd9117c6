package embedded

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// A record is stored twice, under its aggregate and in the outbox. Both values are
//
//	format 2 | 8 bytes | body
//
// where the 8 bytes are the record's position in the feed, respectively its commit time in milliseconds since 1970. The body is
//
//	event id, aggregate id, command id, correlation id, causation id   16 bytes each
//	sequence number                                                    uvarint
//	created at, in milliseconds since 1970                             varint
//	aggregate type                                                     string
//	event type                                                         string
//	event version                                                      uvarint
//	number of metadata entries                                         uvarint
//	each entry, in the order of the keys                               string, string
//	payload                                                            string
//
// with a string as its length (uvarint) and its bytes. Every record has exactly one encoding of each format.
//
// Format 1 has no aggregate type: what it holds belongs to orders. It is read as it is and never written.
const (
	formatRecord  = 2
	formatRecord1 = 1
	// recordPrefix is the length of what comes before the body.
	recordPrefix = 1 + 8
)

// appendBody appends the body of record to dst, in formatRecord.
func appendBody(dst []byte, r *eventsourcing.Record) ([]byte, error) {
	millis, err := toMillis(r.CreatedAt)
	if err != nil {
		return nil, fmt.Errorf("created at: %w", err)
	}
	dst = slices.Grow(dst, 5*16+5*binary.MaxVarintLen64+len(r.AggregateType)+len(r.EventType)+len(r.Payload))
	dst = append(dst, r.EventID[:]...)
	dst = append(dst, r.AggregateID[:]...)
	dst = append(dst, r.CommandID[:]...)
	dst = append(dst, r.CorrelationID[:]...)
	dst = append(dst, r.CausationID[:]...)
	dst = binary.AppendUvarint(dst, r.SequenceNumber)
	dst = binary.AppendVarint(dst, millis)
	dst = appendString(dst, r.AggregateType)
	dst = appendString(dst, r.EventType)
	dst = binary.AppendUvarint(dst, uint64(r.EventVersion))
	dst = binary.AppendUvarint(dst, uint64(len(r.Metadata)))
	for _, key := range slices.Sorted(maps.Keys(r.Metadata)) {
		dst = appendString(appendString(dst, key), r.Metadata[key])
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Payload)))
	return append(dst, r.Payload...), nil
}

// decodeBody reads a body of either format. The record shares no memory with it.
func decodeBody(format byte, body []byte) (eventsourcing.Record, error) {
	d := decoder{rest: body}
	var r eventsourcing.Record
	r.EventID, r.AggregateID, r.CommandID, r.CorrelationID, r.CausationID = d.uuid(), d.uuid(), d.uuid(), d.uuid(), d.uuid()
	r.SequenceNumber = d.uvarint()
	r.CreatedAt = fromMillis(d.varint())
	r.AggregateType = ports.LegacyAggregateType
	if format != formatRecord1 {
		r.AggregateType = d.aggregateType(d.uvarint())
	}
	r.EventType = d.string()
	version := d.uvarint()
	if version > math.MaxInt {
		d.fail(errCanonical)
	}
	r.EventVersion = int(version)
	r.Metadata = decodeMetadata(&d)
	r.Payload = append(r.Payload, d.bytes(d.uvarint())...)
	if err := d.end(); err != nil {
		return eventsourcing.Record{}, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

func decodeMetadata(d *decoder) map[string]string {
	var metadata map[string]string
	previous := ""
	for i := range d.uvarint() {
		key, value := d.string(), d.string()
		if i > 0 && key <= previous {
			d.fail(errCanonical)
		}
		if d.err != nil {
			return nil
		}
		if metadata == nil {
			metadata = map[string]string{}
		}
		metadata[key], previous = value, key
	}
	return metadata
}

// decodeRecord reads a stored record and the number in front of its body.
func decodeRecord(value []byte) (number uint64, r eventsourcing.Record, err error) {
	format, number, body, err := splitRecord(value)
	if err != nil {
		return 0, r, err
	}
	r, err = decodeBody(format, body)
	return number, r, err
}

// splitRecord returns the format of a stored record, the number in front of its body, and the body, which belongs to value.
func splitRecord(value []byte) (format byte, number uint64, body []byte, err error) {
	format, d := decodeEither(value, formatRecord1, formatRecord)
	number = d.uint64()
	if d.err != nil {
		return 0, 0, nil, fmt.Errorf("record: %w", d.err)
	}
	return format, number, d.rest, nil
}

// putRecord adds a record to a batch, without a copy in between.
func putRecord(batch *pebble.Batch, key []byte, number uint64, body []byte) {
	op := batch.SetDeferred(len(key), recordPrefix+len(body))
	copy(op.Key, key)
	op.Value[0] = formatRecord
	binary.BigEndian.PutUint64(op.Value[1:], number)
	copy(op.Value[recordPrefix:], body)
	_ = op.Finish() // it fails for a batch with an index only
}

// put adds a value to a batch.
func put(batch *pebble.Batch, key, value []byte) {
	_ = batch.Set(key, value, nil) // it fails for a batch with an index only
}

// toMillis refuses the times that fromMillis could not give back.
func toMillis(t time.Time) (int64, error) {
	millis := t.UnixMilli()
	if !time.UnixMilli(millis).Equal(t) {
		return 0, fmt.Errorf("%s cannot be stored in milliseconds", t)
	}
	return millis, nil
}

func fromMillis(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
