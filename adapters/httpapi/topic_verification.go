package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// The answer to a verification of the topic is a stream of lines, so that whoever waits for minutes sees that it gets on.
type topicLineDocument struct {
	_ struct{} `additionalProperties:"true"`

	Progress *topicProgressDocument `json:"progress,omitempty" doc:"How far it is; on all lines but the last one."`
	Report   *topicReportDocument   `json:"report,omitempty" doc:"The result; on the last line."`
	Problem  *problem               `json:"problem,omitempty" doc:"Why there is no result, when that turned out after the answer had begun; on the last line."`
}

type topicProgressDocument struct {
	_ struct{} `additionalProperties:"true"`

	Read  uint64 `json:"read" doc:"Offsets that were read."`
	Total uint64 `json:"total" doc:"Offsets that are to be read, as far as is known; may grow."`
}

type topicReportDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders     uint64                 `json:"orders" doc:"Orders that were compared."`
	Unjudged   uint64                 `json:"unjudged" doc:"Orders of which the part of the topic that was read holds nothing."`
	Messages   uint64                 `json:"messages" doc:"Messages that were read."`
	Expired    uint64                 `json:"expired" doc:"Offsets before them that the topic no longer holds."`
	Doubled    uint64                 `json:"doubled" doc:"Messages whose event was there before; no violation, as delivery is at least once."`
	Missing    uint64                 `json:"missing" doc:"Events without a message."`
	OutOfOrder uint64                 `json:"out_of_order" doc:"Events whose first message comes before the first one of their predecessor."`
	Unknown    uint64                 `json:"unknown" doc:"Messages that are no event of the store."`
	Scattered  uint64                 `json:"scattered" doc:"Messages in another partition than the first one of their order."`
	Shown      []topicFindingDocument `json:"shown,omitempty" nullable:"false" doc:"The first of the violations."`
}

type topicFindingDocument struct {
	_ struct{} `additionalProperties:"true"`

	Kind           string `json:"kind" enum:"missing,out-of-order,unknown,scattered" doc:"What kind of violation it is."`
	OrderID        string `json:"order_id,omitempty" format:"uuid" doc:"The order, if one is named."`
	SequenceNumber uint64 `json:"sequence_number,omitempty" doc:"The event, if one is named."`
	Detail         string `json:"detail" doc:"Where, and what is wrong."`
}

const (
	ndjson = "application/x-ndjson"
	// fromBegin is the value of the parameter from for the whole topic.
	fromBegin = "begin"
	// progressPause is the shortest time between two lines of progress.
	progressPause = 200 * time.Millisecond
)

func (a *api) topicOperations(d describer) []operation {
	if a.config.TopicVerifier == nil {
		return nil
	}
	lines := d.answer("Lines of JSON: progress, and at the end the result.", topicLineDocument{})
	lines.Content[ndjson] = lines.Content[mediaJSON]
	delete(lines.Content, mediaJSON)
	return []operation{{
		id: "verifyTopic", method: http.MethodPost, path: "/v1/verify/topic", tag: tagOperations, summary: "Compare the topic with the event store",
		description: "Reads the topic, beside live traffic: an event counts as missing only if nothing has come of what is missing for as long as patience.",
		parameters:  []parameter{fromParameter(), patienceParameter()},
		responses:   d.responses(answers{http.StatusOK: lines}, 400, 403, 404, 500, 503),
		unbounded:   true,
		run:         a.verifyTopic,
	}}
}

func (a *api) verifyTopic(c *call) (reply, error) {
	patience, err := c.patience()
	if err != nil {
		return reply{}, err
	}
	options := ports.TopicOptions{From: ports.FromBegin, Patience: patience}
	if from := c.query.Get(paramFrom); c.query.Has(paramFrom) && from != fromBegin {
		offset, err := strconv.ParseUint(from, 10, 63)
		if err != nil {
			return reply{}, invalid(codeInvalidParameter, paramFrom, fmt.Sprintf("must be %s or an offset", fromBegin))
		}
		options.From = int64(offset)
	}
	lines := &lines{response: c.response}
	options.Progress = lines.progress
	report, err := a.config.TopicVerifier.VerifyTopic(c.request.Context(), options)
	if err != nil && !lines.begun {
		return reply{}, err
	}
	last := topicLineDocument{Report: topicReport(report)}
	if err != nil {
		last = topicLineDocument{Problem: a.problem(c, err)}
	}
	lines.send(last)
	return reply{sent: true}, nil
}

func topicReport(r ports.TopicReport) *topicReportDocument {
	document := &topicReportDocument{
		Orders: r.Aggregates, Unjudged: r.Unjudged, Messages: r.Messages, Expired: r.Expired, Doubled: r.Doubled,
		Missing: r.Missing, OutOfOrder: r.OutOfOrder, Unknown: r.Unknown, Scattered: r.Scattered,
	}
	for _, f := range r.Shown {
		finding := topicFindingDocument{Kind: string(f.Kind), SequenceNumber: f.SequenceNumber, Detail: f.Detail}
		if f.AggregateID != uuid.Nil {
			finding.OrderID = f.AggregateID.String()
		}
		document.Shown = append(document.Shown, finding)
	}
	return document
}

// lines writes an answer line by line.
type lines struct {
	response *recorder
	begun    bool
	due      time.Time
}

// progress sends a line unless it has just sent one.
func (l *lines) progress(read, total uint64) {
	if now := time.Now(); now.After(l.due) {
		l.due = now.Add(progressPause)
		l.send(topicLineDocument{Progress: &topicProgressDocument{Read: read, Total: total}})
	}
}

func (l *lines) send(line topicLineDocument) {
	if !l.begun {
		l.begun = true
		l.response.Header().Set("Content-Type", ndjson)
	}
	// A client that has left ends the context of the verification.
	_ = encodeLine(l.response, line)
	_ = http.NewResponseController(l.response).Flush()
}
