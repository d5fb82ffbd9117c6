package opsapi

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

type resetBody struct {
	From   string `json:"from" example:"begin" doc:"begin, now, or the RFC 3339 time from which on events are handled."`
	Force  bool   `json:"force,omitempty" doc:"Do it although something is lost or happens twice. Without force the answer says what that would be."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Only say what would happen."`
}

// Members implements [endpoint.Describer].
func (resetBody) Members() map[string]endpoint.Schema {
	return map[string]endpoint.Schema{"from": {
		Type: endpoint.TypeString, AnyOf: []endpoint.Schema{
			{Enum: []any{"begin", "now"}}, {Format: endpoint.FormatDateTime},
		},
	}}
}

func (b *resetBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "from", Required: true, Read: func() { b.From = r.Text() }},
		strictjson.Member{Name: "force", Read: func() { b.Force = r.Boolean() }},
		strictjson.Member{Name: "dry_run", Read: func() { b.DryRun = r.Boolean() }},
	)
}

// from returns the time that the body names, or what is wrong with it.
func (b *resetBody) from(now time.Time) (from time.Time, wrong []endpoint.FieldError) {
	switch b.From {
	case "begin":
		return time.Time{}, nil
	case "now":
		return now, nil
	}
	from, ok := endpoint.ParseTime(b.From)
	if !ok {
		wrong = []endpoint.FieldError{{
			Field: "from", Message: "must be begin, now, or an RFC 3339 time such as 2026-03-01T12:00:00Z",
		}}
	}
	return from, wrong
}

func (b *resetBody) check() []endpoint.FieldError {
	_, wrong := b.from(time.Time{})
	return wrong
}

// request returns the request for the port.
func (b *resetBody) request(now time.Time) (ports.ResetRequest, error) {
	from, wrong := b.from(now)
	if wrong != nil {
		return ports.ResetRequest{}, endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
	}
	return ports.ResetRequest{From: from, Force: b.Force, DryRun: b.DryRun}, nil
}

type resetDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consequence string `json:"consequence" doc:"What the reset does, for people."`
}

// rebuildBody may be left out.
type rebuildBody struct {
	SkipVerification bool  `json:"skip_verification,omitempty" doc:"Switch to the new generation without comparing it with anything."`
	OrdersPerSecond  int64 `json:"orders_per_second,omitempty" minimum:"0" maximum:"2147483647" doc:"How many orders are read in a second at most; 0 for as many as possible."`
}

func (b *rebuildBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "skip_verification", Read: func() { b.SkipVerification = r.Boolean() }},
		strictjson.Member{Name: "orders_per_second", Read: func() { b.OrdersPerSecond = r.Integer() }},
	)
}

func (b *rebuildBody) check() []endpoint.FieldError {
	if b.OrdersPerSecond >= 0 && b.OrdersPerSecond <= math.MaxInt32 {
		return nil
	}
	return []endpoint.FieldError{{
		Field: "orders_per_second", Message: fmt.Sprintf("must be 0 to %d, is %d", math.MaxInt32, b.OrdersPerSecond),
	}}
}

// forConsumer completes an operation on the consumer that the path names. When all goes well the
// answer is status, and has no body.
func (r routes) forConsumer(
	status int, description string, op endpoint.Operation, run func(*endpoint.Call) error,
) endpoint.Operation {
	op.Method, op.Tag, op.Scope = http.MethodPost, tag, ports.ScopeOpsWrite
	op.Parameters = append([]endpoint.Parameter{consumerParameter()}, append(op.Parameters, reasonParameter())...)
	op.Answers = []endpoint.Answer{{Status: status, Description: description}}
	op.Problems = append(op.Problems, 400, 403, 404, 409, 500, 503, 504, 507)
	if op.Body != nil {
		op.Problems = append(op.Problems, 408, 413, 415)
	}
	op.Run = func(c *endpoint.Call) (endpoint.Reply, error) {
		r.readConsumer(c)
		return endpoint.Reply{Status: status}, run(c)
	}
	return op
}

// readConsumer reads the consumer that the path names. The port reports it if the consumer does not
// exist.
func (r routes) readConsumer(c *endpoint.Call) {
	c.About.Consumer = c.Path(paramName)
	c.About.Known = func() []string { return r.consumerNames(c.Context()) }
}

// management returns the operations that stop and move consumers.
func (r routes) management() []endpoint.Operation {
	if r.Manager == nil {
		return nil
	}
	return []endpoint.Operation{
		r.forConsumer(http.StatusNoContent, "The consumer is paused, or will be in a moment.", endpoint.Operation{
			ID: "pause-consumer", Path: "/v1/consumers/{name}/pause",
			Summary: "Pause a consumer until it is resumed",
			Description: "When the answer comes, the decision is stored. It survives restarts. " +
				"The consumer completes what is in flight, and is paused then.",
		}, func(c *endpoint.Call) error { return r.Manager.Pause(c.Context(), c.About.Consumer) }),
		r.forConsumer(http.StatusNoContent, "The consumer continues where it was.", endpoint.Operation{
			ID: "resume-consumer", Path: "/v1/consumers/{name}/resume",
			Summary: "Resume a consumer that is paused or has failed",
		}, func(c *endpoint.Call) error { return r.Manager.Resume(c.Context(), c.About.Consumer) }),
		{
			Scope: ports.ScopeOpsWrite,
			ID:    "reset-consumer", Method: http.MethodPost, Path: "/v1/consumers/{name}/reset", Tag: tag,
			Summary: "Move a consumer to another place in the history",
			Description: "It is refused where something would be lost or happen twice, unless it is forced. " +
				"The answer says what that is.",
			Parameters: []endpoint.Parameter{consumerParameter(), reasonParameter()},
			Body:       &endpoint.Body{Document: resetBody{}, Required: true},
			Answers:    endpoint.OK("What happens now, or would happen for a dry run.", resetDocument{}),
			Problems:   []int{400, 403, 404, 408, 409, 413, 415, 500, 503, 504, 507},
			Run:        r.reset,
		},
	}
}

func (r routes) reset(c *endpoint.Call) (endpoint.Reply, error) {
	r.readConsumer(c)
	var body resetBody
	if err := c.ReadBody(true, body.Read, body.check); err != nil {
		return endpoint.Reply{}, err
	}
	request, err := body.request(r.Now())
	if err != nil {
		return endpoint.Reply{}, err
	}
	consequence, err := r.Manager.Reset(c.Context(), c.About.Consumer, request)
	return endpoint.Reply{Body: resetDocument{Consequence: consequence}}, err
}

// rebuilds returns the operations that replace the view of a consumer by one that is filled from
// the beginning.
func (r routes) rebuilds() []endpoint.Operation {
	if r.Rebuilder == nil {
		return nil
	}
	const started = "It is in progress; the status of the consumer says how far."
	return []endpoint.Operation{
		r.forConsumer(http.StatusAccepted, started, endpoint.Operation{
			ID: "rebuild-consumer", Path: "/v1/consumers/{name}/rebuild",
			Summary: "Fill a new generation of a view and switch to it",
			Description: "The new generation is filled from the event store while events are delivered. " +
				"Then it is compared with the events and with the live generation, and replaces it. " +
				"When there are differences, the live generation stays, and the status of the consumer shows them; " +
				"the same request then starts again.",
			Body: &endpoint.Body{Document: rebuildBody{}},
		}, r.rebuild),
		r.forConsumer(http.StatusNoContent, "The live generation stays.", endpoint.Operation{
			ID: "abort-rebuild", Path: "/v1/consumers/{name}/rebuild/abort",
			Summary: "End a rebuild and drop what it has filled",
		}, func(c *endpoint.Call) error { return r.Rebuilder.AbortRebuild(c.Context(), c.About.Consumer) }),
		r.forConsumer(http.StatusAccepted, started, endpoint.Operation{
			ID: "roll-back-consumer", Path: "/v1/consumers/{name}/rollback",
			Summary: "Make the previous generation of a view live again",
			Description: "The previous generation is brought up to date first, as in a rebuild. " +
				"It exists for a while after a switch.",
		}, func(c *endpoint.Call) error { return r.Rebuilder.Rollback(c.Context(), c.About.Consumer) }),
	}
}

func (r routes) rebuild(c *endpoint.Call) error {
	var body rebuildBody
	if err := c.ReadBody(false, body.Read, body.check); err != nil {
		return err
	}
	if wrong := body.check(); wrong != nil {
		return endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
	}
	return r.Rebuilder.Rebuild(c.Context(), c.About.Consumer, ports.RebuildRequest{
		SkipVerification: body.SkipVerification, AggregatesPerSecond: int(body.OrdersPerSecond),
	})
}
