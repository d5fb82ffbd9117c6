package opsapi

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// System is what a process knows about itself.
type System struct {
	Version   string
	StartedAt time.Time
	// Store is the kind of the store, and Place where it is.
	Store, Place string
	// StoreID is the id of the store. It may be the nil UUID.
	StoreID uuid.UUID
	// Ready returns why the service cannot do its work, or nil.
	Ready func(context.Context) error
	// Settings are the settings of the process, in the order of their names. Secrets are masked.
	Settings []Setting
}

// Setting is one setting of a process.
type Setting struct {
	Name, Value string
	// Source says where the value comes from, such as --data or a line of a file. It is empty for a
	// default.
	Source string
}

type systemDocument struct {
	_ struct{} `additionalProperties:"true"`

	Version   string            `json:"version" example:"0.1.0 go1.26.8" doc:"The release of the program, and how it was built."`
	StartedAt string            `json:"started_at" format:"date-time" doc:"When the process started."`
	Now       string            `json:"now" format:"date-time" doc:"The clock of the process."`
	Store     storeDocument     `json:"store" doc:"Where the data is."`
	Ready     bool              `json:"ready" doc:"Whether the service can do its work, as /readyz says."`
	Reasons   string            `json:"reasons,omitempty" doc:"Why it is not ready, one reason a line."`
	Settings  []settingDocument `json:"settings" doc:"The settings of the process."`
}

type storeDocument struct {
	_ struct{} `additionalProperties:"true"`

	Kind  string    `json:"kind" example:"embedded" doc:"The kind of the store."`
	Place string    `json:"place" example:"data" doc:"Its directory, or its keyspace and nodes."`
	ID    uuid.UUID `json:"id,omitzero" format:"uuid" doc:"The id that it got when it was created."`
}

type settingDocument struct {
	_ struct{} `additionalProperties:"true"`

	Name   string `json:"name" example:"retention" doc:"The name, as a flag has it."`
	Value  string `json:"value" example:"24h0m0s" doc:"The value. A secret is masked."`
	Source string `json:"source" example:"ORDERFLOW_RETENTION" doc:"Where the value comes from: a flag, an environment variable, a line of the configuration file, or default."`
}

// sourceDefault is the source of a value that nobody has set.
const sourceDefault = "default"

func (r routes) system() []endpoint.Operation {
	if r.System == nil {
		return nil
	}
	return []endpoint.Operation{{
		Scope: ports.ScopeOpsRead,
		ID:    "get-system", Method: http.MethodGet, Path: "/v1/system", Tag: tag,
		Summary:  "See what this process is, where its data is, and its settings",
		Answers:  endpoint.OK("The process.", systemDocument{}),
		Problems: []int{400, 500},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			return endpoint.Reply{Body: systemOf(*r.System, r.System.Ready(c.Context()), r.Now())}, nil
		},
	}}
}

func systemOf(s System, notReady error, now time.Time) systemDocument {
	document := systemDocument{
		Version: s.Version, StartedAt: endpoint.Timestamp(s.StartedAt), Now: endpoint.Timestamp(now), Ready: true,
		Store:    storeDocument{Kind: s.Store, Place: s.Place, ID: s.StoreID},
		Settings: make([]settingDocument, 0, len(s.Settings)),
	}
	if notReady != nil {
		document.Ready, document.Reasons = false, notReady.Error()
	}
	for _, setting := range s.Settings {
		one := settingDocument{Name: setting.Name, Value: setting.Value, Source: setting.Source}
		if one.Source == "" {
			one.Source = sourceDefault
		}
		document.Settings = append(document.Settings, one)
	}
	return document
}
