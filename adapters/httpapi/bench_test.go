package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

// instant accepts every creation at no cost.
func instant(_ context.Context, request ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
	command := request.Command.(order.CreateOrder)
	return ports.CommandResult[order.Event]{AggregateID: command.OrderID, SequenceNumber: 1, Events: []eventsourcing.Envelope[order.Event]{{
		Header: eventsourcing.Header{
			AggregateType: "order",
			EventID:       request.CommandID, AggregateID: command.OrderID, SequenceNumber: 1, CommandID: request.CommandID,
			CorrelationID: request.CorrelationID, CausationID: request.CausationID, CreatedAt: noon,
		},
		Event: order.OrderCreated{CustomerID: command.CustomerID, Currency: command.Currency, Items: command.Items},
	}}}, nil
}

func bodyWith(items int) string {
	var lines []string
	for i := range items {
		lines = append(lines, fmt.Sprintf(`{"sku":"SKU-%06d","quantity":%d,"unit_price":1250}`, i, i%9+1))
	}
	return `{"order_id":"` + orderID + `","customer_id":"customer-4711","currency":"EUR","items":[` + strings.Join(lines, ",") + `]}`
}

func benchmarkConfig() apiConfig {
	shop := newShop()
	shop.handle = instant
	config := shop.config()
	config.NewID = uuid.New
	config.Registerer = prometheus.NewRegistry()
	return config
}

// discard is an http.ResponseWriter at no cost.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

// BenchmarkCreateOrder measures the work of this package on one command: all but the network and
// the command itself.
func BenchmarkCreateOrder(b *testing.B) {
	for _, items := range []int{1, 3, 1000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			handler := handlerOf(b, benchmarkConfig())
			body := bodyWith(items)
			r := post("/v1/orders", body).with("Idempotency-Key", "0195f3a0-0000-7000-8000-000000000009").http(context.Background())
			reader := strings.NewReader(body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				r.Body = io.NopCloser(reader)
				w := &discard{header: http.Header{}}
				handler.ServeHTTP(w, r)
				if w.status != http.StatusCreated {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// BenchmarkCreateOrder_overLoopback includes the network, with as many connections as there are
// clients in parallel.
func BenchmarkCreateOrder_overLoopback(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	config := benchmarkConfig()
	config.Listener = listener
	server, err := config.server()
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	client := &http.Client{Transport: transport}
	body := bodyWith(3)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			answer, err := client.Post("http://"+listener.Addr().String()+"/v1/orders", "application/json", strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}
	})
	b.StopTimer()
	transport.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
