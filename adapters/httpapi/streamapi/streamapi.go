package streamapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Config is what the routes need. Streams and Render are required.
type Config struct {
	Streams ports.EventStreams
	// Render returns an event as one line of JSON, without the line break.
	Render func(eventsourcing.Record) ([]byte, error)
	// Kinds are the kinds of aggregates of which one can be followed.
	Kinds []Kind
	// Filters are the parameters by which the stream of all can be filtered. Their names are those
	// of the properties.
	Filters []endpoint.Parameter
	// MostStreams bounds the streams of the process, and MostOfClient those of one client address.
	// Defaults: 256, 32.
	MostStreams, MostOfClient int
	// Registerer gets the metrics. Default: none are made.
	Registerer prometheus.Registerer
}

// Kind is a kind of aggregates: its type, and the path of all of them, such as /v1/orders.
type Kind struct{ Type, Path string }

const (
	tag = "streams"

	paramType     = "type"
	paramFrom     = "from"
	paramAfter    = "last_event_id"
	headerAfter   = "Last-Event-ID"
	headerAccept  = "Accept"
	fromNow       = "now"
	fromEarliest  = "earliest"
	mediaEvents   = "text/event-stream"
	codeTooMany   = "too_many_streams"
	maxAfter      = 128
	maxTypes      = 512
	patternTypes  = `^[A-Za-z0-9_.-]+(,[A-Za-z0-9_.-]+)*$`
	mustBeResumed = "was not given out by a stream of this store, or is ahead of it; start over without it"
)

// New returns the routes of streams.
func New(config Config) (endpoint.Resource, error) {
	if config.Streams == nil || config.Render == nil {
		return endpoint.Resource{}, errors.New("routes of streams: a port is missing")
	}
	r := &routes{Config: config, limits: newLimits(
		cmp.Or(config.MostStreams, 256), cmp.Or(config.MostOfClient, 32),
	)}
	if err := r.measure(config.Registerer); err != nil {
		return endpoint.Resource{}, err
	}
	var operations []endpoint.Operation
	for _, k := range config.Kinds {
		operations = append(operations, r.one(k))
	}
	return endpoint.Resource{
		Tags: []endpoint.Tag{{
			Name:        tag,
			Description: "Follow events as they are committed, as server-sent events or as lines of JSON.",
		}},
		Operations: append(operations, r.all()),
	}, nil
}

type routes struct {
	Config
	limits *limits
	figures
}

func (r *routes) one(k Kind) endpoint.Operation {
	noun := endpoint.Noun(k.Type)
	return endpoint.Operation{
		Scope: ports.ScopeStreamRead,
		ID:    "stream-" + strings.ReplaceAll(noun, " ", "-"), Method: http.MethodGet,
		Path: k.Path + "/{" + endpoint.ParamID + "}/stream", Tag: tag,
		Summary: "Follow the events of one " + noun,
		Description: "First the history, then every event as it is committed: each exactly once, in order. " +
			"The id of an event is its sequence number. " + resuming,
		Parameters: append([]endpoint.Parameter{endpoint.IDParameter(endpoint.ParamID, "The "+noun+".")},
			afterParameters("Continue after this sequence number. Default: 0, which is the whole history.", "7")...),
		Answers:  answers(),
		Problems: []int{400, 404, 409, 500, 503},
		// It ends when the client leaves.
		Unbounded: true,
		Rechecked: true,
		Run:       func(c *endpoint.Call) (endpoint.Reply, error) { return r.serve(c, r.openOne(k)) },
	}
}

func (r *routes) all() endpoint.Operation {
	parameters := append([]endpoint.Parameter{
		{
			Name: paramType, In: endpoint.InQuery, Description: "Only events of these types, separated by commas.",
			Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxTypes, Pattern: patternTypes},
			Must:   "must be event types that are separated by commas", Example: "order.created",
		},
		{
			Name: paramFrom, In: endpoint.InQuery,
			Description: "Where to start without an id: now, or as far back as the change feed goes.",
			Schema: endpoint.Schema{
				Type: endpoint.TypeString, Enum: []any{fromNow, fromEarliest}, Default: fromNow,
			},
		},
	}, r.Filters...)
	return endpoint.Operation{
		Scope: ports.ScopeStreamRead,
		ID:    "stream-all", Method: http.MethodGet, Path: "/v1/stream", Tag: tag,
		Summary: "Follow the events of all aggregates",
		Description: "They are in order for each aggregate. After a client has resumed, some may come again: " +
			"subject and sequence tell. The id of an event is a place in the change feed of the store. " +
			"A filter by a list passes events after which the aggregate is in that list. " + resuming,
		Parameters: append(parameters, afterParameters(
			"Continue after the event with this id. Default: what from says.", nil)...),
		Answers:   answers(),
		Problems:  []int{400, 500, 503},
		Unbounded: true,
		Rechecked: true,
		Run:       func(c *endpoint.Call) (endpoint.Reply, error) { return r.serve(c, r.openAll) },
	}
}

const resuming = "The answer ends when the client leaves, when the server stops, " +
	"or when the client takes nothing for 30 seconds. Then resume with the id of the last event."

func afterParameters(description string, example any) []endpoint.Parameter {
	schema := endpoint.Schema{Type: endpoint.TypeString, MaxLength: maxAfter, Pattern: "^[A-Za-z0-9_-]*$"}
	return []endpoint.Parameter{
		{
			Name: paramAfter, In: endpoint.InQuery, Description: description,
			Schema: schema, Must: mustBeResumed, Code: endpoint.CodeBadCursor, Example: example,
		},
		{
			Name: headerAfter, In: endpoint.InHeader, Schema: schema, Example: example,
			Description: "The same as " + paramAfter + ", and wins over it. Browsers send it when they connect again.",
		},
	}
}

func answers() []endpoint.Answer {
	return []endpoint.Answer{
		{
			Status: http.StatusOK, Media: mediaEvents, Document: endpoint.Schema{Type: endpoint.TypeString},
			Description: "Frames, for as long as the client stays: server-sent events by default, " +
				"or lines of JSON if Accept asks for " + endpoint.MediaLines + ".",
		},
		{Status: http.StatusOK, Media: endpoint.MediaLines, Document: frameDocument{}},
	}
}

// openOne returns the function that opens the stream of one aggregate.
func (r *routes) openOne(k Kind) func(*endpoint.Call, string) (ports.EventStream, error) {
	return func(c *endpoint.Call, after string) (ports.EventStream, error) {
		id := c.ReadAggregate(endpoint.ParamID, k.Type)
		var sequence uint64
		if after != "" {
			var err error
			if sequence, err = strconv.ParseUint(after, 10, 63); err != nil {
				return nil, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
			}
		}
		return r.Streams.StreamOne(c.Context(), k.Type, id, sequence)
	}
}

// openAll opens a stream of all aggregates.
func (r *routes) openAll(c *endpoint.Call, after string) (ports.EventStream, error) {
	request := ports.StreamRequest{After: after, Earliest: c.Text(paramFrom) == fromEarliest}
	if c.Has(paramType) {
		request.Types = strings.Split(c.Text(paramType), ",")
	}
	for _, p := range r.Filters {
		if c.Has(p.Name) {
			request.By = append(request.By, ports.StreamFilter{Property: p.Name, Key: c.Text(p.Name)})
		}
	}
	return r.Streams.StreamAll(c.Context(), request)
}

// after returns the id to continue after. It is "" when the client has none.
func after(c *endpoint.Call) string {
	if given := c.Header().Get(headerAfter); given != "" {
		return given
	}
	return c.Text(paramAfter)
}
