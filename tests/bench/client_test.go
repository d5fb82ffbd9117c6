package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"orderflow/application/orders"
	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// throughHandler sends commands to the command handler.
func throughHandler(_ testing.TB, s *service) workload.Handle {
	return func(ctx context.Context, c order.Command) error {
		_, err := s.commands.Handle(ctx, orders.Request{Command: c})
		return err
	}
}

// throughHTTP sends commands to the API over persistent connections.
func throughHTTP(tb testing.TB, s *service) workload.Handle {
	tb.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	tb.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func(ctx context.Context, c order.Command) error {
		request, err := newRequest(ctx, s.url(), c)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }() // it was read to the end
		answer, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode/100 != 2 {
			err = fmt.Errorf("%s: %s", response.Status, answer)
		}
		return err
	}
}

type object = map[string]any

func newRequest(ctx context.Context, url string, c order.Command) (*http.Request, error) {
	method, path, body := http.MethodPost, "/v1/orders/"+c.AggregateID().String(), object{}
	switch c := c.(type) {
	case order.CreateOrder:
		path = "/v1/orders"
		body = object{"order_id": c.OrderID, "customer_id": c.CustomerID, "currency": c.Currency, "items": items(c.Items)}
	case order.UpdateItems:
		method, path, body = http.MethodPut, path+"/items", object{"items": items(c.Items)}
	case order.ConfirmOrder:
		path, body = path+"/confirm", object{"payment_reference": c.PaymentReference}
	case order.ShipOrder:
		path, body = path+"/ship", object{"carrier": c.Carrier, "tracking_number": c.TrackingNumber}
	case order.DeliverOrder:
		path += "/deliver"
	default:
		return nil, fmt.Errorf("%s has no route here", c.Name())
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

func items(items []order.Item) []object {
	lines := make([]object, len(items))
	for i, item := range items {
		lines[i] = object{"sku": item.SKU, "quantity": item.Quantity, "unit_price": item.UnitPrice}
	}
	return lines
}
