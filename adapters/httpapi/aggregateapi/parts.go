package aggregateapi

import (
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
)

const (
	paramAfter = "after"
	// maxPart is the highest and the usual number of events of an answer. smallPart is how many
	// everybody gets at once.
	maxPart   = 1_000
	smallPart = 100
)

// Large bounds how many large parts of histories are answered at once. It is safe for concurrent
// use.
type Large struct{ slots chan struct{} }

// NewLarge returns a Large for that many answers.
func NewLarge(atOnce int) *Large { return &Large{make(chan struct{}, atOnce)} }

// partParameters are the parameters of a part of a history.
func partParameters(kind Kind) []endpoint.Parameter {
	most := float64(maxPart)
	limit := endpoint.WholeSchema(1)
	limit.Format, limit.Maximum, limit.Default = "", &most, maxPart
	return []endpoint.Parameter{
		{
			Name: endpoint.ParamLimit, In: endpoint.InQuery, Schema: limit,
			Description: "How many events the answer has at most. It may have fewer, with next_after, where events are large.",
		},
		{
			Name: paramAfter, In: endpoint.InQuery, Schema: endpoint.WholeSchema(0),
			Description: "Answer only the events after this sequence number of the " + kind.noun() +
				". Pass next_after of the answer before to continue.",
		},
	}
}

// read reads the part of a history that a call asks for. next is called with the sequence number
// after which it is to read, and the highest number of events. It returns how many it has read, and
// whether there are more. read may call it twice. The caller calls done when the answer was
// written.
func (l *Large) read(
	c *endpoint.Call, next func(after uint64, limit int) (n int, more bool, err error),
) (last uint64, more bool, done func(), err error) {
	limit, last := maxPart, c.Number(paramAfter)
	if c.Has(endpoint.ParamLimit) {
		limit = int(c.Number(endpoint.ParamLimit))
	}
	n, more, err := next(last, min(limit, smallPart))
	last += uint64(n)
	if err != nil || !more || n < smallPart || limit == smallPart {
		return last, more, nil, err
	}
	select {
	case l.slots <- struct{}{}:
	default:
		return last, more, nil, endpoint.NewProblem(http.StatusServiceUnavailable, endpoint.CodeUnavailable,
			"too many long histories are being read at once; try again, or ask for at most 100 events")
	}
	done = func() { <-l.slots }
	n, more, err = next(last, limit-n)
	if err != nil {
		done()
		return last, more, nil, err
	}
	return last + uint64(n), more, done, nil
}

// nextAfter returns what a client passes as after for the next part. It is 0 when there is none.
func nextAfter(last uint64, more bool) uint64 {
	if more {
		return last
	}
	return 0
}
