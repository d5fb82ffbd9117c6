package streamapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

type renderFunc = func(eventsourcing.Record) ([]byte, error)

// The names of the frames.
const (
	frameEvent    = "event"
	frameCaughtUp = "caught-up"
	frameReset    = "reset"
	frameEnd      = "end"
)

// The reasons of an end.
const (
	endShutdown = "shutdown"
	endAuth     = "auth"
	endError    = "error"
)

// retryAfter is how long a browser waits before it connects again, in milliseconds. When the server
// stops, a random time of up to retrySpread is added, so that not all clients come at once.
const (
	retryAfter  = 2000
	retrySpread = 3000
)

// frameDocument is a frame as a line of JSON.
type frameDocument struct {
	_ struct{} `additionalProperties:"true"`

	Event string          `json:"event" enum:"event,caught-up,reset,end,ping,place" doc:"What the line is."`
	ID    string          `json:"id,omitempty" doc:"The id to resume after, in event and place."`
	Data  json.RawMessage `json:"data,omitempty" doc:"For event a CloudEvent in structured mode; for caught-up {id}; for reset {reason, from, to, …}; for end {reason, …}."`
}

type caughtUpDocument struct {
	ID string `json:"id"`
}

type resetDocument struct {
	Reason         string `json:"reason"`
	From           string `json:"from,omitempty"`
	To             string `json:"to,omitempty"`
	Until          string `json:"until,omitempty"`
	AggregateID    string `json:"aggregate_id,omitempty"`
	SequenceNumber uint64 `json:"sequence_number,omitempty"`
}

type endDocument struct {
	Reason string `json:"reason"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// format appends frames to a buffer.
type format interface {
	// frame appends a frame. A control frame has no id.
	frame(b []byte, name, id string, data []byte) []byte
	// place appends the id to resume after.
	place(b []byte, id string) []byte
	// ping appends something that triggers nothing.
	ping(b []byte) []byte
	// retry tells the client when to come back.
	retry(b []byte, millis int) []byte
}

// formatOf chooses the format that an Accept header asks for, and returns its media type.
func formatOf(accept string) (format, string) {
	lines, events := strings.Index(accept, endpoint.MediaLines), strings.Index(accept, mediaEvents)
	if lines >= 0 && (events < 0 || lines < events) {
		return jsonLines{}, endpoint.MediaLines
	}
	return serverSent{}, mediaEvents
}

// serverSent is text/event-stream.
type serverSent struct{}

func (serverSent) frame(b []byte, name, id string, data []byte) []byte {
	b = append(append(b, "event: "...), name...)
	if id != "" {
		b = append(append(b, "\nid: "...), id...)
	}
	b = append(append(b, "\ndata: "...), data...)
	return append(b, "\n\n"...)
}

func (serverSent) place(b []byte, id string) []byte { return fmt.Appendf(b, "id: %s\n\n", id) }

func (serverSent) ping(b []byte) []byte { return append(b, ": ping\n\n"...) }

func (serverSent) retry(b []byte, millis int) []byte { return fmt.Appendf(b, "retry: %d\n\n", millis) }

// jsonLines is application/x-ndjson.
type jsonLines struct{}

func (jsonLines) frame(b []byte, name, id string, data []byte) []byte {
	b = append(append(b, `{"event":"`...), name...)
	if id != "" {
		b = append(append(b, `","id":"`...), id...)
	}
	b = append(append(b, `","data":`...), data...)
	return append(b, "}\n"...)
}

func (jsonLines) place(b []byte, id string) []byte {
	return fmt.Appendf(b, "{\"event\":\"place\",\"id\":\"%s\"}\n", id)
}

func (jsonLines) ping(b []byte) []byte { return append(b, "{\"event\":\"ping\"}\n"...) }

// retry is for browsers, which do not read lines of JSON.
func (jsonLines) retry(b []byte, _ int) []byte { return b }

// encode returns a document of a control frame.
func encode(document any) []byte {
	data, err := json.Marshal(document)
	if err != nil {
		panic(err) // it has texts and numbers only
	}
	return data
}

func resetOf(r ports.StreamReset) resetDocument {
	document := resetDocument{Reason: r.Reason, From: r.From, To: r.To, SequenceNumber: r.SequenceNumber}
	if !r.Until.IsZero() {
		document.Until = endpoint.Timestamp(r.Until)
	}
	if r.AggregateID != uuid.Nil {
		document.AggregateID = r.AggregateID.String()
	}
	return document
}

// spread returns how long a client waits before it comes back after a stop, in milliseconds.
func spread() int { return retryAfter + rand.IntN(retrySpread) }
