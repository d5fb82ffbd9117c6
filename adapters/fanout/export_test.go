package fanout

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
)

// LaneOf exports the distribution of aggregates over lanes to tests.
var LaneOf = laneOf

// NewMessage returns a message that carries record, for the benchmark.
func NewMessage(record eventsourcing.Record) *message.Message {
	return newMessage("consumer", &delivery{Context: context.Background(), records: []eventsourcing.Record{record}})
}

// RecordOf returns the record that a message of NewMessage carries, for the benchmark.
func RecordOf(msg *message.Message) eventsourcing.Record {
	d, _ := deliveryOf(msg)
	return d.records[0]
}

// NewLogger returns the logger that Watermill gets, for tests.
func NewLogger(to *slog.Logger) watermill.LoggerAdapter { return logger{to} }
