package fanout

import (
	"context"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
)

// LaneOf gives tests the distribution of aggregates over lanes.
var LaneOf = laneOf

// NewMessage gives the benchmark the message that carries record.
func NewMessage(record eventsourcing.Record) *message.Message {
	return newMessage("consumer", &delivery{Context: context.Background(), records: []eventsourcing.Record{record}})
}

// RecordOf gives the benchmark what a message of NewMessage carries.
func RecordOf(msg *message.Message) eventsourcing.Record {
	d, _ := deliveryOf(msg)
	return d.records[0]
}

// NewLogger gives tests the logger that Watermill gets.
func NewLogger(to *slog.Logger) watermill.LoggerAdapter { return logger{to} }
