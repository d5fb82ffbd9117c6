package redpanda

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The headers of a message, in this order. The names are a promise to receivers.
const (
	headerSpecVersion   = "ce_specversion"
	headerID            = "ce_id"
	headerSource        = "ce_source"
	headerType          = "ce_type"
	headerSubject       = "ce_subject"
	headerTime          = "ce_time"
	headerSequence      = "ce_sequence"
	headerEventVersion  = "ce_eventversion"
	headerCommandID     = "ce_commandid"
	headerCorrelationID = "ce_correlationid"
	headerCausationID   = "ce_causationid"
	headerContentType   = "content-type"
	headerTraceParent   = "traceparent"
	headerTraceState    = "tracestate"
	headerMetadata      = "metadata"
)

const (
	specVersion = "1.0"
	// timeFormat is RFC 3339 with the milliseconds that a record keeps.
	timeFormat = "2006-01-02T15:04:05.000Z07:00"

	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"
)

// newMessage returns r as a message that shares no memory with it. c has its defaults.
func (c Config) newMessage(r eventsourcing.Record) (*kgo.Record, error) {
	if err := check(r); err != nil {
		return nil, invalid(r, err)
	}
	headers := make(headers, 0, 15)
	headers.add(headerSpecVersion, specVersion)
	headers.add(headerID, r.EventID.String())
	headers.add(headerSource, c.Source)
	headers.add(headerType, r.EventType)
	headers.add(headerSubject, r.AggregateID.String())
	headers.add(headerTime, r.CreatedAt.UTC().Format(timeFormat))
	headers.add(headerSequence, fmt.Sprintf("%020d", r.SequenceNumber))
	headers.add(headerEventVersion, strconv.Itoa(r.EventVersion))
	headers.addID(headerCommandID, r.CommandID)
	headers.addID(headerCorrelationID, r.CorrelationID)
	headers.addID(headerCausationID, r.CausationID)
	headers.addContentType(r.Payload)
	for _, name := range []string{headerTraceParent, headerTraceState} {
		if value := r.Metadata[name]; value != "" {
			headers.add(name, value)
		}
	}
	if c.Metadata && len(r.Metadata) > 0 {
		encoded, err := json.Marshal(r.Metadata)
		if err != nil {
			return nil, invalid(r, err)
		}
		headers.add(headerMetadata, string(encoded))
	}
	return &kgo.Record{
		Topic:   c.Topic.Name,
		Key:     []byte(r.AggregateID.String()),
		Value:   append([]byte{}, r.Payload...), // never nil: a message without a value means deletion
		Headers: headers,
	}, nil
}

// check refuses what receivers could not read.
func check(r eventsourcing.Record) error {
	switch {
	case r.SequenceNumber == 0:
		return errors.New("it has no sequence number")
	case r.EventType == "":
		return errors.New("it has no type")
	case !utf8.ValidString(r.EventType):
		return fmt.Errorf("its type %q is not UTF-8", r.EventType)
	default:
		return nil
	}
}

type headers []kgo.RecordHeader

func (h *headers) add(name, value string) {
	*h = append(*h, kgo.RecordHeader{Key: name, Value: []byte(value)})
}

// addID leaves out an id that is absent.
func (h *headers) addID(name string, id uuid.UUID) {
	if id != uuid.Nil {
		h.add(name, id.String())
	}
}

// addContentType leaves it out for an event without data.
func (h *headers) addContentType(payload []byte) {
	switch {
	case len(payload) == 0:
	case utf8.Valid(payload) && json.Valid(payload):
		h.add(headerContentType, contentJSON)
	default:
		h.add(headerContentType, contentBytes)
	}
}

// messageSize returns how many bytes m has in a batch, or a few more.
func messageSize(m *kgo.Record) int {
	const overhead, ofHeader = 36, 10 // with the longest encodings of lengths and differences
	size := overhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += ofHeader + len(h.Key) + len(h.Value)
	}
	return size
}

// newRecord returns the record that m carries, as far as it travelled: without Config.Metadata, only the trace context of the
// metadata did. The error of a message that carries none says why; what could be read is returned with it. The record shares
// memory with m.
func newRecord(m *sarama.ConsumerMessage) (eventsourcing.Record, error) {
	f := fields{values: make(map[string]string, len(m.Headers))}
	for _, h := range m.Headers {
		if h != nil { // of a header that comes twice, the last one counts
			f.values[string(h.Key)] = string(h.Value)
		}
	}
	if version, ok := f.values[headerSpecVersion]; !ok || version != specVersion {
		return eventsourcing.Record{}, fmt.Errorf("not a CloudEvent of version %s: header %s is %q", specVersion, headerSpecVersion, version)
	}
	r := eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  ports.LegacyAggregateType,
			EventID:        f.id(headerID, true),
			AggregateID:    f.id(headerSubject, true),
			SequenceNumber: f.sequence(),
			CommandID:      f.id(headerCommandID, false),
			CorrelationID:  f.id(headerCorrelationID, false),
			CausationID:    f.id(headerCausationID, false),
			Metadata:       f.metadata(),
			CreatedAt:      f.time(),
		},
		EventType:    f.text(headerType),
		EventVersion: f.eventVersion(),
	}
	if len(m.Value) > 0 {
		r.Payload = m.Value
	}
	return r, errors.Join(f.problems...)
}

// fields reads headers and notes what is wrong with them.
type fields struct {
	values   map[string]string
	problems []error
}

func (f *fields) problem(name string, err error) {
	f.problems = append(f.problems, fmt.Errorf("header %s: %w", name, err))
}

// text returns a header that must be there.
func (f *fields) text(name string) string {
	if f.values[name] == "" {
		f.problem(name, errors.New("missing"))
	}
	return f.values[name]
}

func (f *fields) id(name string, needed bool) uuid.UUID {
	text, ok := f.values[name]
	if !ok && !needed {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		f.problem(name, fmt.Errorf("%q is not a UUID", text))
	}
	return id
}

func (f *fields) sequence() uint64 {
	text := f.text(headerSequence)
	n, err := strconv.ParseUint(text, 10, 64)
	if text != "" && (err != nil || n == 0) {
		f.problem(headerSequence, fmt.Errorf("%q is not a number from 1", text))
	}
	return n
}

func (f *fields) eventVersion() int {
	text := f.text(headerEventVersion)
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		f.problem(headerEventVersion, fmt.Errorf("%q is not a number", text))
	}
	return n
}

func (f *fields) time() time.Time {
	text := f.text(headerTime)
	at, err := time.Parse(time.RFC3339, text)
	if text != "" && err != nil {
		f.problem(headerTime, fmt.Errorf("%q is not a time of RFC 3339", text))
	}
	return eventsourcing.Timestamp(at)
}

func (f *fields) metadata() map[string]string {
	var metadata map[string]string
	if text, ok := f.values[headerMetadata]; ok {
		if err := json.Unmarshal([]byte(text), &metadata); err != nil {
			f.problem(headerMetadata, err)
		}
	}
	for _, name := range []string{headerTraceParent, headerTraceState} {
		if value := f.values[name]; value != "" {
			if metadata == nil {
				metadata = make(map[string]string, 2)
			}
			metadata[name] = value
		}
	}
	return metadata
}
