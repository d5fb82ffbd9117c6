package opsapi

import (
	"log/slog"
	"net/http"
	"strings"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

// levels are the levels of the log by their names.
func levels() map[string]slog.Level {
	return map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
}

const mustBeLevel = "must be debug, info, warn or error"

type levelBody struct {
	Level string `json:"level" enum:"debug,info,warn,error" example:"debug" doc:"The lowest level that is logged from now on."`
}

func (b *levelBody) Read(r *strictjson.Reader) {
	r.Object(strictjson.Member{Name: "level", Required: true, Read: func() { b.Level = r.Text() }})
}

func (b *levelBody) check() []endpoint.FieldError {
	if _, known := levels()[b.Level]; known {
		return nil
	}
	return []endpoint.FieldError{{Field: "level", Message: mustBeLevel}}
}

type levelDocument struct {
	_ struct{} `additionalProperties:"true"`

	Level string `json:"level" example:"info" doc:"The lowest level that is logged."`
}

// logLevel returns the operations about the log of the process.
func (r routes) logLevel() []endpoint.Operation {
	if r.LogLevels == nil {
		return nil
	}
	answer := func() endpoint.Reply {
		return endpoint.Reply{Body: levelDocument{Level: strings.ToLower(r.LogLevels.LogLevel().String())}}
	}
	return []endpoint.Operation{
		{
			ID: "get-log-level", Method: http.MethodGet, Path: "/v1/log-level", Tag: tag, Scope: ports.ScopeOpsRead,
			Summary:  "See from which level on the process logs",
			Answers:  endpoint.OK("The level.", levelDocument{}),
			Problems: []int{400},
			Run:      func(*endpoint.Call) (endpoint.Reply, error) { return answer(), nil },
		},
		{
			ID: "set-log-level", Method: http.MethodPut, Path: "/v1/log-level", Tag: tag, Scope: ports.ScopeOpsWrite,
			Summary: "Change from which level on the process logs",
			Description: "It concerns this process only, until it ends or gets SIGHUP, " +
				"which reads the level from the configuration file again.",
			Parameters: []endpoint.Parameter{reasonParameter()},
			Body:       &endpoint.Body{Document: levelBody{}, Required: true},
			Answers:    endpoint.OK("The new level.", levelDocument{}),
			Problems:   []int{400, 403, 408, 413, 415, 500, 503, 504, 507},
			Run: func(c *endpoint.Call) (endpoint.Reply, error) {
				var body levelBody
				if err := c.ReadBody(true, body.Read, body.check); err != nil {
					return endpoint.Reply{}, err
				}
				if wrong := body.check(); wrong != nil {
					return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
				}
				err := r.LogLevels.SetLogLevel(c.Context(), levels()[body.Level])
				return answer(), err
			},
		},
	}
}
