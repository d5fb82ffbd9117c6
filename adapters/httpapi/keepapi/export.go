package keepapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// chunk is how much is written at a time, about.
const chunk = 64 << 10

func (r routes) runExport(c *endpoint.Call) (endpoint.Reply, error) {
	request := ports.ExportRequest{
		Since: c.Time(paramSince), AggregateID: c.UUID(paramOrder), AggregateType: c.Text(paramType),
		Follow: c.Text(paramFollow) == "true", After: ports.Place(c.Text(paramAfter)),
	}
	out := c.Stream(endpoint.MediaLines)
	if c.HeadOnly() {
		return out.End(), nil
	}
	w := &writer{out: out, render: r.AppendRecord}
	report, err := r.Exporter.Export(c.Context(), request, w)
	if err != nil && errors.Is(err, errClient) {
		return out.End(), nil
	}
	if err != nil && !w.begun {
		out.End()
		return endpoint.Reply{}, err
	}
	last := lineDocument{End: &endDocument{Unreadable: report.Unreadable}}
	for _, u := range report.Shown {
		last.End.Shown = append(last.End.Shown,
			unreadableDocument{AggregateID: u.AggregateID.String(), SequenceNumber: u.SequenceNumber})
	}
	if err != nil {
		last = lineDocument{Problem: out.Problem(err)}
		if last.Problem == nil {
			return out.End(), nil // the client has left
		}
	}
	_ = w.control(last) // a client that has left sees no last line
	return out.End(), nil
}

// errClient means that the client takes nothing any more.
var errClient = errors.New("the client has left")

// writer is an export sink.
type writer struct {
	out    *endpoint.Stream
	render func([]byte, eventsourcing.Record) ([]byte, error)
	buffer []byte
	// begun says that a part of the answer was sent.
	begun bool
}

// Record implements [ports.ExportSink].
func (w *writer) Record(record eventsourcing.Record) (err error) {
	if w.buffer, err = w.render(w.buffer, record); err != nil {
		return err
	}
	if len(w.buffer) < chunk {
		return nil
	}
	return w.flush()
}

// Reached implements [ports.ExportSink].
func (w *writer) Reached(place ports.Place) error {
	return w.control(lineDocument{Place: string(place)})
}

// control sends a line of control, and what was written before.
func (w *writer) control(document lineDocument) error {
	line, err := json.Marshal(document)
	if err != nil {
		return err
	}
	w.buffer = append(append(w.buffer, line...), '\n')
	return w.flush()
}

func (w *writer) flush() error {
	w.begun = true
	err := w.out.Write(w.buffer)
	w.buffer = w.buffer[:0]
	if err != nil {
		return fmt.Errorf("%w: %w", errClient, err)
	}
	return nil
}
