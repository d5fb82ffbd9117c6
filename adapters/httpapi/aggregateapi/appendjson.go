package aggregateapi

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
)

var (
	_ endpoint.Appender = CommandDocument{}
	_ endpoint.Appender = EventsDocument{}
)

// AppendJSON implements [endpoint.Appender].
func (d CommandDocument) AppendJSON(b []byte) []byte {
	b = d.Aggregate.AppendMembers(append(b, '{'))
	b = endpoint.AppendNumber(b, "sequence_number", d.SequenceNumber)
	return append(appendEvents(append(b, ','), d.Events), '}')
}

// AppendJSON implements [endpoint.Appender].
func (d EventsDocument) AppendJSON(b []byte) []byte {
	b = appendEvents(append(b, '{'), d.Events)
	if d.NextAfter != 0 {
		b = endpoint.AppendNumber(b, "next_after", d.NextAfter)
	}
	return append(b, '}')
}

func appendEvents(b []byte, events []EventDocument) []byte {
	b = append(b, `"events":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = events[i].appendJSON(b)
	}
	return append(b, ']')
}

// appendJSON appends an event. Data is JSON without spaces between the tokens, as the codec writes
// it.
func (d *EventDocument) appendJSON(b []byte) []byte {
	id := func(name string, value uuid.UUID) {
		b = endpoint.AppendUUID(append(append(append(b, `,"`...), name...), `":`...), value)
	}
	b = endpoint.AppendUUID(append(b, `{"event_id":`...), d.EventID)
	id("aggregate_id", d.AggregateID)
	b = endpoint.AppendText(append(b, `,"aggregate_type":`...), d.AggregateType)
	b = endpoint.AppendNumber(b, "sequence_number", d.SequenceNumber)
	b = endpoint.AppendText(append(b, `,"event_type":`...), d.EventType)
	b = endpoint.AppendNumber(b, "event_version", uint64(d.EventVersion))
	id("command_id", d.CommandID)
	id("correlation_id", d.CorrelationID)
	id("causation_id", d.CausationID)
	b = appendTexts(append(b, `,"metadata":`...), d.Metadata)
	b = endpoint.AppendText(append(b, `,"created_at":`...), d.CreatedAt)
	return append(append(append(b, `,"data":`...), d.Data...), '}')
}

// appendTexts appends texts by their names, sorted.
func appendTexts(b []byte, texts map[string]string) []byte {
	b = append(b, '{')
	if len(texts) > 0 {
		for i, name := range slices.Sorted(maps.Keys(texts)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = endpoint.AppendText(append(endpoint.AppendText(b, name), ':'), texts[name])
		}
	}
	return append(b, '}')
}
