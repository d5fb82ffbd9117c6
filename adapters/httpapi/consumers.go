package httpapi

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

type consumersDocument struct {
	_ struct{} `additionalProperties:"true"`

	Consumers []consumerDocument `json:"consumers" nullable:"false" doc:"In the order in which they were wired."`
}

type consumerDocument struct {
	_ struct{} `additionalProperties:"true"`

	Name         string              `json:"name" example:"order-read-model" doc:"The consumer."`
	State        string              `json:"state" enum:"stopped,standby,paused,catching-up,expired,rebuilding,running,parked,failing,failed" doc:"What it is doing. stopped: nothing, as it has not started or has ended. standby: another process works as this consumer. paused: nothing until it is resumed. catching-up: reading the event store to get up to date. expired: the same, because the feed does not hold any more what it has missed. rebuilding: waiting for a new generation of its view, as another version of the program has filled this one. running: following the feed. parked: running, with orders set aside. failing: something fails and is tried again. failed: stopped by itself until it is resumed."`
	Live         generationDocument  `json:"live" doc:"The generation of its view that is read."`
	Previous     *generationDocument `json:"previous,omitempty" doc:"The generation that can be rolled back to, if there is one."`
	Lag          lagDocument         `json:"lag" doc:"How far it is behind."`
	Parked       int                 `json:"parked" doc:"Orders that it has set aside."`
	OldestParked string              `json:"oldest_parked,omitempty" format:"date-time" doc:"When the first of them was set aside."`
	Rebuild      *rebuildDocument    `json:"rebuild,omitempty" doc:"The rebuild that is under way, or the last one since the process started."`
	Holder       *processDocument    `json:"holder,omitempty" doc:"The process that works as the consumer, if it is another one."`
	Failure      *failureDocument    `json:"failure,omitempty" doc:"What it is stuck on."`
	Handled      uint64              `json:"handled" doc:"Events that had their effect, since the process started."`
	Duplicates   uint64              `json:"duplicates" doc:"Events that came again and were dropped, since the process started."`
	Healed       uint64              `json:"healed" doc:"Events that the feed lost and the event store made good, since the process started."`
	Retries      uint64              `json:"retries" doc:"Attempts that failed, since the process started."`
	Expired      uint64              `json:"expired" doc:"How often the feed did not hold any more what the consumer had missed, since the process started."`
}

type generationDocument struct {
	_ struct{} `additionalProperties:"true"`

	Number  int `json:"number" example:"1" doc:"Which filling of the view it is. Numbers are never used twice."`
	Version int `json:"version" example:"1" doc:"The version of the reducer that fills it."`
}

type lagDocument struct {
	_ struct{} `additionalProperties:"true"`

	Events     uint64  `json:"events" doc:"Events behind the end of the feed."`
	AgeSeconds float64 `json:"age_seconds" doc:"How long ago the oldest of them was committed."`
	Known      bool    `json:"known" doc:"When false the figures mean nothing."`

	HeadroomSeconds *float64 `json:"headroom_seconds,omitempty" doc:"Time until the feed drops what the consumer has not handled. Then it catches up from the event store, by itself. Absent while it is not known."`
}

type failureDocument struct {
	_ struct{} `additionalProperties:"true"`

	OrderID        string `json:"order_id,omitempty" format:"uuid" doc:"The order that is stuck, if it is one."`
	SequenceNumber uint64 `json:"sequence_number,omitempty" doc:"The event that is stuck, if it is one."`
	Kind           string `json:"kind,omitempty" enum:"undecodable,store,refused,bug" doc:"Who has to act. undecodable: this version of the program cannot read the event. store: the store is away, or does not take it. refused: the target of the publisher does not take it. bug: the program is wrong."`
	Error          string `json:"error" doc:"What went wrong the last time."`
	Attempts       int    `json:"attempts" doc:"How often it was tried."`
	Since          string `json:"since" format:"date-time" doc:"When it went wrong first."`
}

type rebuildDocument struct {
	_ struct{} `additionalProperties:"true"`

	Phase      string                `json:"phase" enum:"filling,verifying,refused,switched,aborted" doc:"How far it is. filling: the event store is read. verifying: the new generation is compared with the events and the live one. refused: there are differences, and the live generation stays. switched: the new generation is live. aborted: somebody has ended it."`
	Generation generationDocument    `json:"generation" doc:"The generation that it fills."`
	Done       uint64                `json:"done" doc:"Orders that are done in this phase."`
	Total      uint64                `json:"total" doc:"How many there are; 0 while that is not known."`
	StartedAt  string                `json:"started_at,omitempty" format:"date-time" doc:"When it began."`
	Report     *verificationDocument `json:"report,omitempty" doc:"What the comparison has found, once it is over."`
	Error      string                `json:"error,omitempty" doc:"Why it does not get on at the moment. It is tried again."`
}

type processDocument struct {
	_ struct{} `additionalProperties:"true"`

	ID      uuid.UUID `json:"id" format:"uuid" doc:"New for every start of a process."`
	Address string    `json:"address" example:"http://10.0.0.7:8080" doc:"Where it answers."`
}

// consumerOperations tell how the consumers are; changing that is the business of others.
func (a *api) consumerOperations(d describer) []operation {
	return []operation{{
		id: "get-consumers", method: http.MethodGet, path: "/v1/consumers", tag: tagOperations, summary: "See how the consumers are, and how far behind",
		responses: d.responses(answers{http.StatusOK: d.answer("Every consumer.", consumersDocument{})}, 400, 500, 503, 504),
		run:       a.getConsumers,
	}}
}

func (a *api) getConsumers(c *call) (reply, error) {
	statuses := a.config.Consumers.Consumers(c.request.Context())
	document := consumersDocument{Consumers: make([]consumerDocument, 0, len(statuses))}
	for _, s := range statuses {
		document.Consumers = append(document.Consumers, consumerStatus(s))
	}
	return reply{body: document}, nil
}

func consumerStatus(s ports.ConsumerStatus) consumerDocument {
	document := consumerDocument{
		Name: s.Name, State: string(s.State), Live: generation(s.Live),
		Lag:    lagDocument{Events: s.Lag.Events, AgeSeconds: s.Lag.Age.Seconds(), Known: s.Lag.Known},
		Parked: s.Parked, Rebuild: rebuildStatus(s.Rebuild), Holder: process(s.Holder), Failure: failure(s.Failure),
		Handled: s.Handled, Duplicates: s.Duplicates, Healed: s.Healed, Retries: s.Retries, Expired: s.Expired,
	}
	if s.Headroom != nil {
		document.Lag.HeadroomSeconds = new(s.Headroom.Seconds())
	}
	if s.Previous.Number != 0 {
		document.Previous = new(generation(s.Previous))
	}
	if !s.OldestParked.IsZero() {
		document.OldestParked = timestamp(s.OldestParked)
	}
	return document
}

func generation(g ports.Generation) generationDocument {
	return generationDocument{Number: g.Number, Version: g.Version}
}

func rebuildStatus(s *ports.RebuildStatus) *rebuildDocument {
	if s == nil {
		return nil
	}
	document := &rebuildDocument{
		Phase: string(s.Phase), Generation: generation(s.Generation), Done: s.Done, Total: s.Total, StartedAt: instant(s.StartedAt), Error: s.Error,
	}
	if s.Report != nil {
		document.Report = new(verification(*s.Report))
	}
	return document
}

func process(owner ports.LeaseOwner) *processDocument {
	if owner == (ports.LeaseOwner{}) {
		return nil
	}
	return &processDocument{ID: owner.ID, Address: owner.Address}
}

func failure(f *ports.ConsumerFailure) *failureDocument {
	if f == nil {
		return nil
	}
	document := &failureDocument{
		SequenceNumber: f.SequenceNumber, Kind: string(f.Kind), Error: f.Error, Attempts: f.Attempts, Since: f.Since.UTC().Format(time.RFC3339Nano),
	}
	if f.AggregateID != uuid.Nil {
		document.OrderID = f.AggregateID.String()
	}
	return document
}
