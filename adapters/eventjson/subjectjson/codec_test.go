package subjectjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/eventjson/subjectjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/subject"
	"orderflow/ports"
)

type stored struct {
	EventType    string          `json:"event_type"`
	EventVersion int             `json:"event_version"`
	Payload      json.RawMessage `json:"payload"`
	Event        json.RawMessage `json:"event"`
}

func corpus(t *testing.T) map[string]stored {
	t.Helper()
	paths, err := filepath.Glob("testdata/corpus/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	files := map[string]stored{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file stored
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		files[filepath.Base(path)] = file
	}
	return files
}

func record(file stored) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			EventID: uuid.UUID{1}, AggregateType: subject.Type, AggregateID: subject.ID("0a1b2c"), SequenceNumber: 1,
			CommandID: uuid.UUID{2}, CorrelationID: uuid.UUID{2}, CausationID: uuid.UUID{2},
			CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
		EventType: file.EventType, EventVersion: file.EventVersion, Payload: file.Payload,
	}
}

// What was stored decodes to what it meant, and what is encoded now is what was stored. So no event
// of the domain is unknown to the codec, and no name or field can change unnoticed.
func TestCorpus_decodesAndComesBack(t *testing.T) {
	t.Parallel()
	want := map[string]subject.Event{}
	for name, file := range corpus(t) {
		var err error
		switch file.EventType {
		case "subject.erasure_requested":
			var e subject.ErasureRequested
			err = json.Unmarshal(file.Event, &e)
			want[name] = e
		case "subject.erased":
			var e subject.Erased
			err = json.Unmarshal(file.Event, &e)
			want[name] = e
		default:
			t.Fatalf("%s: this test does not know the type", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := subjectjson.New().Decode(record(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want[name], decoded.Event); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		again, err := subjectjson.New().Encode(decoded)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, file.Payload); err != nil {
			t.Fatal(err)
		}
		if again.EventType != file.EventType || again.EventVersion != file.EventVersion || compact.String() != string(again.Payload) {
			t.Errorf("%s: encoded as %s v%d %s, want %s", name, again.EventType, again.EventVersion, again.Payload, compact.String())
		}
	}
	if len(want) != 2 {
		t.Errorf("the corpus has %d files", len(want))
	}
}

func TestDecode_refusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, file := range corpus(t) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(file.Payload, &fields); err != nil {
			t.Fatal(err)
		}
		for field := range fields {
			without := map[string]json.RawMessage{}
			for other, value := range fields {
				if other != field {
					without[other] = value
				}
			}
			payload, err := json.Marshal(without)
			if err != nil {
				t.Fatal(err)
			}
			broken := file
			broken.Payload = payload
			if _, err := subjectjson.New().Decode(record(broken)); !errors.Is(err, ports.ErrCorrupt) {
				t.Errorf("%s without %s: %v", name, field, err)
			}
		}
	}
}
