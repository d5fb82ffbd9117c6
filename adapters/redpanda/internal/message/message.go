package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// The headers of a message, in this order. Receivers depend on the names.
const (
	SpecVersion   = "ce_specversion"
	ID            = "ce_id"
	Source        = "ce_source"
	Type          = "ce_type"
	Subject       = "ce_subject"
	Time          = "ce_time"
	AggregateType = "ce_aggregatetype"
	Sequence      = "ce_sequence"
	EventVersion  = "ce_eventversion"
	CommandID     = "ce_commandid"
	CorrelationID = "ce_correlationid"
	CausationID   = "ce_causationid"
	StoreID       = "ce_storeid"
	ContentType   = "content-type"
	TraceParent   = "traceparent"
	TraceState    = "tracestate"
	Metadata      = "metadata"
)

const (
	specVersion = "1.0"
	// timeFormat is RFC 3339 with the milliseconds of a record.
	timeFormat = "2006-01-02T15:04:05.000Z07:00"

	contentJSON  = "application/json"
	contentBytes = "application/octet-stream"
)

// header is a header of any Kafka client for Go.
type header interface {
	~struct {
		Key   string
		Value []byte
	}
}

// Key returns the key of the message for r.
func Key(r eventsourcing.Record) []byte { return []byte(r.AggregateID.String()) }

// Value returns the value of the message for r. It shares no memory with r. It is never nil,
// because a message without a value means deletion.
func Value(r eventsourcing.Record) []byte { return append([]byte{}, r.Payload...) }

// Headers returns the headers of the message for r. store is the id of the event store, or the nil
// UUID. With all set, they include the metadata other than the trace context. The error says why r
// cannot be a message that others could read.
func Headers[H header](r eventsourcing.Record, source string, store uuid.UUID, all bool) ([]H, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	h := headers[H]{all: make([]H, 0, 16), memory: make([]byte, 0, 512)}
	h.add(SpecVersion, specVersion)
	h.id(ID, r.EventID)
	h.add(Source, source)
	h.add(Type, r.EventType)
	h.id(Subject, r.AggregateID)
	h.append(Time, r.CreatedAt.UTC().AppendFormat(h.memory, timeFormat))
	h.add(AggregateType, r.AggregateType)
	h.append(Sequence, fmt.Appendf(h.memory, "%020d", r.SequenceNumber))
	h.append(EventVersion, strconv.AppendInt(h.memory, int64(r.EventVersion), 10))
	h.maybeID(CommandID, r.CommandID)
	h.maybeID(CorrelationID, r.CorrelationID)
	h.maybeID(CausationID, r.CausationID)
	h.maybeID(StoreID, store)
	h.addContentType(r.Payload)
	for _, name := range []string{TraceParent, TraceState} {
		if value := r.Metadata[name]; value != "" {
			h.add(name, value)
		}
	}
	if all && len(r.Metadata) > 0 {
		encoded, err := json.Marshal(r.Metadata)
		if err != nil {
			return nil, err
		}
		h.add(Metadata, string(encoded))
	}
	return h.all, nil
}

// check refuses records that receivers could not read.
func check(r eventsourcing.Record) error {
	switch {
	case r.SequenceNumber == 0:
		return errors.New("it has no sequence number")
	case r.EventType == "":
		return errors.New("it has no type")
	case !utf8.ValidString(r.EventType):
		return fmt.Errorf("its type %q is not UTF-8", r.EventType)
	default:
		return eventsourcing.CheckType(r.AggregateType)
	}
}

// headers collects headers. Their values share one piece of memory.
type headers[H header] struct {
	all    []H
	memory []byte
}

func (h *headers[H]) add(name, value string) { h.append(name, append(h.memory, value...)) }

// append adds a header whose value is what memory has more than before.
func (h *headers[H]) append(name string, memory []byte) {
	begin, end := len(h.memory), len(memory)
	h.memory = memory
	h.all = append(h.all, H(struct {
		Key   string
		Value []byte
	}{name, memory[begin:end:end]}))
}

func (h *headers[H]) id(name string, id uuid.UUID) { h.append(name, portkit.AppendUUID(h.memory, id)) }

// maybeID leaves out an id that is absent.
func (h *headers[H]) maybeID(name string, id uuid.UUID) {
	if id != uuid.Nil {
		h.id(name, id)
	}
}

// addContentType leaves it out for an event without data.
func (h *headers[H]) addContentType(payload []byte) {
	switch {
	case len(payload) == 0:
	case utf8.Valid(payload) && json.Valid(payload):
		h.add(ContentType, contentJSON)
	default:
		h.add(ContentType, contentBytes)
	}
}

// Kind says why a message is no event.
type Kind string

// The kinds.
const (
	// Foreign is a message that does not claim to be an event of ours: it is no CloudEvent in
	// binary mode of a known version.
	Foreign Kind = "foreign"
	// Malformed is a CloudEvent without a required attribute, or with one that cannot be read.
	Malformed Kind = "malformed"
	// Undecodable is a batch of messages that cannot be unpacked, or would be too large.
	Undecodable Kind = "undecodable"
)

// Error says why a message is no event.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error of [Parse].
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Malformed
}

// Parse returns the record in a message, as far as it was published: unless all of the metadata was
// published, only the trace context is there. For a message without an event the error is an
// [*Error], and the fields that could be read are returned with it. The record shares memory with
// value.
func Parse[H header](all []H, value []byte) (eventsourcing.Record, error) {
	f := fields{values: make(map[string]string, len(all))}
	for _, h := range all { // of a header that comes twice, the last one counts
		plain := struct {
			Key   string
			Value []byte
		}(h)
		f.values[plain.Key] = string(plain.Value)
	}
	if version, ok := f.values[SpecVersion]; !ok || version != specVersion {
		return eventsourcing.Record{}, &Error{
			Kind: Foreign,
			Err:  fmt.Errorf("not a CloudEvent of version %s: header %s is %q", specVersion, SpecVersion, version),
		}
	}
	r := eventsourcing.Record{
		Header: eventsourcing.Header{
			EventID:        f.id(ID, true),
			AggregateType:  f.aggregateType(),
			AggregateID:    f.id(Subject, true),
			SequenceNumber: f.sequence(),
			CommandID:      f.id(CommandID, false),
			CorrelationID:  f.id(CorrelationID, false),
			CausationID:    f.id(CausationID, false),
			Metadata:       f.metadata(),
			CreatedAt:      f.time(),
		},
		EventType:    f.text(Type),
		EventVersion: f.eventVersion(),
	}
	if len(value) > 0 {
		r.Payload = value
	}
	if err := errors.Join(f.problems...); err != nil {
		return r, &Error{Kind: Malformed, Err: err}
	}
	return r, nil
}

// StoreOf returns the id of the store that a message comes from. It is the nil UUID when the
// message does not say so, as those of earlier versions.
func StoreOf[H header](all []H) (store uuid.UUID) {
	for _, h := range all {
		plain := struct {
			Key   string
			Value []byte
		}(h)
		if plain.Key == StoreID {
			store, _ = uuid.ParseBytes(plain.Value)
		}
	}
	return store
}

// fields reads headers and collects what is wrong with them.
type fields struct {
	values   map[string]string
	problems []error
}

func (f *fields) problem(name string, err error) {
	f.problems = append(f.problems, fmt.Errorf("header %s: %w", name, err))
}

// text returns a required header.
func (f *fields) text(name string) string {
	if f.values[name] == "" {
		f.problem(name, errors.New("missing"))
	}
	return f.values[name]
}

// aggregateType returns the type of the aggregate. Events that were published before there were
// types have none.
func (f *fields) aggregateType() string {
	name, ok := f.values[AggregateType]
	if !ok {
		return ports.LegacyAggregateType
	}
	if err := eventsourcing.CheckType(name); err != nil {
		f.problem(AggregateType, err)
	}
	return name
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
	text := f.text(Sequence)
	n, err := strconv.ParseUint(text, 10, 64)
	if text != "" && (err != nil || n == 0) {
		f.problem(Sequence, fmt.Errorf("%q is not a number from 1", text))
	}
	return n
}

func (f *fields) eventVersion() int {
	text := f.text(EventVersion)
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		f.problem(EventVersion, fmt.Errorf("%q is not a number", text))
	}
	return n
}

func (f *fields) time() time.Time {
	text := f.text(Time)
	at, err := time.Parse(time.RFC3339, text)
	if text != "" && err != nil {
		f.problem(Time, fmt.Errorf("%q is not a time of RFC 3339", text))
	}
	return eventsourcing.Timestamp(at)
}

func (f *fields) metadata() map[string]string {
	var metadata map[string]string
	if text, ok := f.values[Metadata]; ok {
		if err := json.Unmarshal([]byte(text), &metadata); err != nil {
			f.problem(Metadata, err)
		}
	}
	for _, name := range []string{TraceParent, TraceState} {
		if value := f.values[name]; value != "" {
			if metadata == nil {
				metadata = make(map[string]string, 2)
			}
			metadata[name] = value
		}
	}
	return metadata
}
