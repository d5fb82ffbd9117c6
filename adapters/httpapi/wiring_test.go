package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/exportfile"
	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/erasureapi"
	"orderflow/adapters/httpapi/keepapi"
	"orderflow/adapters/httpapi/opsapi"
	"orderflow/adapters/httpapi/orderapi"
	"orderflow/adapters/httpapi/sessionapi"
	"orderflow/adapters/httpapi/streamapi"
	"orderflow/domain/order"
	"orderflow/ports"
)

// apiConfig is the configuration of a whole API: the server, and the routes of orders and for
// operators.
type apiConfig struct {
	serverConfig
	orderConfig
	opsConfig
	keepConfig
	streams  streamConfig
	sessions sessionapi.Config
	erasures ports.Erasures
}

type (
	serverConfig = httpapi.Config
	orderConfig  = orderapi.Config
	opsConfig    = opsapi.Config
	keepConfig   = keepapi.Config
	streamConfig = streamapi.Config
)

// server puts the parts together.
func (c apiConfig) server() (*httpapi.Server, error) {
	orders, err := orderapi.New(c.orderConfig)
	if err != nil {
		return nil, err
	}
	operators, err := opsapi.New(c.opsConfig)
	if err != nil {
		return nil, err
	}
	live, err := streamapi.New(c.streams)
	if err != nil {
		return nil, err
	}
	copies, err := keepapi.New(c.keepConfig)
	if err != nil {
		return nil, err
	}
	personal, err := erasureapi.New(c.erasures)
	if err != nil {
		return nil, err
	}
	c.Resources = append(c.Resources, orders, live, operators, copies, personal, sessionapi.New(c.sessions))
	return httpapi.New(c.serverConfig)
}

// config connects a shop, with a keeper of consumers that has nothing to do.
func (s *shop) config() apiConfig {
	k := &keeper{}
	return apiConfig{
		orderConfig: orderConfig{Commands: s, Orders: s, Lists: s, Explainer: s, Codec: codec{}, NewID: s.newID},
		opsConfig: opsConfig{
			Consumers: s, Tables: s, Verifier: s, VerifyMonitor: s, TopicVerifier: s, AsyncAPI: []byte("asyncapi: 3.0.0\n"), Explainer: s,
			TokenManager: &desk{}, Operations: &desk{}, LogLevels: &dial{}, Snapshots: &drawer{}, Manager: k, Rebuilder: k, Parked: k, Skips: k, Records: k, Now: func() time.Time { return noon },
		},
		keepConfig: keepConfig{Exporter: &exporter{}, Backups: backups{}, AppendRecord: exportfile.AppendRecord},
		streams: streamConfig{
			Streams: &streams{}, Render: cloudevents.Encode, Kinds: []streamapi.Kind{{Type: order.Type, Path: orderapi.Path}},
			Filters: orderapi.StreamFilters(),
		},
		sessions: sessionapi.Config{Sessions: &lobby{}, Logins: &lobby{}},
		erasures: &eraser{},
	}
}

func handlerOf(t testing.TB, config apiConfig) http.Handler {
	t.Helper()
	server, err := config.server()
	if err != nil {
		t.Fatal(err)
	}
	return server
}
