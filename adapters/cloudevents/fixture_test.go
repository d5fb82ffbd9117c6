package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func newRecord(aggregateID uuid.UUID, sequenceNumber uint64) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType:  "order",
			EventID:        uuid.Must(uuid.NewV7()),
			AggregateID:    aggregateID,
			SequenceNumber: sequenceNumber,
			CommandID:      uuid.New(),
			CorrelationID:  uuid.New(),
			CausationID:    uuid.New(),
			CreatedAt:      time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		},
		EventType:    "order.created",
		EventVersion: 2,
		Payload:      fmt.Appendf(nil, `{"n":%d}`, sequenceNumber),
	}
}

func history(n int) []eventsourcing.Record {
	id := uuid.New()
	var records []eventsourcing.Record
	for i := range n {
		records = append(records, newRecord(id, uint64(i)+1))
	}
	return records
}

// event is a line in the form that a receiver decodes.
type event struct {
	SpecVersion     string          `json:"specversion"`
	ID              uuid.UUID       `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         uuid.UUID       `json:"subject"`
	Time            time.Time       `json:"time"`
	Sequence        string          `json:"sequence"`
	EventVersion    int             `json:"eventversion"`
	AggregateType   string          `json:"aggregatetype"`
	CommandID       uuid.UUID       `json:"commandid"`
	CorrelationID   uuid.UUID       `json:"correlationid"`
	CausationID     uuid.UUID       `json:"causationid"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	DataBase64      []byte          `json:"data_base64"`
}

// decode decodes lines. All of them must be complete events.
func decode(t testing.TB, lines []byte) []eventsourcing.Record {
	t.Helper()
	var records []eventsourcing.Record
	for line := range bytes.Lines(lines) {
		var e event
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil || !bytes.HasSuffix(line, []byte("\n")) {
			t.Fatalf("line %q: %v", line, err)
		}
		sequenceNumber, err := strconv.ParseUint(e.Sequence, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, eventsourcing.Record{
			Header: eventsourcing.Header{
				AggregateType: e.AggregateType,
				EventID:       e.ID, AggregateID: e.Subject, SequenceNumber: sequenceNumber, CreatedAt: e.Time,
				CommandID: e.CommandID, CorrelationID: e.CorrelationID, CausationID: e.CausationID,
			},
			EventType: e.Type, EventVersion: e.EventVersion, Payload: append([]byte(e.Data), e.DataBase64...),
		})
	}
	return records
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decodeFile(t testing.TB, path string) []eventsourcing.Record {
	t.Helper()
	return decode(t, readFile(t, path))
}

// encoded returns records as lines.
func encoded(t testing.TB, records ...eventsourcing.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	p := cloudevents.NewWriter(&out, cloudevents.Config{})
	publish(t, p, records...)
	closePublisher(t, p)
	return out.Bytes()
}

func publish(t testing.TB, p *cloudevents.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	for _, r := range records {
		if err := p.Publish(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func openFile(t testing.TB, path string) *cloudevents.Publisher {
	t.Helper()
	p, err := cloudevents.OpenFile(path, cloudevents.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePublisher(t, p) })
	return p
}

func closePublisher(t testing.TB, p *cloudevents.Publisher) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func tempPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "events.jsonl")
}

func isRetryable(err error) bool {
	return errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrOutcomeUnknown)
}

// lockedBuffer is a writer that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
