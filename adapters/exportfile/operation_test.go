package exportfile_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/exportfile"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// entries returns n entries of the log of operations.
func entries(n int) []ports.OperationEntry {
	all := make([]ports.OperationEntry, n)
	for i := range all {
		all[i] = ports.OperationEntry{
			ID: uuid.NewSHA1(id(5), []byte{byte(i), byte(i >> 8)}), At: time.Date(2026, time.May, 1, 10, 0, i, 7_000_000, time.UTC),
			Subject: "token:ci", TokenID: "id7", Action: "skip", Target: "orders-by-sku", AggregateID: id(1),
			Reason: "a <b> & \u2028 \"ü\"\n", Detail: "event 3", Failure: "refused",
		}
	}
	if n > 1 {
		all[1] = ports.OperationEntry{ID: all[1].ID, At: all[1].At, Action: "repair"}
	}
	return all
}

func fileWithLog(t *testing.T, compress bool, log []ports.OperationEntry, histories ...[]eventsourcing.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := exportfile.NewWriter(&out, compress, exportfile.Header{Store: id(9), Created: time.Unix(5, 0).UTC(), Operations: true})
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
	for _, e := range log {
		if err := w.Operation(e); err != nil {
			t.Fatal(err)
		}
	}
	trailer, err := w.Close()
	if err != nil || trailer.Operations != uint64(len(log)) {
		t.Fatalf("trailer %+v, %v", trailer, err)
	}
	return out.Bytes()
}

// log returns what is delivered of the log, and takes it out of the parts.
func (r *result) log() (log []ports.OperationEntry) {
	var rest []ports.ImportPart
	for _, p := range r.parts {
		if len(p.Operations) == 0 {
			rest = append(rest, p)
		}
		log = append(log, p.Operations...)
	}
	r.parts = rest
	return log
}

func TestFile_hasTheLogOfOperations(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 600} {
		for _, compress := range []bool{false, true} {
			for _, whole := range []bool{false, true} {
				want := entries(n)
				got := read(fileWithLog(t, compress, want, history(1, 300), history(2, 1)), whole)
				log := got.log()
				if got.err != nil || len(got.faults) > 0 {
					t.Fatalf("error %v, faults %v", got.err, got.faults)
				}
				if diff := cmp.Diff(log, want[:n:n]); n > 0 && diff != "" || len(log) != n {
					t.Errorf("%d entries (-got +want):\n%s", len(log), diff)
				}
				if !same(got.histories()[id(1)], history(1, 300)) || !same(got.histories()[id(2)], history(2, 1)) {
					t.Error("the histories have changed")
				}
			}
		}
	}
}

// A damaged entry is found, and costs neither the other entries nor an order.
func TestReader_findsEveryFlippedBitOfTheLog(t *testing.T) {
	t.Parallel()
	want := entries(3)
	content := fileWithLog(t, false, want, history(1, 2))
	begin := bytes.Index(content, []byte(`{"operation_id"`))
	for i := begin; i < len(content); i++ {
		damaged := bytes.Clone(content)
		damaged[i] ^= 1 << (i % 8)
		got := read(damaged, true)
		log := got.log()
		if got.err == nil && len(got.faults) == 0 {
			t.Fatalf("byte %d (%q): nothing was found", i, content[i])
		}
		if got.err != nil {
			continue // nothing is imported, because files are checked first
		}
		for _, e := range log {
			if !cmp.Equal(e, want[0]) && !cmp.Equal(e, want[1]) && !cmp.Equal(e, want[2]) {
				t.Fatalf("byte %d (%q): the entry %+v is delivered", i, content[i], e)
			}
		}
	}
}

func TestReader_refusesAnotherLog(t *testing.T) {
	t.Parallel()
	content := string(fileWithLog(t, false, entries(3), history(1, 2)))
	lines := strings.SplitAfter(content, "\n")
	for name, content := range map[string]string{
		"an entry is missing": strings.Join(append(append([]string(nil), lines[:4]...), lines[5:]...), ""),
		"an entry is doubled": strings.Join(lines[:5], "") + lines[4] + strings.Join(lines[5:], ""),
		"of the first format": strings.Replace(content, exportfile.FormatOperations, exportfile.Format, 1),
		"of a later format":   strings.Replace(content, exportfile.FormatOperations, "orderflow/3", 1),
	} {
		if got := read([]byte(content), true); got.err == nil && len(got.faults) == 0 {
			t.Errorf("%s: it is accepted", name)
		}
	}
}

// A file of a program that knew no log of operations.
func TestReader_readsTheFirstFormat(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/orderflow-1.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	r, err := exportfile.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	part, err := r.Next()
	if err != nil || !same(part.Records, history(1, 2)) {
		t.Errorf("%+v, %v", part, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if got := file(t, false, history(1, 2)); !bytes.Equal(got, content) {
		t.Errorf("a file without a log is not what earlier programs read:\n%s", got)
	}
}
