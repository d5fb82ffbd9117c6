package bootstrap

import (
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/orderapi"
	"orderflow/adapters/httpapi/streamapi"
	"orderflow/application/stream"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/domain/order/views"
)

// streamRoutes returns the routes of live streams. Another list to filter by is one more property,
// and one more parameter of orderapi.StreamFilters.
func (a *App) streamRoutes(registerer prometheus.Registerer) (endpoint.Resource, error) {
	a.streams = stream.New(stream.Config{
		Tails: a.store.tails, Store: a.store, History: a.store, Identity: a.store, Codec: a.codec,
		Properties: []stream.Property{
			{Name: orderapi.FilterCustomer, Projection: views.OrdersByCustomer()},
			{Name: orderapi.FilterStatus, Projection: views.OrdersByStatus()},
			{Name: orderapi.FilterSKU, Projection: views.OrdersBySKU()},
		},
	})
	return streamapi.New(streamapi.Config{
		Streams: a.customers.streams(a.streams), Render: a.renderEvent,
		Kinds:   []streamapi.Kind{{Type: order.Type, Path: orderapi.Path}},
		Filters: orderapi.StreamFilters(), Registerer: registerer,
		MostStreams: a.config.MostStreams, MostOfClient: a.config.MostStreamsOfClient,
	})
}

// renderEvent renders an event for a live stream, with open fields like the other routes.
func (a *App) renderEvent(r eventsourcing.Record) ([]byte, error) {
	opened, err := a.codec.Open(r)
	if err != nil {
		return nil, err
	}
	return cloudevents.Encode(opened)
}
