package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

const (
	defaultSource = "/orderflow"
	// opening is the beginning of every line. It identifies a file of events.
	opening = `{"specversion":"1.0","id":"`
	// maxEvent is the highest length of a line, with its newline.
	maxEvent = 8 << 20
	// timeFormat is RFC 3339 with the milliseconds that a record keeps.
	timeFormat = "2006-01-02T15:04:05.000Z07:00"
)

// Encode returns an event as JSON in one line, without the line break, as a [Publisher] with the
// zero Config writes it. An event that is too large is an error.
func Encode(r eventsourcing.Record) ([]byte, error) {
	line, err := encodeEvent(quote(defaultSource), r)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", r.EventID, err)
	}
	return line[:len(line)-1], nil
}

// encodeEvent returns r as a line of JSON, with its newline. source is a JSON string.
func encodeEvent(source []byte, r eventsourcing.Record) ([]byte, error) {
	b := make([]byte, 0, 640+len(r.Payload))
	b = append(b, opening...)
	b = append(b, r.EventID.String()...)
	b = append(b, `","source":`...)
	b = append(b, source...)
	b = append(b, `,"type":`...)
	b = append(b, quote(r.EventType)...)
	b = append(b, `,"subject":"`...)
	b = append(b, r.AggregateID.String()...)
	b = append(b, `","time":"`...)
	b = r.CreatedAt.UTC().AppendFormat(b, timeFormat)
	b = fmt.Appendf(b, `","sequence":"%020d","eventversion":`, r.SequenceNumber)
	b = strconv.AppendInt(b, int64(r.EventVersion), 10)
	b = append(b, `,"aggregatetype":`...)
	b = append(b, quote(r.AggregateType)...)
	b = appendID(b, "commandid", r.CommandID)
	b = appendID(b, "correlationid", r.CorrelationID)
	b = appendID(b, "causationid", r.CausationID)
	b = appendData(b, r.Payload)
	b = append(b, "}\n"...)
	if len(b) > maxEvent {
		return nil, fmt.Errorf("%d bytes as JSON, more than %d", len(b), maxEvent)
	}
	return b, nil
}

func appendID(b []byte, name string, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	b = append(b, id.String()...)
	return append(b, '"')
}

func appendData(b, payload []byte) []byte {
	switch {
	case len(payload) == 0:
		return b
	case !utf8.Valid(payload) || !json.Valid(payload):
		b = append(b, `,"datacontenttype":"application/octet-stream","data_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, payload)
		return append(b, '"')
	default:
		b = append(b, `,"datacontenttype":"application/json","data":`...)
		return appendLine(b, payload)
	}
}

// appendLine appends valid JSON without its line breaks, which can only be between tokens.
func appendLine(b, payload []byte) []byte {
	if !bytes.ContainsAny(payload, "\r\n") {
		return append(b, payload...)
	}
	for _, c := range payload {
		if c != '\r' && c != '\n' {
			b = append(b, c)
		}
	}
	return b
}

// quote returns s as a JSON string.
func quote(s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return quoted
}
