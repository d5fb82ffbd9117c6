package orderjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
)

// header returns a header with every field set.
func header() eventsourcing.Header {
	return eventsourcing.Header{
		AggregateType:  "order",
		EventID:        uuid.MustParse("018f4e9a-0000-7000-8000-0000000000e1"),
		AggregateID:    uuid.MustParse("018f4e9a-0000-7000-8000-000000000001"),
		SequenceNumber: 7,
		CommandID:      uuid.MustParse("018f4e9a-0000-7000-8000-0000000000c1"),
		CorrelationID:  uuid.MustParse("018f4e9a-0000-7000-8000-0000000000c2"),
		CausationID:    uuid.MustParse("018f4e9a-0000-7000-8000-0000000000c3"),
		Metadata:       map[string]string{"who": "ada"},
		CreatedAt:      time.Date(2025, time.March, 31, 12, 0, 0, 0, time.UTC),
	}
}

func stored(name string, version int, payload string) eventsourcing.Record {
	return eventsourcing.Record{Header: header(), EventType: name, EventVersion: version, Payload: []byte(payload)}
}

func envelope(e order.Event) eventsourcing.Envelope[order.Event] {
	return eventsourcing.Envelope[order.Event]{Header: header(), Event: e}
}

// corpusFile is one stored payload with the event that it decodes to, under the name of its Go
// type.
type corpusFile struct {
	EventType    string                     `json:"event_type"`
	EventVersion int                        `json:"event_version"`
	Payload      json.RawMessage            `json:"payload"`
	Event        map[string]json.RawMessage `json:"event"`
}

// corpus reads testdata/corpus, by file name.
func corpus(t testing.TB) map[string]corpusFile {
	t.Helper()
	paths, err := filepath.Glob("testdata/corpus/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	files := map[string]corpusFile{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file corpusFile
		if err := strictly(data, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[filepath.Base(path)] = file
	}
	return files
}

// event returns the expected event and the name of its Go type.
func (f corpusFile) event() (goName string, e order.Event, err error) {
	if len(f.Event) != 1 {
		return "", nil, fmt.Errorf("%d events, want 1", len(f.Event))
	}
	for name, value := range f.Event {
		switch name {
		case "OrderCreated":
			e, err = read[order.OrderCreated](value)
		case "OrderItemsUpdated":
			e, err = read[order.OrderItemsUpdated](value)
		case "OrderConfirmed":
			e, err = read[order.OrderConfirmed](value)
		case "OrderShipped":
			e, err = read[order.OrderShipped](value)
		case "OrderDelivered":
			e, err = read[order.OrderDelivered](value)
		case "OrderCancelled":
			e, err = read[order.OrderCancelled](value)
		default:
			err = fmt.Errorf("unknown event %s", name)
		}
		goName = name
	}
	return goName, e, err
}

func read[E order.Event](data []byte) (order.Event, error) {
	var e E
	err := strictly(data, &e)
	return e, err
}

func strictly(data []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}
