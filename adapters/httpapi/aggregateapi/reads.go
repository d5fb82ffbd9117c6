package aggregateapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Reads serves reads of the aggregates of one type.
type Reads struct {
	Kind
	Queries ports.AggregateQueries
	Lists   ports.ViewLists
	// Codec renders events.
	Codec ports.Codec[any]
	// Render returns the document for a row of the aggregates' view, and the sequence number of the
	// row.
	Render func(projection.Row) (document any, sequence uint64, err error)
	// Document is a value of the type that Render returns.
	Document any
	// Large bounds the answers with many events.
	Large *Large
}

// Get returns the operation that reads one aggregate, now or in the past.
func (s Reads) Get() endpoint.Operation {
	return endpoint.Operation{
		Scope: s.Read,
		ID:    "get-" + s.id(), Method: http.MethodGet, Path: s.one(""), Tag: s.QueryTag,
		Summary: "Read " + s.a() + ", now or in the past",
		Description: "The present comes from the read model, which is a little behind the writes. " +
			"Pass the sequence_number of a command's answer as min_sequence to read what the command wrote. " +
			"The past is folded from the history and never behind.",
		Parameters: append([]endpoint.Parameter{
			s.parameter(), minSequenceParameter(s.Kind), timeoutParameter(), ifNoneMatchParameter(s.Kind),
		}, momentParameters(s.Kind)...),
		Rules: []endpoint.Rule{{Kind: endpoint.AtMostOne, Names: []string{paramMinSequence, paramAtTime, paramAtSequence}}},
		Answers: []endpoint.Answer{
			s.tagged(http.StatusOK, "The "+s.noun()+".", s.Document),
			s.notModified("The " + s.noun() + " is as it was when its ETag was received."),
		},
		Problems: []int{400, 404, 500, 503, 504},
		Run:      s.get,
	}
}

// Events returns the operation that reads the history of one aggregate.
func (s Reads) Events() endpoint.Operation {
	return endpoint.Operation{
		Scope: s.Read,
		ID:    "get-" + s.id() + "-events", Method: http.MethodGet, Path: s.one("/events"), Tag: s.QueryTag,
		Summary: "Read the history of " + s.a(),
		Description: "The audit trail: every event with the command that caused it, in parts of at most 1,000 events. " +
			"It is never behind.",
		Parameters: append([]endpoint.Parameter{s.parameter(), ifNoneMatchParameter(s.Kind)}, partParameters(s.Kind)...),
		Answers: []endpoint.Answer{
			s.tagged(http.StatusOK, "A part of the history.", EventsDocument{}),
			s.notModified("This part of the history is as it was when its ETag was received."),
		},
		Problems: []int{400, 404, 500, 503, 504},
		Run:      s.events,
	}
}

func (s Reads) notModified(description string) endpoint.Answer {
	return s.tagged(http.StatusNotModified, description, nil)
}

// tagged returns an answer with an ETag.
func (s Reads) tagged(status int, description string, document any) endpoint.Answer {
	return endpoint.Answer{
		Status: status, Description: description, Document: document, Headers: []endpoint.Parameter{etagHeader(s.Kind)},
	}
}

func (s Reads) get(c *endpoint.Call) (endpoint.Reply, error) {
	c.ReadAggregate(endpoint.ParamID, s.Type)
	known, err := parsePreconditions(c.Header(), headerIfNoneMatch)
	if err != nil {
		return endpoint.Reply{}, err
	}
	row, err := s.row(c)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document, sequence, err := s.Render(row)
	if err != nil {
		return endpoint.Reply{}, err
	}
	return unlessKnown(known, sequence, document), nil
}

// row reads the present or a past state of an aggregate, as the parameters say.
func (s Reads) row(c *endpoint.Call) (row projection.Row, err error) {
	id := c.About.AggregateID
	if c.Has(paramAtSequence) || c.Has(paramAtTime) {
		moment := ports.Moment{SequenceNumber: c.Number(paramAtSequence), Time: c.Time(paramAtTime)}
		return s.Queries.RowAt(c.Context(), id, moment)
	}
	minSequence, wait := c.Number(paramMinSequence), c.Duration(paramTimeout, defaultWait)
	if minSequence == 0 {
		return s.Queries.Row(c.Context(), id, 0, wait)
	}
	err = c.Wait(func(ctx context.Context) (err error) {
		row, err = s.Queries.Row(ctx, id, minSequence, wait)
		return err
	})
	if errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, endpoint.ErrStopping) && c.Context().Err() == nil {
		return s.behind(c, minSequence)
	}
	return row, err
}

// behind reads the view again after a wait that timed out. Its error says how far the view is, or
// that it cannot be read at all.
func (s Reads) behind(c *endpoint.Call, minSequence uint64) (projection.Row, error) {
	row, err := s.Queries.Row(c.Context(), c.About.AggregateID, 0, 0)
	var at uint64
	switch {
	case err == nil:
		_, at, err = s.Render(row)
		if err != nil || at >= minSequence {
			return row, err
		}
	case !errors.Is(err, ports.ErrNotFound):
		return nil, err
	}
	p := endpoint.NewProblem(http.StatusServiceUnavailable, endpoint.CodeViewBehind, fmt.Sprintf(
		"the read model is at sequence number %d of this %s, not yet at %d; try again, or ask without min_sequence",
		at, s.noun(), minSequence))
	p.Expected, p.Actual = &minSequence, &at
	return nil, p
}

func (s Reads) events(c *endpoint.Call) (endpoint.Reply, error) {
	id := c.ReadAggregate(endpoint.ParamID, s.Type)
	known, err := parsePreconditions(c.Header(), headerIfNoneMatch)
	if err != nil {
		return endpoint.Reply{}, err
	}
	document := EventsDocument{Events: []EventDocument{}}
	last, more, done, err := s.Large.read(c, func(after uint64, limit int) (int, bool, error) {
		page, err := s.Queries.Events(c.Context(), id, after, limit)
		if err != nil {
			return 0, false, err
		}
		events, err := renderEvents(s.Codec, page.Events)
		document.Events = append(document.Events, events...)
		return len(events), page.More, err
	})
	if err != nil {
		return endpoint.Reply{}, err
	}
	document.NextAfter = nextAfter(last, more)
	reply := unlessKnown(known, last, document)
	reply.Done = done
	return reply, nil
}

// unlessKnown answers with a document, or with 304 when the client has this version of it.
func unlessKnown(known *preconditions, sequence uint64, document any) endpoint.Reply {
	if known.has(sequence) {
		return endpoint.Reply{Status: http.StatusNotModified, ETag: etag(sequence)}
	}
	return endpoint.Reply{ETag: etag(sequence), Body: document}
}

// ListParameters returns the parameters of a list: the page, and what [Reads.Page] waits for.
func (s Reads) ListParameters() []endpoint.Parameter {
	written := endpoint.IDParameter(s.IDName,
		"Together with min_sequence: wait until the list has that event of this "+s.noun()+".")
	written.In = endpoint.InQuery
	wait := []endpoint.Parameter{written, minSequenceParameter(s.Kind), timeoutParameter()}
	return append(wait, endpoint.PageParameters()...)
}

// ListRule returns the rule that says which of the ListParameters go together.
func (s Reads) ListRule() endpoint.Rule {
	return endpoint.Rule{Kind: endpoint.AllOrNone, Names: []string{paramMinSequence, s.IDName}}
}

// Page returns the entries of a table under a key, after it has waited for the write that the
// client names. The operation has ListParameters and ListRule.
func (s Reads) Page(c *endpoint.Call, table, key string) (ports.RowPage, error) {
	after, limit, err := c.Page()
	if err != nil {
		return ports.RowPage{}, err
	}
	if c.Has(s.IDName) {
		id, sequence := c.UUID(s.IDName), c.Number(paramMinSequence)
		err := c.Wait(func(ctx context.Context) error {
			return s.Lists.Await(ctx, table, id, sequence, c.Duration(paramTimeout, defaultWait))
		})
		if errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, endpoint.ErrStopping) && c.Context().Err() == nil {
			return ports.RowPage{}, endpoint.NewProblem(http.StatusServiceUnavailable, endpoint.CodeViewBehind, fmt.Sprintf(
				"the list does not have event %d of %s %s yet; try again, or ask without min_sequence",
				sequence, s.noun(), id))
		}
		if err != nil {
			return ports.RowPage{}, err
		}
	}
	return s.Lists.List(c.Context(), table, key, after, limit)
}
