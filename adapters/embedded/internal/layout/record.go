package layout

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// A record is stored twice: under its aggregate, and in the outbox. Both values are
//
//	format 2 | 8 bytes | body
//
// The 8 bytes are the position of the record in the feed, or its commit time in milliseconds since
// 1970. The body is
//
//	event id, aggregate id, command id, correlation id, causation id   16 bytes each
//	sequence number                                                    uvarint
//	created at                                                         varint, ms since 1970
//	aggregate type                                                     string
//	event type                                                         string
//	event version                                                      uvarint
//	number of metadata entries                                         uvarint
//	each entry, in the order of the keys                               string, string
//	payload                                                            string
//
// Format 1 has no aggregate type: it is ports.LegacyAggregateType. Format 1 is not written any
// more.
const (
	formatRecord  = 2
	formatRecord1 = 1
	// recordPrefix is the length of what comes before the body.
	recordPrefix = 1 + 8
)

// Body is the encoded part of a record that both of its places share.
type Body struct {
	format byte
	bytes  []byte
}

// Len returns the length of a body in bytes.
func (b Body) Len() int { return len(b.bytes) }

// EncodeBody returns the body of a record in the newest format. It refuses a time that milliseconds
// cannot hold.
func EncodeBody(r *eventsourcing.Record) (Body, error) {
	millis, err := toMillis(r.CreatedAt)
	if err != nil {
		return Body{}, fmt.Errorf("created at: %w", err)
	}
	b := make([]byte, 0, 5*16+5*binary.MaxVarintLen64+len(r.AggregateType)+len(r.EventType)+len(r.Payload))
	b = append(b, r.EventID[:]...)
	b = append(b, r.AggregateID[:]...)
	b = append(b, r.CommandID[:]...)
	b = append(b, r.CorrelationID[:]...)
	b = append(b, r.CausationID[:]...)
	b = binary.AppendUvarint(b, r.SequenceNumber)
	b = binary.AppendVarint(b, millis)
	b = appendString(b, r.AggregateType)
	b = appendString(b, r.EventType)
	b = binary.AppendUvarint(b, uint64(r.EventVersion))
	b = binary.AppendUvarint(b, uint64(len(r.Metadata)))
	keys := make([]string, 0, 8) // more keys are rare, and need memory of the heap
	for key := range r.Metadata {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		b = appendString(appendString(b, key), r.Metadata[key])
	}
	b = binary.AppendUvarint(b, uint64(len(r.Payload)))
	return Body{formatRecord, append(b, r.Payload...)}, nil
}

// Decode returns the record of a body. It shares no memory with the body.
func (b Body) Decode() (eventsourcing.Record, error) {
	d := decoder{rest: b.bytes}
	var r eventsourcing.Record
	r.EventID, r.AggregateID, r.CommandID, r.CorrelationID, r.CausationID = d.uuid(), d.uuid(), d.uuid(), d.uuid(), d.uuid()
	r.SequenceNumber = d.uvarint()
	r.CreatedAt = d.time()
	r.AggregateType = ports.LegacyAggregateType
	if b.format != formatRecord1 {
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

// RecordSize is the length of the value of a record with that body.
func RecordSize(b Body) int { return recordPrefix + len(b.bytes) }

// FillRecord writes the value of a record: a number, and then its body. dst has RecordSize bytes.
func FillRecord(dst []byte, number uint64, b Body) {
	dst[0] = b.format
	binary.BigEndian.PutUint64(dst[1:], number)
	copy(dst[recordPrefix:], b.bytes)
}

// DecodeRecord reads the value of a record, and the number before its body.
func DecodeRecord(value []byte) (number uint64, r eventsourcing.Record, err error) {
	number, body, err := SplitRecord(value)
	if err != nil {
		return 0, r, err
	}
	r, err = body.Decode()
	return number, r, err
}

// SplitRecord returns the number before the body of a record, and the body. The body shares the
// memory of value.
func SplitRecord(value []byte) (number uint64, b Body, err error) {
	format, d := decodeEither(value, formatRecord1, formatRecord)
	number = d.uint64()
	if d.err != nil {
		return 0, Body{}, fmt.Errorf("record: %w", d.err)
	}
	return number, Body{format, d.rest}, nil
}

// toMillis refuses a time that FromMillis could not return.
func toMillis(t time.Time) (int64, error) {
	millis := t.UnixMilli()
	if !time.UnixMilli(millis).Equal(t) {
		return 0, fmt.Errorf("%s cannot be stored in milliseconds", t)
	}
	return millis, nil
}

// FromMillis returns the time of a number of milliseconds since 1970, in UTC.
func FromMillis(millis int64) time.Time { return time.UnixMilli(millis).UTC() }
