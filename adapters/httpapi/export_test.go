package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// exporter exports some records, and then ends with an error.
type exporter struct {
	asked   ports.ExportRequest
	records []eventsourcing.Record
	report  ports.ExportReport
	err     error
}

func (e *exporter) Export(
	_ context.Context, request ports.ExportRequest, sink ports.ExportSink,
) (ports.ExportReport, error) {
	e.asked = request
	for _, r := range e.records {
		if err := sink.Record(r); err != nil {
			return e.report, err
		}
		if err := sink.Reached("42"); err != nil {
			return e.report, err
		}
	}
	return e.report, e.err
}

// orderOne is the id of some order.
var orderOne = uuid.UUID{0: 1, 6: 0x70, 8: 0x80}

func TestExport(t *testing.T) {
	t.Parallel()
	record := eventsourcing.Record{
		Header:    eventsourcing.Header{AggregateType: "order", AggregateID: orderOne, SequenceNumber: 1, CreatedAt: noon},
		EventType: "order.created", EventVersion: 1, Payload: []byte(`{"a":"<b>"}`),
	}
	tests := []struct {
		name     string
		exporter exporter
		status   int
		lines    []string // what each line contains
	}{
		{"all", exporter{records: []eventsourcing.Record{record}}, 200, []string{`"payload":{"a":"<b>"}`, `{"place":"42"}`, `{"end":{"unreadable":0}}`}},
		{"nothing", exporter{}, 200, []string{`{"end":{"unreadable":0}}`}},
		{"an event that cannot be read", exporter{report: ports.ExportReport{
			Unreadable: 1, Shown: []ports.UnreadableEvent{{AggregateID: orderOne, SequenceNumber: 3}},
		}}, 200, []string{`"sequence_number":3`}},
		{"an error before the answer", exporter{err: ports.ErrUnavailable}, 503, nil},
		{"a wrong place", exporter{err: ports.ErrBadCursor}, 400, nil},
		{
			"an error in the answer",
			exporter{records: []eventsourcing.Record{record}, err: errors.New("boom")},
			200,
			[]string{`"payload"`, `"place"`, `{"problem":{`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newShop()
			config := s.config()
			config.Exporter = &tt.exporter
			answer := httptest.NewRecorder()
			handlerOf(t, config).ServeHTTP(answer, httptest.NewRequest(http.MethodGet,
				"/v1/export?since=2026-05-01T00:00:00Z&type=order&follow=true&after=41", nil))
			if answer.Code != tt.status {
				t.Fatalf("%d: %s", answer.Code, answer.Body)
			}
			want := ports.ExportRequest{
				Since: time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC), AggregateType: "order", Follow: true, After: "41",
			}
			if tt.exporter.asked != want {
				t.Errorf("asked for %+v, want %+v", tt.exporter.asked, want)
			}
			if tt.status != 200 {
				return
			}
			lines := strings.Split(strings.TrimSuffix(answer.Body.String(), "\n"), "\n")
			if len(lines) != len(tt.lines) {
				t.Fatalf("%d lines, want %d:\n%s", len(lines), len(tt.lines), answer.Body)
			}
			for i, line := range lines {
				if !strings.Contains(line, tt.lines[i]) {
					t.Errorf("line %d is %s, want %s", i+1, line, tt.lines[i])
				}
			}
		})
	}
}

// backups makes no backups.
type backups struct{}

func (backups) Backup(_ context.Context, dir string) (ports.BackupReport, error) {
	if dir != "/backups/monday" {
		return ports.BackupReport{}, &ports.RefusedError{Reason: dir + " cannot be used"}
	}
	return ports.BackupReport{Dir: dir, Events: 7, Files: 3, Bytes: 12, Created: noon}, nil
}

func TestBackup(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/v1/backup?dir=/backups/monday": {200, `"events":7`},
		"/v1/backup?dir=elsewhere":       {409, "elsewhere cannot be used"},
		"/v1/backup":                     {400, "dir"},
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, nil))
		if answer.Code != want.status || !strings.Contains(answer.Body.String(), want.text) {
			t.Errorf("%s: %d %s, want %d with %s", path, answer.Code, answer.Body, want.status, want.text)
		}
	}
}
