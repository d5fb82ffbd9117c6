// Package opsapi has the routes for operators: the state of the consumers and operations on them,
// verification, and reads of what is stored. It knows no aggregate type.
//
// # Consumers
//
// The operations on consumers are below /v1/consumers: read their state, pause, resume, reset and
// rebuild them, and retry or skip what they have parked. These requests change how the service
// works, and no aggregate. Each can be repeated: to pause a paused consumer changes nothing. The
// exception is a skip. It skips the event that fails now. A repetition skips the next event, if
// that fails too, unless the request names the event.
//
// The package has about 2,000 lines. Each file has the routes of one resource, and nothing of the
// others but the texts that several descriptions share.
package opsapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what the routes need. Consumers, Tables and Now are required.
type Config struct {
	Consumers ports.ConsumerMonitor
	Tables    ports.Tables
	// Manager, Rebuilder and Parked are behind the routes below /v1/consumers/{name}. Default:
	// there are no such routes.
	Manager   ports.ConsumerManager
	Rebuilder ports.Rebuilder
	Parked    ports.ParkingManager
	// Skips is behind the routes of skipped events. Default: there are no such routes.
	Skips ports.SkipManager
	// Records reads which events of a parked aggregate wait. It is required with Parked.
	Records Records
	// Verifier is behind /v1/verify, and TopicVerifier behind /v1/verify/topic. Default: there are
	// no such routes.
	Verifier      ports.Verifier
	TopicVerifier ports.TopicVerifier
	// TokenManager is behind /v1/tokens, and Operations behind /v1/operations. Default: there are
	// no such routes.
	TokenManager ports.TokenManager
	Operations   OperationLog
	// VerifyMonitor is behind GET /v1/verify, with Verifier. Default: there is no such route.
	VerifyMonitor ports.VerifyMonitor
	// Explainer is behind /v1/aggregates/{id}/explain. Default: there is no such route.
	Explainer ports.Explainer
	// AsyncAPI is the document behind /asyncapi.yaml, which describes the messages that are
	// published. Default: there is no such route.
	AsyncAPI []byte
	// System is behind /v1/system. Default: there is no such route.
	System *System
	// Snapshots is behind /v1/snapshots. Default: there is no such route.
	Snapshots ports.SnapshotDropper
	// LogLevels is behind /v1/log-level. Default: there is no such route.
	LogLevels ports.LogLevels
	// Profiles adds routes for the profiles of the Go runtime, below /debug/pprof.
	Profiles bool
	// Now is the clock, for requests about the present.
	Now func() time.Time
}

// Records reads events as they are stored: an event may be waiting because it cannot be decoded.
type Records interface {
	// Load is as in ports.EventStore.
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// OperationLog reads what operators have done.
type OperationLog interface {
	// Operations is as in ports.OperationLog.
	Operations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error)
}

// routes serve the operations.
type routes struct{ Config }

const (
	tag = "operations"
	// largeReads is how many explanations of more than 100 events are made at once.
	largeReads = 8
)

// New returns the routes for operators.
func New(config Config) (endpoint.Resource, error) {
	if config.Consumers == nil || config.Tables == nil || config.Now == nil ||
		config.Parked != nil && config.Records == nil {
		return endpoint.Resource{}, errors.New("routes for operators: a port is missing")
	}
	r := routes{config}
	resource := endpoint.Resource{Tags: []endpoint.Tag{{
		Name: tag, Description: "Operate the service. " +
			"Without authentication, make sure that only operators reach these paths.",
	}}}
	resource.Operations = append(resource.Operations, r.consumers())
	for _, some := range [][]endpoint.Operation{
		r.management(), r.rebuilds(), r.parked(), r.skips(), r.looks(), r.verification(), r.topic(), r.system(),
		r.operations(), r.tokens(), r.snapshots(), r.logLevel(), r.profiles(),
	} {
		resource.Operations = append(resource.Operations, some...)
	}
	if config.Explainer != nil {
		ofAnyType := aggregateapi.Kind{Path: "/v1/aggregates", Read: ports.ScopeOpsRead}
		resource.Operations = append(resource.Operations,
			aggregateapi.Explain(ofAnyType, config.Explainer, aggregateapi.NewLarge(largeReads), tag))
	}
	if len(config.AsyncAPI) > 0 {
		resource.Operations = append(resource.Operations, endpoint.Operation{
			Scope: ports.ScopeOpen,
			ID:    "get-asyncapi", Method: http.MethodGet, Path: "/asyncapi.yaml", Tag: tag,
			Summary: "Read the description of the messages that are published",
			Answers: []endpoint.Answer{{
				Status: http.StatusOK, Description: "AsyncAPI 3.", Media: mediaYAML,
				Document: endpoint.Schema{Type: endpoint.TypeObject},
			}},
			Handler: document{mediaYAML, config.AsyncAPI},
		})
	}
	return resource, nil
}

const mediaYAML = "application/yaml"

// document is an http.Handler that answers with the same bytes each time.
type document struct {
	media string
	text  []byte
}

func (d document) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", d.media)
	_, _ = w.Write(d.text) // the client has left, or the connection will tell the server
}

// consumerNames returns the names of the consumers, for clients that have misspelt one.
func (r routes) consumerNames(ctx context.Context) []string {
	statuses := r.Consumers.Consumers(ctx)
	names := make([]string, len(statuses))
	for i, s := range statuses {
		names[i] = s.Name
	}
	return names
}

// Names of the parameters in paths and queries.
const (
	paramName        = "name"
	paramAggregateID = "aggregate_id"
	paramPatience    = "patience"
	paramFrom        = "from"
)

func consumerParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramName, In: endpoint.InPath, Description: "The consumer.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1}, Example: "orders-by-sku",
	}
}

func tableParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramName, In: endpoint.InPath, Description: "The table.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1}, Example: "event_store",
	}
}

func parkedParameter() endpoint.Parameter {
	return endpoint.IDParameter(paramAggregateID, "The aggregate.")
}

// upTo10m is the pattern of a duration of at most 10 minutes.
const upTo10m = `^(0|([0-9]{1,2}|[1-5][0-9]{2})(\.[0-9]{1,9})?s|600s|([0-9]{1,5}|[1-5][0-9]{5})(\.[0-9]{1,6})?ms|600000ms` +
	`|[0-9]m(([0-9]|[1-5][0-9])(\.[0-9]{1,9})?s)?|10m(0s)?)$`

func patienceParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramPatience, In: endpoint.InQuery,
		Description: "How long a difference may last that concurrent writes explain, such as 10s or 1m30s, at most 10m.",
		Schema:      endpoint.Schema{Type: endpoint.TypeString, Pattern: upTo10m, Default: "0s"},
		Must:        "must be a duration such as 10s or 1m30s, at most 10m", Example: "10s",
	}
}

const mustBeOffset = "must be " + fromBegin + " or an offset"

func fromParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramFrom, In: endpoint.InQuery,
		Description: "The offset in each partition to begin with, or begin for the whole topic. " +
			"From an offset on, an aggregate is compared from its first event after the offset.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, Pattern: `^(begin|[0-9]{1,18})$`, Default: fromBegin},
		Must:   mustBeOffset, Example: "1000",
	}
}
