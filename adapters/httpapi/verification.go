package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

type verificationDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders      uint64               `json:"orders" doc:"Orders that were compared."`
	Events      uint64               `json:"events" doc:"Events of those orders."`
	Rows        uint64               `json:"rows" doc:"Rows of the read models."`
	Skipped     uint64               `json:"skipped" doc:"Events that were passed over by somebody's decision; they are no differences."`
	Repaired    uint64               `json:"repaired" doc:"Orders that were put right in a view."`
	Differences uint64               `json:"differences" doc:"How much is not as the events say; 0 when all is well."`
	Shown       []differenceDocument `json:"shown,omitempty" nullable:"false" doc:"The first of the differences."`
}

type differenceDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID  string `json:"order_id,omitempty" format:"uuid" doc:"The order, if it is about one."`
	Consumer string `json:"consumer,omitempty" doc:"The consumer; absent when the history itself is wrong."`
	Detail   string `json:"detail" doc:"What is wrong."`
}

// maxPatience bounds how long a verification waits for a difference to go away.
const maxPatience = 10 * time.Minute

// verificationOperations and topicOperations are the routes whose work grows with what is stored: they have no time limit but
// the client's.
func (a *api) verificationOperations(d describer) []operation {
	if a.config.Verifier == nil {
		return nil
	}
	return []operation{{
		id: "verify", method: http.MethodPost, path: "/v1/verify", tag: tagOperations, summary: "Compare every view with the fold of its events",
		description: "Reads everything that is stored, beside live traffic: a difference, or a consumer that is behind, counts only if it is still there after patience.",
		parameters:  []parameter{patienceParameter()},
		responses:   d.responses(answers{http.StatusOK: d.answer("What was compared, and what differs.", verificationDocument{})}, 400, 403, 500, 503),
		unbounded:   true,
		run:         func(c *call) (reply, error) { return a.verify(c, a.config.Verifier.Verify) },
	}, {
		id: "repair", method: http.MethodPost, path: "/v1/verify/repair", tag: tagOperations, summary: "Compare every view with the fold of its events, and put right what differs",
		description: "Does what verify does. Orders that lag behind or whose rows are wrong are put right, and looked at again; what is still wrong then is a difference. Histories are never changed.",
		parameters:  []parameter{patienceParameter()},
		responses:   d.responses(answers{http.StatusOK: d.answer("What was compared, what was put right, and what still differs.", verificationDocument{})}, 400, 403, 500, 503),
		unbounded:   true,
		run:         func(c *call) (reply, error) { return a.verify(c, a.config.Verifier.Repair) },
	}}
}

func (a *api) verify(c *call, work func(context.Context, time.Duration) (ports.VerifyReport, error)) (reply, error) {
	patience, err := c.patience()
	if err != nil {
		return reply{}, err
	}
	report, err := work(c.request.Context(), patience)
	if err != nil {
		return reply{}, err
	}
	return reply{body: verification(report)}, nil
}

func verification(report ports.VerifyReport) verificationDocument {
	document := verificationDocument{Orders: report.Aggregates, Events: report.Events, Rows: report.Rows, Skipped: report.Skipped, Repaired: report.Repaired, Differences: report.Differences}
	for _, d := range report.Shown {
		document.Shown = append(document.Shown, difference(d))
	}
	return document
}

// patience reads the parameter of that name; 0 when it is absent.
func (c *call) patience() (patience time.Duration, err error) {
	if !c.query.Has(paramPatience) {
		return 0, nil
	}
	if patience, err = time.ParseDuration(c.query.Get(paramPatience)); err != nil || patience < 0 || patience > maxPatience {
		return 0, invalid(codeInvalidParameter, paramPatience, fmt.Sprintf("must be a duration such as 10s, at most %s", maxPatience))
	}
	return patience, nil
}

func difference(d ports.VerifyDifference) differenceDocument {
	document := differenceDocument{Consumer: d.Consumer, Detail: d.Detail}
	if d.AggregateID != uuid.Nil {
		document.OrderID = d.AggregateID.String()
	}
	return document
}

// limit bounds the work on a request, and the time to write its answer, unless the operation is unbounded.
func (a *api) limit(w http.ResponseWriter, r *http.Request, unbounded bool) (context.Context, context.CancelFunc) {
	if !unbounded {
		return context.WithTimeout(r.Context(), a.config.RequestTimeout)
	}
	// A server that cannot lift its limits cuts the answer off; the client sees that.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return context.WithCancel(r.Context())
}
