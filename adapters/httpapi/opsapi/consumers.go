package opsapi

import (
	"net/http"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

type consumersDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consumers []consumerDocument `json:"consumers" doc:"In the order in which they were wired."`
}

type consumerDocument struct {
	_ struct{} `additionalProperties:"true"`

	Name         string                    `json:"name" example:"order-read-model" doc:"The consumer."`
	State        string                    `json:"state" enum:"stopped,standby,paused,catching-up,expired,rebuilding,running,parked,failing,failed" doc:"What it is doing. stopped: nothing, as it has not started or has ended. standby: another process works as this consumer. paused: nothing until it is resumed. catching-up: reading the event store to get up to date. expired: the same, because the feed does not keep any more what it has missed. rebuilding: waiting for a new generation of its view, as another version of the program has filled this one. running: following the feed. parked: running, with parked aggregates. failing: something fails and is retried. failed: stopped by itself until it is resumed."`
	Live         generationDocument        `json:"live" doc:"The generation of its view that is read."`
	Previous     *generationDocument       `json:"previous,omitempty" doc:"The generation that can be rolled back to, if there is one."`
	Lag          lagDocument               `json:"lag" doc:"How far it is behind."`
	Parked       int                       `json:"parked" doc:"Aggregates that it has parked."`
	Waiting      int                       `json:"waiting" doc:"How many of them wait for a newer version of the program, which continues with them by itself."`
	OldestParked string                    `json:"oldest_parked,omitempty" format:"date-time" doc:"When the first of them was parked."`
	Rebuild      *rebuildDocument          `json:"rebuild,omitempty" doc:"The rebuild that is in progress, or the last one since the process started."`
	Holder       *endpoint.ProcessDocument `json:"holder,omitempty" doc:"The process that works as the consumer, if it is another one."`
	Failure      *failureDocument          `json:"failure,omitempty" doc:"What it fails with."`
	Handled      uint64                    `json:"handled" doc:"Events that had their effect, since the process started."`
	Duplicates   uint64                    `json:"duplicates" doc:"Events that came again and were dropped, since the process started."`
	Healed       uint64                    `json:"healed" doc:"Events that the feed lost and that were read from the event store, since the process started."`
	Retries      uint64                    `json:"retries" doc:"Attempts that failed, since the process started."`
	Expired      uint64                    `json:"expired" doc:"How often the feed did not keep any more what the consumer had missed, since the process started."`
	Reconciled   uint64                    `json:"reconciled" doc:"Aggregates that were behind when the background check looked, since the process started."`
	Foreign      uint64                    `json:"foreign" doc:"Messages and records of the feed that are no events of the event store, since the process started. They have no effect."`
}

type generationDocument struct {
	_ struct{} `additionalProperties:"true"`

	Number  int `json:"number" example:"1" doc:"Which filling of the view it is. Numbers are never used twice."`
	Version int `json:"version" example:"1" doc:"The version of the reducer that fills it."`
}

type lagDocument struct {
	_ struct{} `additionalProperties:"true"`

	Events     uint64  `json:"events" doc:"Events of the feed that the consumer has not handled."`
	AgeSeconds float64 `json:"age_seconds" doc:"How long ago the oldest of them was committed."`
	Known      bool    `json:"known" doc:"Whether the figures are valid."`
	Error      string  `json:"error,omitempty" doc:"Why the lag is not known, if something is wrong."`

	HeadroomSeconds *float64 `json:"headroom_seconds,omitempty" doc:"Time until the feed drops what the consumer has not handled. Then it catches up from the event store, by itself. Absent while it is not known."`
}

type failureDocument struct {
	_ struct{} `additionalProperties:"true"`

	endpoint.MaybeAggregate
	SequenceNumber uint64 `json:"sequence_number,omitempty" doc:"The event that is stuck, if it is one."`
	Kind           string `json:"kind,omitempty" enum:"undecodable,newer,store,refused,bug" doc:"Who has to act. undecodable: the event cannot be read. newer: a newer version of the program wrote the event, and a process of that version continues with it. store: the store does not answer, or does not accept it. refused: the target of the publisher does not accept it. bug: the program has a fault."`
	Error          string `json:"error" doc:"What went wrong the last time."`
	Attempts       int    `json:"attempts" doc:"How often it was tried."`
	Since          string `json:"since" format:"date-time" doc:"When it went wrong first."`
}

type rebuildDocument struct {
	_ struct{} `additionalProperties:"true"`

	Phase      string                `json:"phase" enum:"filling,verifying,refused,switched,aborted" doc:"How far it is. filling: the event store is read. verifying: the new generation is compared with the events and the live one. refused: there are differences, and the live generation stays. switched: the new generation is live. aborted: an operator has ended it."`
	Generation generationDocument    `json:"generation" doc:"The generation that it fills."`
	Done       uint64                `json:"done" doc:"Aggregates that are done in this phase."`
	Total      uint64                `json:"total" doc:"How many there are. 0 while that is not known."`
	PerSecond  float64               `json:"per_second" doc:"Aggregates a second in this phase."`
	StartedAt  string                `json:"started_at,omitempty" format:"date-time" doc:"When it began."`
	Report     *verificationDocument `json:"report,omitempty" doc:"What the comparison has found, once it is over."`
	Error      string                `json:"error,omitempty" doc:"Why it makes no progress now. It is retried."`
}

func (r routes) consumers() endpoint.Operation {
	return endpoint.Operation{
		Scope: ports.ScopeOpsRead,
		ID:    "get-consumers", Method: http.MethodGet, Path: "/v1/consumers", Tag: tag,
		Summary:  "See the state of the consumers, and how far behind they are",
		Answers:  endpoint.OK("Every consumer.", consumersDocument{}),
		Problems: []int{400, 500, 503, 504},
		Run:      r.getConsumers,
	}
}

func (r routes) getConsumers(c *endpoint.Call) (endpoint.Reply, error) {
	statuses := r.Consumers.Consumers(c.Context())
	document := consumersDocument{Consumers: make([]consumerDocument, 0, len(statuses))}
	for _, s := range statuses {
		document.Consumers = append(document.Consumers, consumerStatus(s, r.Now()))
	}
	return endpoint.Reply{Body: document}, nil
}

func consumerStatus(s ports.ConsumerStatus, now time.Time) consumerDocument {
	document := consumerDocument{
		Name: s.Name, State: string(s.State), Live: generation(s.Live),
		Lag:    lagDocument{Events: s.Lag.Events, AgeSeconds: s.Lag.Age.Seconds(), Known: s.Lag.Known, Error: s.LagError},
		Parked: s.Parked, Waiting: s.Waiting, Rebuild: rebuildStatus(s.Rebuild, now),
		Holder: endpoint.Process(s.Holder), Failure: failure(s.Failure),
		Handled: s.Handled, Duplicates: s.Duplicates, Healed: s.Healed, Retries: s.Retries, Expired: s.Expired,
		Reconciled: s.Reconciled, Foreign: s.Foreign,
	}
	if s.Headroom != nil {
		document.Lag.HeadroomSeconds = new(s.Headroom.Seconds())
	}
	if s.Previous.Number != 0 {
		document.Previous = new(generation(s.Previous))
	}
	if !s.OldestParked.IsZero() {
		document.OldestParked = endpoint.Timestamp(s.OldestParked)
	}
	return document
}

func generation(g ports.Generation) generationDocument {
	return generationDocument{Number: g.Number, Version: g.Version}
}

func rebuildStatus(s *ports.RebuildStatus, now time.Time) *rebuildDocument {
	if s == nil {
		return nil
	}
	document := &rebuildDocument{
		Phase: string(s.Phase), Generation: generation(s.Generation), Done: s.Done, Total: s.Total,
		StartedAt: endpoint.Instant(s.StartedAt), Error: s.Error,
	}
	if s.Phase == ports.RebuildFilling || s.Phase == ports.RebuildVerifying {
		document.PerSecond = perSecond(s.Done, s.PhaseStartedAt, now)
	}
	if s.Report != nil {
		document.Report = new(verified(*s.Report))
	}
	return document
}

func failure(f *ports.ConsumerFailure) *failureDocument {
	if f == nil {
		return nil
	}
	return &failureDocument{
		MaybeAggregate: endpoint.NameMaybe(f.AggregateID, f.AggregateType),
		SequenceNumber: f.SequenceNumber, Kind: string(f.Kind), Error: f.Error, Attempts: f.Attempts,
		Since: f.Since.UTC().Format(time.RFC3339Nano),
	}
}
