// Package keepapi has the routes with which what is stored is copied out of the service: the export
// of histories, and the backup of the whole store.
//
// # Export
//
// The answer is lines of JSON. The lines of records are those of an export file. Between them there
// are lines of control:
//
//	{"place":"…"}     everything up to this place of the change feed has come
//	{"end":{…}}       the export is complete; the last line
//	{"problem":{…}}   it is not; the last line
//
// While an export follows, the place comes at least every 15 seconds.
package keepapi

import (
	"errors"
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what the routes need. Exporter and AppendRecord are required.
type Config struct {
	Exporter ports.Exporter
	// Backups is behind /v1/backup. Default: there is no such route.
	Backups ports.Backups
	// AppendRecord appends the line of a record to b, with its line end.
	AppendRecord func(b []byte, record eventsourcing.Record) ([]byte, error)
}

type routes struct{ Config }

const tag = "copies"

// New returns the routes.
func New(config Config) (endpoint.Resource, error) {
	if config.Exporter == nil || config.AppendRecord == nil {
		return endpoint.Resource{}, errors.New("routes for copies: a port is missing")
	}
	r := routes{config}
	resource := endpoint.Resource{
		Tags:       []endpoint.Tag{{Name: tag, Description: "Copy what is stored out of the service."}},
		Operations: []endpoint.Operation{r.export()},
	}
	if config.Backups != nil {
		resource.Operations = append(resource.Operations, r.backup())
	}
	return resource, nil
}

// Names of the parameters.
const (
	paramSince  = "since"
	paramOrder  = "order"
	paramType   = "type"
	paramFollow = "follow"
	paramAfter  = "after"
)

func (r routes) export() endpoint.Operation {
	text := endpoint.TypeString
	return endpoint.Operation{
		// It has the personal data of everybody.
		Scope: ports.ScopeAdmin,
		ID:    "export", Method: http.MethodGet, Path: "/v1/export", Tag: tag,
		Summary: "Read the stored events of all aggregates, as they are stored",
		Description: "One history after the other, each in sequence order. With follow, what is committed later comes, too, " +
			"until the client leaves. Events may come again then. " +
			"The last line is end or problem; without one of them the answer is not complete.",
		Parameters: []endpoint.Parameter{
			{
				Name: paramSince, In: endpoint.InQuery, Example: "2026-05-01T00:00:00Z",
				Description: "Leave out the events of each aggregate before the first one that was created at this time or later.",
				Schema:      endpoint.Schema{Type: text, Format: endpoint.FormatDateTime},
			},
			{
				Name: paramOrder, In: endpoint.InQuery, Description: "Only the aggregate with this id.",
				Schema: endpoint.UUIDSchema(),
			},
			{
				Name: paramType, In: endpoint.InQuery, Description: "Only aggregates of this type.", Example: "order",
				Schema: endpoint.Schema{Type: text, MinLength: 1, MaxLength: 64},
			},
			{
				Name: paramFollow, In: endpoint.InQuery, Description: "Whether to go on with what is committed later.",
				Schema: endpoint.Schema{Type: text, Enum: []any{"true", "false"}, Default: "false"},
			},
			{
				Name: paramAfter, In: endpoint.InQuery,
				Description: "Only what was committed after this place, up to now.",
				Schema:      endpoint.Schema{Type: text, MinLength: 1, MaxLength: 64, Pattern: "^[!-~]+$"},
				Must:        "must be the place of an earlier export",
			},
		},
		Answers: []endpoint.Answer{{
			Status: http.StatusOK, Description: "Lines of JSON: records, and lines of control.",
			Document: lineDocument{}, Media: endpoint.MediaLines,
		}},
		Problems:  []int{400, 500, 503},
		Unbounded: true,
		Rechecked: true,
		Run:       r.runExport,
	}
}

// lineDocument is a line of control. The lines of records have the members of the table of events.
type lineDocument struct {
	_ struct{} `additionalProperties:"true"`

	Place   string            `json:"place,omitempty" doc:"Everything up to this place of the change feed has come."`
	End     *endDocument      `json:"end,omitempty" doc:"The export is complete; on the last line."`
	Problem *endpoint.Problem `json:"problem,omitempty" doc:"Why the export is not complete; on the last line."`
}

type endDocument struct {
	_ struct{} `additionalProperties:"true"`

	Unreadable uint64               `json:"unreadable" doc:"Aggregates of which an event cannot be read. Their histories end before it."`
	Shown      []unreadableDocument `json:"shown,omitempty" doc:"The first of these events."`
}

type unreadableDocument struct {
	_ struct{} `additionalProperties:"true"`

	AggregateID    string `json:"aggregate_id" format:"uuid" doc:"The aggregate."`
	SequenceNumber uint64 `json:"sequence_number" doc:"The event."`
}
