package cloudevents_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// readAll reads a range of the file from an offset.
func readAll(t *testing.T, path string, begin int64) (messages []ports.TopicMessage) {
	t.Helper()
	r := cloudevents.NewFileReader(path)
	ranges, err := r.Ranges(t.Context())
	if err != nil || len(ranges) != 1 {
		t.Fatalf("ranges %v, %v", ranges, err)
	}
	ranges[0].Begin = begin
	err = r.Read(t.Context(), ranges[0], func(m ports.TopicMessage) error {
		messages = append(messages, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func recordsOf(t *testing.T, messages []ports.TopicMessage) (records []eventsourcing.Record) {
	t.Helper()
	for _, m := range messages {
		if m.Err != nil || m.Key != m.Record.AggregateID.String() {
			t.Fatalf("message %+v", m)
		}
		records = append(records, m.Record)
	}
	return records
}

func TestFileReader_ReadsWhatWasPublished(t *testing.T) {
	t.Parallel()
	path := tempPath(t)
	var records []eventsourcing.Record
	for n := range uint64(40) {
		records = append(records, newRecord(uuid.New(), n+1))
	}
	records[7].AggregateType, records[8].Payload, records[9].Payload = "stock_item", []byte{0xff, 0x00}, nil
	records[10].Payload = []byte(`"` + strings.Repeat("x", 200_000) + `"`)
	p := openFile(t, path)
	publish(t, p, records...)

	whole := readAll(t, path, 0)
	ignored := cmp.Options{cmpopts.IgnoreFields(eventsourcing.Header{}, "Metadata"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(records, recordsOf(t, whole), ignored); diff != "" {
		t.Errorf("(-published +read):\n%s", diff)
	}
	for _, from := range []int{1, 11, 39} {
		if diff := cmp.Diff(whole[from:], readAll(t, path, whole[from].Offset)); diff != "" {
			t.Errorf("from the beginning of line %d (-want +got):\n%s", from, diff)
		}
		if diff := cmp.Diff(whole[from:], readAll(t, path, whole[from-1].Offset+1)); diff != "" {
			t.Errorf("from within line %d (-want +got):\n%s", from-1, diff)
		}
	}
}

func TestFileReader_OddFiles(t *testing.T) {
	t.Parallel()

	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if _, err := cloudevents.NewFileReader(tempPath(t)).Ranges(t.Context()); !errors.Is(err, ports.ErrNotFound) {
			t.Errorf("error %v", err)
		}
	})

	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, path, 0); len(got) != 0 {
			t.Errorf("%d messages", len(got))
		}
	})

	t.Run("a part of a line at the end was never acknowledged", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		line := encoded(t, newRecord(uuid.New(), 1))
		if err := os.WriteFile(path, append(line, line[:len(line)-1]...), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, path, 0); len(got) != 1 {
			t.Errorf("%d messages, want 1", len(got))
		}
	})

	t.Run("what is no event has an error and holds nobody up", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		line := encoded(t, newRecord(uuid.New(), 1))
		text := "x\n{}\n" + string(line)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, path, 0)
		if len(got) != 3 || got[0].Err == nil || got[1].Err == nil || got[2].Err != nil {
			t.Errorf("messages %+v", got)
		}
	})

	t.Run("a line of an earlier version is of an order", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		line := strings.Replace(string(encoded(t, newRecord(uuid.New(), 1))), `,"aggregatetype":"order"`, "", 1)
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := recordsOf(t, readAll(t, path, 0)); len(got) != 1 || got[0].AggregateType != "order" || strings.Contains(line, "aggregatetype") {
			t.Errorf("%+v of %s", got, line)
		}
	})

	t.Run("cut while it is read", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(path, encoded(t, newRecord(uuid.New(), 1), newRecord(uuid.New(), 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := cloudevents.NewFileReader(path)
		ranges, err := r.Ranges(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
		err = r.Read(t.Context(), ranges[0], func(ports.TopicMessage) error { return nil })
		if !errors.Is(err, ports.ErrOffsetExpired) {
			t.Errorf("error %v", err)
		}
	})
}
