package opsapi

import (
	"context"
	"math"
	"net/http"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type verificationDocument struct {
	_ struct{} `additionalProperties:"true"`

	Orders      uint64               `json:"orders" doc:"Aggregates that were compared, of all types."`
	Events      uint64               `json:"events" doc:"Events of those aggregates."`
	Rows        uint64               `json:"rows" doc:"Rows of the read models."`
	Skipped     uint64               `json:"skipped" doc:"Events that are skipped by the decision of an operator; they are no differences."`
	Repaired    uint64               `json:"repaired" doc:"Aggregates that were repaired in a view."`
	Differences uint64               `json:"differences" doc:"How much is not as the events say; 0 when there is no difference."`
	Shown       []differenceDocument `json:"shown,omitempty" doc:"The first of the differences."`
}

type differenceDocument struct {
	_ struct{} `additionalProperties:"true"`

	endpoint.MaybeAggregate
	Consumer string `json:"consumer,omitempty" doc:"The consumer; absent when the history itself is wrong."`
	Detail   string `json:"detail" doc:"What is wrong."`
}

type progressDocument struct {
	_ struct{} `additionalProperties:"true"`

	Running   bool    `json:"running" doc:"Whether a verification is in progress in this process."`
	Phase     string  `json:"phase,omitempty" enum:"counting,folding,reading rows,comparing" doc:"What the last one does, or did last. counting: the aggregates are counted. folding: the histories are read and folded. reading rows: the rows of all views are read. comparing: what seems to differ is compared one by one. Absent when there was none since the process started."`
	Done      uint64  `json:"done" doc:"What is done in this phase: aggregates, or rows while rows are read."`
	Total     uint64  `json:"total" doc:"How much there is to do in this phase. 0 while that is not known."`
	PerSecond float64 `json:"per_second" doc:"How much is done a second in this phase."`
	StartedAt string  `json:"started_at,omitempty" format:"date-time" doc:"When it began."`
}

// verificationProgress says how far a verification is. It needs no I/O.
func (r routes) verificationProgress() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeOpsRead,
		ID:    "get-verification", Method: http.MethodGet, Path: "/v1/verify", Tag: tag,
		Summary:  "See how far a verification is",
		Answers:  endpoint.OK("The verification or repair that this process has started last.", progressDocument{}),
		Problems: []int{400, 403, 500},
		Run: func(*endpoint.Call) (endpoint.Reply, error) {
			p := r.VerifyMonitor.Progress()
			return endpoint.Reply{Body: progressDocument{
				Running: p.Running, Phase: string(p.Phase), Done: p.Done, Total: p.Total,
				PerSecond: perSecond(p.Done, p.PhaseStartedAt, r.Now()), StartedAt: endpoint.Instant(p.StartedAt),
			}}, nil
		},
	}
}

// perSecond returns the rate of what was done since a moment.
func perSecond(done uint64, since, now time.Time) float64 {
	if took := now.Sub(since).Seconds(); took > 0 && !since.IsZero() {
		return math.Round(float64(done) / took)
	}
	return 0
}

// verification returns the operations that compare everything. Their work grows with what is
// stored, so only the client limits their time.
func (r routes) verification() []endpoint.Operation {
	if r.Verifier == nil {
		return nil
	}
	var progress []endpoint.Operation
	if r.VerifyMonitor != nil {
		progress = append(progress, r.verificationProgress())
	}
	return append(progress, endpoint.Operation{
		Scope: ports.ScopeOpsRead,
		ID:    "verify", Method: http.MethodPost, Path: "/v1/verify", Tag: tag,
		Summary: "Compare every view with the fold of its events",
		Description: "Everything that is stored is read, while events are written. " +
			"A difference, or a consumer that is behind, counts if it is still there after patience.",
		Parameters: []endpoint.Parameter{patienceParameter()},
		Answers:    endpoint.OK("What was compared, and what differs.", verificationDocument{}),
		Problems:   []int{400, 403, 500, 503},
		Unbounded:  true,
		Run:        func(c *endpoint.Call) (endpoint.Reply, error) { return verify(c, r.Verifier.Verify) },
	}, endpoint.Operation{
		Scope: ports.ScopeOpsWrite,
		ID:    "repair", Method: http.MethodPost, Path: "/v1/verify/repair", Tag: tag,
		Summary: "Compare every view with the fold of its events, and repair what differs",
		Description: "It does what verify does. Aggregates that lag behind, or whose rows are wrong, are repaired and " +
			"compared again; what is still wrong then is a difference. Histories are never changed.",
		Parameters: []endpoint.Parameter{patienceParameter(), reasonParameter()},
		Answers:    endpoint.OK("What was compared, what was repaired, and what still differs.", verificationDocument{}),
		Problems:   []int{400, 403, 500, 503, 507},
		Unbounded:  true,
		Run:        func(c *endpoint.Call) (endpoint.Reply, error) { return verify(c, r.Verifier.Repair) },
	})
}

func verify(
	c *endpoint.Call, work func(context.Context, time.Duration) (ports.VerifyReport, error),
) (endpoint.Reply, error) {
	report, err := work(c.Context(), c.Duration(paramPatience, 0))
	if err != nil {
		return endpoint.Reply{}, err
	}
	return endpoint.Reply{Body: verified(report)}, nil
}

func verified(report ports.VerifyReport) verificationDocument {
	document := verificationDocument{
		Orders: report.Aggregates, Events: report.Events, Rows: report.Rows, Skipped: report.Skipped,
		Repaired:    report.Repaired,
		Differences: report.Differences,
	}
	for _, d := range report.Shown {
		document.Shown = append(document.Shown, differenceDocument{
			MaybeAggregate: endpoint.NameMaybe(d.AggregateID, d.AggregateType), Consumer: d.Consumer, Detail: d.Detail,
		})
	}
	return document
}
