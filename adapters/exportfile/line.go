package exportfile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// recordPrefix is how the line of a record begins.
const recordPrefix = `{"aggregate_type":`

// crcMember separates the checked part of a line from its sum.
const crcMember = `,"crc":"`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// timeFormat has the milliseconds that every store keeps.
const timeFormat = "2006-01-02T15:04:05.000Z"

// IsRecord reports whether a line is that of a record.
func IsRecord(line []byte) bool { return bytes.HasPrefix(line, []byte(recordPrefix)) }

// AppendRecord appends the line of a record to b, with its line end. It fails for a record with
// text that is no UTF-8.
func AppendRecord(b []byte, r eventsourcing.Record) ([]byte, error) {
	begin := len(b)
	var metadata []byte
	texts := []string{r.AggregateType, r.EventType}
	for key, value := range r.Metadata {
		texts = append(texts, key, value)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return b, fmt.Errorf("event %d of %s has a text that is no UTF-8", r.SequenceNumber, r.AggregateID)
		}
	}
	if len(r.Metadata) > 0 {
		metadata = marshal(r.Metadata)
	}
	b = append(b, recordPrefix...)
	b = append(b, marshal(r.AggregateType)...)
	b = appendID(b, "aggregate_id", r.AggregateID)
	b = strconv.AppendUint(append(b, `,"sequence_number":`...), r.SequenceNumber, 10)
	b = appendID(b, "event_id", r.EventID)
	b = append(append(b, `,"event_type":`...), marshal(r.EventType)...)
	b = strconv.AppendInt(append(b, `,"event_version":`...), int64(r.EventVersion), 10)
	b = appendID(b, "command_id", r.CommandID)
	b = appendID(b, "correlation_id", r.CorrelationID)
	b = appendID(b, "causation_id", r.CausationID)
	if metadata != nil {
		b = append(append(b, `,"metadata":`...), metadata...)
	}
	b = append(r.CreatedAt.UTC().AppendFormat(append(b, `,"created_at":"`...), timeFormat), '"')
	switch {
	case len(r.Payload) == 0:
	case isOneLine(r.Payload):
		b = append(append(b, `,"payload":`...), r.Payload...)
	default:
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"payload_base64":"`...), r.Payload), '"')
	}
	sum := crc32.Checksum(b[begin:], castagnoli)
	return fmt.Appendf(b, "%s%08x\"}\n", crcMember, sum), nil
}

func appendID(b []byte, name string, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	text, _ := id.MarshalText() // it never fails
	return append(append(append(append(append(b, `,"`...), name...), `":"`...), text...), '"')
}

// marshal encodes texts, a map of texts, or a trailer. Keys of maps are sorted.
func marshal(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // texts can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// isOneLine reports whether a payload comes back byte by byte when it is a value in a line.
func isOneLine(payload []byte) bool {
	return !bytes.ContainsAny(payload, "\n\r") && len(bytes.TrimSpace(payload)) == len(payload) &&
		utf8.Valid(payload) && json.Valid(payload) && string(payload) != "null"
}

// recordDocument is the line of a record.
type recordDocument struct {
	AggregateType  string            `json:"aggregate_type"`
	AggregateID    uuid.UUID         `json:"aggregate_id"`
	SequenceNumber uint64            `json:"sequence_number"`
	EventID        uuid.UUID         `json:"event_id"`
	EventType      string            `json:"event_type"`
	EventVersion   int               `json:"event_version"`
	CommandID      uuid.UUID         `json:"command_id"`
	CorrelationID  uuid.UUID         `json:"correlation_id"`
	CausationID    uuid.UUID         `json:"causation_id"`
	Metadata       map[string]string `json:"metadata"`
	CreatedAt      time.Time         `json:"created_at"`
	Payload        json.RawMessage   `json:"payload"`
	PayloadBase64  []byte            `json:"payload_base64"`
	CRC            string            `json:"crc"`
}

// parseRecord returns the record of a line.
func parseRecord(line []byte) (eventsourcing.Record, error) {
	var d recordDocument
	if err := strictly(line, &d); err != nil {
		return eventsourcing.Record{}, err
	}
	if err := checkSum(line, d.CRC); err != nil {
		return eventsourcing.Record{}, err
	}
	r := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: d.AggregateType, AggregateID: d.AggregateID, SequenceNumber: d.SequenceNumber,
			EventID: d.EventID, CommandID: d.CommandID, CorrelationID: d.CorrelationID, CausationID: d.CausationID,
			Metadata: d.Metadata, CreatedAt: d.CreatedAt.UTC(),
		},
		EventType: d.EventType, EventVersion: d.EventVersion, Payload: d.Payload,
	}
	switch {
	case len(d.PayloadBase64) > 0 && len(d.Payload) > 0:
		return eventsourcing.Record{}, errors.New("it has a payload twice")
	case len(d.PayloadBase64) > 0:
		r.Payload = d.PayloadBase64
	}
	return r, checkRecord(r)
}

// checkSum compares a line with its sum, which may be left out.
func checkSum(line []byte, crc string) error {
	if crc == "" {
		return nil
	}
	end := bytes.LastIndex(line, []byte(crcMember))
	sum, err := hex.DecodeString(crc)
	if end < 0 || err != nil || !bytes.Equal(line[end+len(crcMember):], append([]byte(crc), `"}`...)) {
		return errors.New("crc is not the last member, or it is no number")
	}
	if want := crc32.Checksum(line[:end], castagnoli); fmt.Sprintf("%08x", want) != hex.EncodeToString(sum) {
		return errors.New("the line was changed: its crc is wrong")
	}
	return nil
}

// checkRecord refuses what no store holds.
func checkRecord(r eventsourcing.Record) error {
	switch {
	case r.AggregateID == uuid.Nil:
		return errors.New("it has no aggregate_id")
	case r.SequenceNumber == 0:
		return errors.New("it has no sequence_number, or 0")
	case r.EventID == uuid.Nil:
		return errors.New("it has no event_id")
	case r.CommandID == uuid.Nil:
		return errors.New("it has no command_id")
	case r.EventType == "" || r.EventVersion < 1:
		return errors.New("it has no event_type or event_version")
	case r.CreatedAt != eventsourcing.Timestamp(r.CreatedAt):
		return errors.New("created_at is not in whole milliseconds")
	default:
		return eventsourcing.CheckType(r.AggregateType)
	}
}

// strictly decodes one JSON value and refuses members that the document does not have.
func strictly(text []byte, document any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(document); err != nil {
		return fmt.Errorf("it is no line of an export: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows behind its JSON")
	}
	return nil
}
