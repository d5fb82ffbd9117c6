package opsapi

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// The answer to a verification of the topic is a stream of lines, so that a client that waits for
// minutes sees the progress.
type topicLineDocument struct {
	_ struct{} `additionalProperties:"true"`

	Progress *topicProgressDocument `json:"progress,omitempty" doc:"How far it is; on all lines but the last one."`
	Report   *topicReportDocument   `json:"report,omitempty" doc:"The result; on the last line."`
	Problem  *endpoint.Problem      `json:"problem,omitempty" doc:"Why there is no result, when that turned out after the answer had begun; on the last line."`
}

type topicProgressDocument struct {
	_ struct{} `additionalProperties:"true"`

	Read  uint64 `json:"read" doc:"Offsets that were read."`
	Total uint64 `json:"total" doc:"Offsets that are to be read, as far as is known; may grow."`
}

type topicReportDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders     uint64                 `json:"orders" doc:"Aggregates that were compared, of all types."`
	Unjudged   uint64                 `json:"unjudged" doc:"Aggregates of which the part of the topic that was read holds nothing."`
	Messages   uint64                 `json:"messages" doc:"Messages that were read."`
	Expired    uint64                 `json:"expired" doc:"Offsets before them that the topic no longer holds."`
	Doubled    uint64                 `json:"doubled" doc:"Messages whose event was there before; no violation, as delivery is at least once."`
	Missing    uint64                 `json:"missing" doc:"Events without a message."`
	OutOfOrder uint64                 `json:"out_of_order" doc:"Events whose first message comes before the first one of their predecessor."`
	Unknown    uint64                 `json:"unknown" doc:"Messages that are no event of the store."`
	Scattered  uint64                 `json:"scattered" doc:"Messages in another partition than the first one of their aggregate."`
	Shown      []topicFindingDocument `json:"shown,omitempty" doc:"The first of the violations."`
}

type topicFindingDocument struct {
	_ struct{} `additionalProperties:"true"`

	Kind string `json:"kind" enum:"missing,out-of-order,unknown,scattered" doc:"What kind of violation it is."`
	endpoint.MaybeAggregate
	SequenceNumber uint64 `json:"sequence_number,omitempty" doc:"The event, if one is named."`
	Detail         string `json:"detail" doc:"Where, and what is wrong."`
}

const (
	// fromBegin is the value of the parameter from for the whole topic.
	fromBegin = "begin"
	// progressPause is the shortest time between two lines of progress.
	progressPause = 200 * time.Millisecond
)

func (r routes) topic() []endpoint.Operation {
	if r.TopicVerifier == nil {
		return nil
	}
	return []endpoint.Operation{{
		Scope: ports.ScopeOpsRead,
		ID:    "verify-topic", Method: http.MethodPost, Path: "/v1/verify/topic", Tag: tag,
		Summary: "Compare the topic with the event store",
		Description: "The topic is read while events are published. " +
			"An event counts as missing if no missing event has come for as long as patience.",
		Parameters: []endpoint.Parameter{fromParameter(), patienceParameter()},
		Answers: []endpoint.Answer{{
			Status: http.StatusOK, Description: "Lines of JSON: progress, and at the end the result.",
			Document: topicLineDocument{}, Media: endpoint.MediaLines,
		}},
		Problems:  []int{400, 403, 404, 409, 500, 503},
		Unbounded: true,
		Run:       r.verifyTopic,
	}}
}

func (r routes) verifyTopic(c *endpoint.Call) (endpoint.Reply, error) {
	options := ports.TopicOptions{From: ports.FromBegin, Patience: c.Duration(paramPatience, 0)}
	if c.Has(paramFrom) && c.Text(paramFrom) != fromBegin {
		options.From, _ = strconv.ParseInt(c.Text(paramFrom), 10, 64) // it was checked
	}
	progress := progress{lines: c.Lines()}
	options.Progress = progress.send
	report, err := r.TopicVerifier.VerifyTopic(c.Context(), options)
	if refused := (*ports.RefusedError)(nil); errors.As(err, &refused) {
		err = endpoint.NewProblem(http.StatusConflict, endpoint.CodeRefused, refused.Reason)
	}
	switch {
	case err != nil && !progress.lines.Begun():
		return endpoint.Reply{}, err
	case err != nil:
		progress.lines.Send(topicLineDocument{Problem: progress.lines.Problem(err)})
	default:
		progress.lines.Send(topicLineDocument{Report: topicReport(report)})
	}
	return progress.lines.Done(), nil
}

func topicReport(r ports.TopicReport) *topicReportDocument {
	document := &topicReportDocument{
		Orders: r.Aggregates, Unjudged: r.Unjudged, Messages: r.Messages, Expired: r.Expired, Doubled: r.Doubled,
		Missing: r.Missing, OutOfOrder: r.OutOfOrder, Unknown: r.Unknown, Scattered: r.Scattered,
	}
	for _, f := range r.Shown {
		document.Shown = append(document.Shown, topicFindingDocument{
			Kind: string(f.Kind), MaybeAggregate: endpoint.NameMaybe(f.AggregateID, f.AggregateType),
			SequenceNumber: f.SequenceNumber, Detail: f.Detail,
		})
	}
	return document
}

// progress sends lines of progress, at a bounded rate.
type progress struct {
	lines *endpoint.Lines
	due   time.Time
}

func (p *progress) send(read, total uint64) {
	if now := time.Now(); now.After(p.due) {
		p.due = now.Add(progressPause)
		p.lines.Send(topicLineDocument{Progress: &topicProgressDocument{Read: read, Total: total}})
	}
}
