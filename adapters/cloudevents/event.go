package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports/portkit"
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
	line, err := appendEvent(make([]byte, 0, lineSize(r)), appendQuoted(nil, defaultSource), r)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", r.EventID, err)
	}
	return line[:len(line)-1], nil
}

// lineSize returns about how many bytes r takes as a line.
func lineSize(r eventsourcing.Record) int { return 640 + len(r.Payload) }

// appendEvent appends r as a line of JSON, with its newline. source is a JSON string.
func appendEvent(b, source []byte, r eventsourcing.Record) ([]byte, error) {
	begin := len(b)
	b = append(b, opening...)
	b = portkit.AppendUUID(b, r.EventID)
	b = append(b, `","source":`...)
	b = append(b, source...)
	b = append(b, `,"type":`...)
	b = appendQuoted(b, r.EventType)
	b = append(b, `,"subject":"`...)
	b = portkit.AppendUUID(b, r.AggregateID)
	b = append(b, `","time":"`...)
	b = r.CreatedAt.UTC().AppendFormat(b, timeFormat)
	b = append(b, `","sequence":"`...)
	b = appendPadded(b, r.SequenceNumber)
	b = append(b, `","eventversion":`...)
	b = strconv.AppendInt(b, int64(r.EventVersion), 10)
	b = append(b, `,"aggregatetype":`...)
	b = appendQuoted(b, r.AggregateType)
	b = appendID(b, "commandid", r.CommandID)
	b = appendID(b, "correlationid", r.CorrelationID)
	b = appendID(b, "causationid", r.CausationID)
	b = appendData(b, r.Payload)
	b = append(b, "}\n"...)
	if n := len(b) - begin; n > maxEvent {
		return nil, fmt.Errorf("%d bytes as JSON, more than %d", n, maxEvent)
	}
	return b, nil
}

// appendPadded appends a number with 20 digits.
func appendPadded(b []byte, n uint64) []byte {
	const zeros = "00000000000000000000"
	var digits [len(zeros)]byte
	decimal := strconv.AppendUint(digits[:0], n, 10)
	return append(append(b, zeros[len(decimal):]...), decimal...)
}

func appendID(b []byte, name string, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":"`...)
	b = portkit.AppendUUID(b, id)
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

// appendQuoted appends a text as a JSON string. Names of types are nearly always plain.
func appendQuoted(b []byte, text string) []byte {
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' || strings.ContainsRune(`"\<>&`, c) }) {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err) // a string can always be encoded
		}
		return append(b, quoted...)
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
