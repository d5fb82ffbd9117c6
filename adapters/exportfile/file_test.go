package exportfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"orderflow/adapters/exportfile"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func id(n byte) uuid.UUID { return uuid.UUID{0: n, 6: 0x70, 8: 0x80, 15: n} }

// history returns n events of an aggregate, two for each command.
func history(aggregate byte, n int) []eventsourcing.Record {
	records := make([]eventsourcing.Record, n)
	for i := range records {
		records[i] = eventsourcing.Record{
			Header: eventsourcing.Header{
				EventID: uuid.NewSHA1(id(aggregate), []byte{1, byte(i), byte(i >> 8)}), AggregateType: "order",
				AggregateID: id(aggregate), SequenceNumber: uint64(i + 1),
				CommandID:     uuid.NewSHA1(id(aggregate), []byte{2, byte(i / 2), byte(i >> 9)}),
				CorrelationID: id(7), CausationID: id(8),
				Metadata:  map[string]string{"sender": "a <b> & \u2028 ü", "zone": ""},
				CreatedAt: time.Date(2026, time.May, 1, 10, 0, i, 7_000_000, time.UTC),
			},
			EventType: "order.created", EventVersion: 2, Payload: fmt.Appendf(nil, `{"n": %d, "text":"<é>"}`, i),
		}
	}
	return records
}

// file returns a file with some records.
func file(t *testing.T, compress bool, histories ...[]eventsourcing.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := exportfile.NewWriter(&out, compress, exportfile.Header{Store: id(9), Created: time.Unix(5, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	for _, records := range histories {
		for _, r := range records {
			line, err := exportfile.AppendRecord(nil, r)
			if err == nil {
				err = w.Record(line)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// result is what a reader delivers.
type result struct {
	parts  []ports.ImportPart
	faults map[uuid.UUID]int // lines
	err    error
}

// histories returns what an import takes: nothing of an aggregate that has a fault.
func (r result) histories() map[uuid.UUID][]eventsourcing.Record {
	all := map[uuid.UUID][]eventsourcing.Record{}
	for _, p := range r.parts {
		if _, refused := r.faults[p.Records[0].AggregateID]; refused {
			continue
		}
		all[p.Records[0].AggregateID] = append(all[p.Records[0].AggregateID], p.Records...)
	}
	return all
}

func read(content []byte, whole bool) result {
	got := result{faults: map[uuid.UUID]int{}}
	r, err := exportfile.NewReader(bytes.NewReader(content))
	if err != nil {
		got.err = err
		return got
	}
	defer r.Close()
	r.Whole = whole
	for {
		part, err := r.Next()
		fault := (*ports.ImportFault)(nil)
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &fault):
			if _, again := got.faults[fault.AggregateID]; !again {
				got.faults[fault.AggregateID] = fault.Line
			}
		case err != nil:
			got.err = err
			return got
		default:
			got.parts = append(got.parts, part)
		}
	}
}

// same reports whether two histories are the same. Differences of long payloads take cmp too long.
func same(a, b []eventsourcing.Record) bool {
	return slices.EqualFunc(a, b, func(a, b eventsourcing.Record) bool {
		payloads := bytes.Equal(a.Payload, b.Payload)
		a.Payload, b.Payload = nil, nil
		return payloads && cmp.Equal(a, b, cmpopts.EquateEmpty())
	})
}

func TestFile_GivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	odd := history(3, 6)
	for i, payload := range []string{"", "null", "no json", "{\n}", " {}", `"` + strings.Repeat("x", 1<<20) + `"`} {
		odd[i].Payload = []byte(payload)
	}
	odd[0].Metadata, odd[0].CorrelationID, odd[0].CausationID = nil, uuid.Nil, uuid.Nil
	want := map[uuid.UUID][]eventsourcing.Record{id(1): history(1, 1000), id(2): history(2, 1), id(3): odd}
	for _, compress := range []bool{false, true} {
		for _, whole := range []bool{false, true} {
			got := read(file(t, compress, want[id(1)], want[id(2)], want[id(3)]), whole)
			if got.err != nil || len(got.faults) > 0 {
				t.Fatalf("error %v, faults %v", got.err, got.faults)
			}
			for aggregate, records := range want {
				if !same(got.histories()[aggregate], records) {
					t.Fatalf("the history of %s has changed", aggregate)
				}
			}
			for _, p := range got.parts {
				if last := p.Records[len(p.Records)-1]; !whole && (len(p.Records) > 257 || len(p.Records) > 200 && last.SequenceNumber%2 != 0) {
					t.Errorf("a part of %d records ends with event %d: it must hold whole commands", len(p.Records), last.SequenceNumber)
				}
			}
			if whole && len(got.parts) != 3 {
				t.Errorf("%d parts of 3 histories", len(got.parts))
			}
		}
	}
}

// TestReader_FindsEveryFlippedBit flips a bit of each byte of a file in turn. Either the file is
// refused, or what is delivered is a part of what was written.
func TestReader_FindsEveryFlippedBit(t *testing.T) {
	t.Parallel()
	want := map[uuid.UUID][]eventsourcing.Record{id(1): history(1, 3), id(2): history(2, 2)}
	content := file(t, false, want[id(1)], want[id(2)])
	header := bytes.IndexByte(content, '\n')
	for i := header; i < len(content); i++ {
		bit := i % 8
		damaged := bytes.Clone(content)
		damaged[i] ^= 1 << bit
		got := read(damaged, true)
		if got.err == nil && len(got.faults) == 0 {
			t.Fatalf("bit %d of byte %d (%q): nothing was found", bit, i, content[i])
		}
		if got.err != nil {
			continue // nothing is imported, because files are checked first
		}
		for aggregate, records := range got.histories() {
			if !same(want[aggregate], records) {
				t.Fatalf("bit %d of byte %d (%q): a part of %s is delivered, with the faults %v", bit, i, content[i], aggregate, got.faults)
			}
		}
	}
}

func TestReader_NamesTheBadLine(t *testing.T) {
	t.Parallel()
	lines := strings.SplitAfter(string(file(t, false, history(1, 4), history(2, 4), history(3, 4))), "\n")
	tests := []struct {
		name   string
		change func(lines []string) []string
		faults map[uuid.UUID]int
	}{
		{"a line that is no JSON", func(l []string) []string { l[6] = "what?\n"; return l }, map[uuid.UUID]int{id(2): 7}},
		{"a changed payload", func(l []string) []string {
			l[7] = strings.Replace(l[7], `"n": 2`, `"n": 3`, 1)
			return l
		}, map[uuid.UUID]int{id(2): 8}},
		{"the first line of an aggregate", func(l []string) []string {
			l[5] = strings.Replace(l[5], `"n": 0`, `"n": 3`, 1)
			return l
		}, map[uuid.UUID]int{id(2): 6}},
		{"a hole and a damaged line elsewhere", func(l []string) []string {
			l[1] = "{}\n"
			return append(l[:6], l[7:]...)
		}, map[uuid.UUID]int{uuid.Nil: 2, id(1): 3, id(2): 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := read([]byte(strings.Join(tt.change(append([]string(nil), lines...)), "")), true)
			if got.err != nil {
				t.Fatal(got.err)
			}
			delete(got.faults, uuid.Nil)
			delete(tt.faults, uuid.Nil)
			for aggregate, line := range tt.faults {
				if got.faults[aggregate] != line {
					t.Errorf("%s is refused because of line %d, want %d", aggregate, got.faults[aggregate], line)
				}
				if got.histories()[aggregate] != nil {
					t.Errorf("a part of %s is delivered", aggregate)
				}
			}
			if got.histories()[id(3)] == nil {
				t.Error("the others are not delivered")
			}
		})
	}
}

func TestReader_RefusesTheWholeFile(t *testing.T) {
	t.Parallel()
	content := string(file(t, false, history(1, 4), history(2, 4)))
	lines := strings.SplitAfter(content, "\n")
	without := func(n int) string {
		return strings.Join(append(append([]string(nil), lines[:n]...), lines[n+1:]...), "")
	}
	tests := map[string]string{
		"nothing":                   "",
		"no header":                 without(0),
		"another format":            strings.Replace(content, "orderflow/1", "orderflow/9", 1),
		"no trailer":                strings.Join(lines[:9], ""),
		"half a trailer":            content[:len(content)-5],
		"half a line":               content[:len(lines[0])+100],
		"lines behind the trailer":  content + lines[1],
		"the last event is missing": without(8),
		"a whole aggregate is added": strings.Join(lines[:9], "") +
			strings.SplitAfter(string(file(t, false, history(3, 1))), "\n")[1] + lines[9],
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := read([]byte(content), true); got.err == nil {
				t.Errorf("it is accepted, with faults %v", got.faults)
			}
		})
	}
}

func TestReader_ALongHistoryNeedsAFile(t *testing.T) {
	t.Parallel()
	long := history(1, 18)
	for i := range long {
		long[i].Payload = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	}
	content := file(t, true, long, history(2, 2))
	if got := read(content, false); got.err != nil || len(got.faults) > 0 || len(got.histories()[id(1)]) != 18 {
		t.Errorf("from a file: error %v, faults %v", got.err, got.faults)
	}
	if got := read(content, true); got.err != nil || got.faults[id(1)] == 0 || len(got.histories()[id(2)]) != 2 {
		t.Errorf("from a pipe: error %v, faults %v", got.err, got.faults)
	}
}
