// Command served runs the whole service as the binary does, and writes a CPU profile of it. With
// -bare it runs a plain server of net/http instead, which decodes commands and answers them.
//
// scripts/bench also builds this file against earlier versions of Orderflow. So it uses only what
// package bootstrap had from the beginning.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"orderflow/bootstrap"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "served:", err)
		os.Exit(1)
	}
}

func run() error {
	data := flag.String("data", "", "directory of the embedded store")
	listen := flag.String("listen", "", "address of the API")
	sink := flag.String("sink", "none", "as for orderflow serve")
	profile := flag.String("profile", "", "file for the CPU profile")
	bare := flag.Bool("bare", false, "run a plain server instead")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *bare {
		return serveBare(ctx, *listen)
	}
	config := bootstrap.DefaultConfig()
	config.Data, config.Listen, config.Sink = *data, *listen, *sink
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
	if err != nil {
		return err
	}
	f, err := os.Create(*profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	err = app.Run(ctx)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close(), app.Close())
}

// answer is a document like the one that answers a command.
type answer struct {
	OrderID        string  `json:"order_id"`
	CommandID      string  `json:"command_id"`
	Status         string  `json:"status"`
	SequenceNumber int     `json:"sequence_number"`
	Duplicate      bool    `json:"duplicate"`
	Events         []event `json:"events"`
}

type event struct {
	EventID   string    `json:"event_id"`
	EventType string    `json:"event_type"`
	Version   int       `json:"event_version"`
	Sequence  int       `json:"sequence_number"`
	CreatedAt time.Time `json:"created_at"`
}

// command has the fields of every command.
type command struct {
	OrderID          string `json:"order_id"`
	CustomerID       string `json:"customer_id"`
	Currency         string `json:"currency"`
	PaymentReference string `json:"payment_reference"`
	Carrier          string `json:"carrier"`
	TrackingNumber   string `json:"tracking_number"`
	Items            []struct {
		SKU       string `json:"sku"`
		Quantity  int64  `json:"quantity"`
		UnitPrice int64  `json:"unit_price"`
	} `json:"items"`
}

func serveBare(ctx context.Context, listen string) error {
	server := &http.Server{Addr: listen, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(answerBare)}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // it ends at once
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answerBare(w http.ResponseWriter, r *http.Request) {
	var c command
	body, err := io.ReadAll(r.Body)
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &c)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer{ // the client sees a broken answer
		OrderID: c.OrderID, CommandID: "018f4e9a-0000-7000-8000-000000000002", Status: "ACTIVE", SequenceNumber: 1,
		Events: []event{{
			EventID: "018f4e9a-0000-7000-8000-000000000003", EventType: "order.created", Version: 1, Sequence: 1, CreatedAt: time.Now().UTC(),
		}},
	})
}
