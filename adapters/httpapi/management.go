package httpapi

import (
	"fmt"
	"math"
	"net/http"
	"reflect"
	"time"

	"orderflow/ports"
)

type resetBody struct {
	From   string `json:"from" pattern:"^(begin|now|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2}))$" example:"begin" doc:"begin, now, or the RFC 3339 time from which on events are handled."`
	Force  bool   `json:"force,omitempty" doc:"Do it although something is lost or happens twice. Without it the answer says what that would be."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Only say what would happen."`
}

func (b *resetBody) read(r *jsonReader) {
	r.object(
		member{"from", true, func() { b.From = r.text() }},
		member{"force", false, func() { b.Force = r.boolean() }},
		member{"dry_run", false, func() { b.DryRun = r.boolean() }},
	)
}

// request returns what the port is asked for.
func (b *resetBody) request(now time.Time) (ports.ResetRequest, error) {
	request := ports.ResetRequest{Force: b.Force, DryRun: b.DryRun}
	switch b.From {
	case "begin":
		return request, nil
	case "now":
		request.From = now
		return request, nil
	}
	var err error
	if request.From, err = time.Parse(time.RFC3339, b.From); err != nil {
		return request, invalid(codeInvalidBody, "from", "must be begin, now, or an RFC 3339 time such as 2026-03-01T12:00:00Z")
	}
	return request, nil
}

type resetDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consequence string `json:"consequence" doc:"What the reset does, for people."`
}

// rebuildBody may be left out altogether.
type rebuildBody struct {
	SkipVerification bool  `json:"skip_verification,omitempty" doc:"Switch to the new generation without comparing it with anything."`
	OrdersPerSecond  int64 `json:"orders_per_second,omitempty" minimum:"0" maximum:"2147483647" doc:"How many orders are read in a second at most; 0 for as many as possible."`
}

func (b *rebuildBody) read(r *jsonReader) {
	r.object(
		member{"skip_verification", false, func() { b.SkipVerification = r.boolean() }},
		member{"orders_per_second", false, func() { b.OrdersPerSecond = r.integer() }},
	)
}

// forConsumer completes an operation on the consumer that the path names. When all goes well the answer is status, and has no body.
func forConsumer(status int, op operation, run func(*call) error) operation {
	op.method, op.tag = http.MethodPost, tagOperations
	op.parameters = append([]parameter{consumerParameter()}, op.parameters...)
	op.run = func(c *call) (reply, error) {
		c.readConsumer()
		return reply{status: status}, run(c)
	}
	return op
}

// readConsumer reads the consumer that the path names. Whether there is one is for the port to say.
func (c *call) readConsumer() { c.about.consumer = c.request.PathValue(paramName) }

// managementOperations stop and move consumers.
func (a *api) managementOperations(d describer) []operation {
	if a.config.Manager == nil {
		return nil
	}
	problems := []int{400, 403, 404, 409, 500, 503, 504}
	return []operation{
		forConsumer(http.StatusNoContent, operation{
			id: "pause-consumer", path: "/v1/consumers/{name}/pause", summary: "Pause a consumer until it is resumed",
			description: "The answer says that the decision is stored, and it outlasts restarts. The consumer finishes what is in flight and is paused then.",
			responses:   d.responses(answers{http.StatusNoContent: d.answer("The consumer is paused, or will be in a moment.", nil)}, problems...),
		}, func(c *call) error { return a.config.Manager.Pause(c.request.Context(), c.about.consumer) }),
		forConsumer(http.StatusNoContent, operation{
			id: "resume-consumer", path: "/v1/consumers/{name}/resume", summary: "Resume a consumer that is paused or has failed",
			responses: d.responses(answers{http.StatusNoContent: d.answer("The consumer goes on where it was.", nil)}, problems...),
		}, func(c *call) error { return a.config.Manager.Resume(c.request.Context(), c.about.consumer) }),
		{
			id: "reset-consumer", method: http.MethodPost, path: "/v1/consumers/{name}/reset", tag: tagOperations,
			summary:     "Move a consumer to another place in the history",
			description: "It is refused where something would be lost or happen twice, unless it is forced; the answer says what that is.",
			parameters:  []parameter{consumerParameter()},
			body:        d.body(reflect.TypeFor[resetBody](), true),
			responses: d.responses(answers{http.StatusOK: d.answer("What happens now, or for a dry run would happen.", resetDocument{})},
				400, 403, 404, 408, 409, 413, 415, 500, 503, 504),
			run: a.resetConsumer,
		},
	}
}

func (a *api) resetConsumer(c *call) (reply, error) {
	c.readConsumer()
	var body resetBody
	if err := a.readBody(c, true, &body); err != nil {
		return reply{}, err
	}
	request, err := body.request(a.config.Now())
	if err != nil {
		return reply{}, err
	}
	consequence, err := a.config.Manager.Reset(c.request.Context(), c.about.consumer, request)
	return reply{body: resetDocument{Consequence: consequence}}, err
}

// rebuildOperations replace the view of a consumer by one that is filled anew.
func (a *api) rebuildOperations(d describer) []operation {
	if a.config.Rebuilder == nil {
		return nil
	}
	problems := []int{400, 403, 404, 409, 500, 503, 504}
	started := d.answer("It is under way; the status of the consumer tells how far.", nil)
	rebuild := forConsumer(http.StatusAccepted, operation{
		id: "rebuild-consumer", path: "/v1/consumers/{name}/rebuild", summary: "Fill a new generation of a view and switch to it",
		description: "The new generation is filled from the event store beside live traffic, compared with the events and the live generation, and takes its place at once. " +
			"When there are differences the live generation stays, and the status of the consumer shows them; then the same request starts again.",
		body:      d.body(reflect.TypeFor[rebuildBody](), false),
		responses: d.responses(answers{http.StatusAccepted: started}, append([]int{408, 413, 415}, problems...)...),
	}, a.rebuildConsumer)
	return []operation{
		rebuild,
		forConsumer(http.StatusNoContent, operation{
			id: "abort-rebuild", path: "/v1/consumers/{name}/rebuild/abort", summary: "End a rebuild and drop what it has filled",
			responses: d.responses(answers{http.StatusNoContent: d.answer("The live generation stays.", nil)}, problems...),
		}, func(c *call) error { return a.config.Rebuilder.AbortRebuild(c.request.Context(), c.about.consumer) }),
		forConsumer(http.StatusAccepted, operation{
			id: "roll-back-consumer", path: "/v1/consumers/{name}/rollback", summary: "Make the previous generation of a view live again",
			description: "The previous generation is brought up to date first, as in a rebuild. It is there for a while after a switch.",
			responses:   d.responses(answers{http.StatusAccepted: started}, problems...),
		}, func(c *call) error { return a.config.Rebuilder.Rollback(c.request.Context(), c.about.consumer) }),
	}
}

func (a *api) rebuildConsumer(c *call) error {
	var body rebuildBody
	if err := a.readBody(c, false, &body); err != nil {
		return err
	}
	if body.OrdersPerSecond < 0 || body.OrdersPerSecond > math.MaxInt32 {
		return invalid(codeInvalidBody, "orders_per_second", fmt.Sprintf("must be 0 to %d, is %d", math.MaxInt32, body.OrdersPerSecond))
	}
	return a.config.Rebuilder.Rebuild(c.request.Context(), c.about.consumer, ports.RebuildRequest{
		SkipVerification: body.SkipVerification, AggregatesPerSecond: int(body.OrdersPerSecond),
	})
}
