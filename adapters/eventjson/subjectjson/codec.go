// Package subjectjson is the codec of the events of subjects: their persisted names, the payload of
// each version, and how an old version becomes the next one.
//
//	subject.erasure_requested  1
//	subject.erased             1
//
// The payloads have no personal data, so nothing of them is sealed.
package subjectjson

import (
	"errors"

	"orderflow/adapters/eventjson"
	"orderflow/domain/subject"
)

// The persisted names.
const (
	requested = "subject.erasure_requested"
	erased    = "subject.erased"
)

// The payloads of the newest version of each event. All fields are required.

type requestedV1 struct {
	Subject   *string `json:"subject"`
	Reason    *string `json:"reason"`
	Reference *string `json:"reference"`
}

type erasedV1 struct {
	Subject    *string `json:"subject"`
	Aggregates *int64  `json:"aggregates"`
	Rewritten  *int64  `json:"rewritten"`
	Plain      *int64  `json:"plain_events"`
}

// New returns the codec of the events of subjects.
func New() *eventjson.Codec[subject.Event] {
	return eventjson.New(eventjson.Config[subject.Event]{
		AggregateType: subject.Type,
		Schemas: map[string]eventjson.Schema[subject.Event]{
			requested: {Decode: eventjson.Read(requestedV1.event)},
			erased:    {Decode: eventjson.Read(erasedV1.event)},
		},
		Payload: payload,
	})
}

func payload(event subject.Event) (name string, payload any, err error) {
	switch e := event.(type) {
	case subject.ErasureRequested:
		return requested, requestedV1{&e.Token, &e.Reason, &e.Reference}, eventjson.CheckText(e.Token, e.Reason, e.Reference)
	case subject.Erased:
		c := e.Counts
		return erased, erasedV1{&e.Token, &c.Aggregates, &c.Rewritten, &c.Plain}, eventjson.CheckText(e.Token)
	default:
		return "", nil, errors.New("no event of a subject")
	}
}

func (p requestedV1) event() (subject.Event, error) {
	switch {
	case p.Subject == nil:
		return nil, eventjson.Missing("subject")
	case p.Reason == nil:
		return nil, eventjson.Missing("reason")
	case p.Reference == nil:
		return nil, eventjson.Missing("reference")
	}
	return subject.ErasureRequested{Token: *p.Subject, Reason: *p.Reason, Reference: *p.Reference}, nil
}

func (p erasedV1) event() (subject.Event, error) {
	switch {
	case p.Subject == nil:
		return nil, eventjson.Missing("subject")
	case p.Aggregates == nil:
		return nil, eventjson.Missing("aggregates")
	case p.Rewritten == nil:
		return nil, eventjson.Missing("rewritten")
	case p.Plain == nil:
		return nil, eventjson.Missing("plain_events")
	}
	counts := subject.Counts{Aggregates: *p.Aggregates, Rewritten: *p.Rewritten, Plain: *p.Plain}
	return subject.Erased{Token: *p.Subject, Counts: counts}, nil
}
