package scyllasim_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// fact is one statement that was run on a real server, and its answer.
type fact struct {
	Topic, Note, Kind string
	CQL               []string `json:"cql"`
	Args              [][]any  `json:"args"`
	Columns           []struct{ Name, Type string }
	Rows              []map[string]any
	Error             string
}

func readLines[T any](tb testing.TB, path string) []T {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var out []T
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var v T
		if err := unmarshal(in.Bytes(), &v); err != nil {
			tb.Fatalf("%s:%d: %v", path, len(out)+1, err)
		}
		out = append(out, v)
	}
	if err := in.Err(); err != nil {
		tb.Fatal(err)
	}
	return out
}

// The node from which the facts come: its tokens, and the times of the requests.
var (
	factTokens = []int64{
		-6642819776457505925, -6203693869387601764, -5294818082453534771, 445710489206912887,
		3156964220685231392, 3336790900659402926, 7222644134293124632, 8842661215183468464,
	}
	factNow        = time.Date(2026, 11, 23, 5, 13, 27, 620e6, time.UTC)
	factGeneration = time.Date(2026, 11, 23, 5, 11, 55, 699e6, time.UTC)
)

// factClock starts at the time of the facts and advances a little with each call.
func factClock() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time { return factNow.Add(time.Duration(ticks.Add(1)) * time.Microsecond) }
}

// TestFacts_statements runs every captured statement in order through the driver and compares
// columns, rows and errors.
func TestFacts_statements(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{
		Clock: factClock(), GenerationAge: factNow.Sub(factGeneration), Tokens: [][]int64{factTokens},
	})
	s := connect(t, cluster(sim))
	facts := readLines[fact](t, "testdata/statements.jsonl")
	if len(facts) != 79 {
		t.Errorf("%d statements, want all 79", len(facts))
	}
	for i, f := range facts {
		got := replay(s, f)
		want := answer{err: f.Error, rows: f.Rows}
		for _, c := range f.Columns {
			want.columns = append(want.columns, c.Name+" "+c.Type)
		}
		opt := cmp.AllowUnexported(answer{})
		if d := cmp.Diff(normalise(want), normalise(got), opt); d != "" {
			t.Errorf("statement %d (%s, %s): %s\n(-server +simulator)\n%s", i+1, f.Topic, f.Note, strings.Join(f.CQL, "; "), d)
		}
	}
}

type answer struct {
	columns []string
	rows    []map[string]any
	err     string
}

func replay(s *gocql.Session, f fact) answer {
	if f.Kind == "query" {
		return replayQuery(s, f)
	}
	kind := gocql.LoggedBatch
	if f.Kind == "unlogged batch" {
		kind = gocql.UnloggedBatch
	}
	b := s.Batch(kind)
	for i, cql := range f.CQL {
		b.Query(cql, factArgs(f.Args[i])...)
	}
	if f.Topic != "lwt batch" {
		return answer{err: errText(s.ExecuteBatch(b))}
	}
	return replayCAS(s, b)
}

func replayCAS(s *gocql.Session, b *gocql.Batch) answer {
	first := map[string]any{}
	applied, iter, err := s.MapExecuteBatchCAS(b, first)
	if err != nil {
		return answer{err: errText(err)}
	}
	a := answer{}
	for _, c := range iter.Columns() {
		a.columns = append(a.columns, c.Name+" "+typeName(c))
	}
	first["[applied]"] = applied
	for row := first; ; row = map[string]any{} {
		if len(a.rows) > 0 && !iter.MapScan(row) {
			break
		}
		for k, v := range row {
			row[k] = plain(v)
		}
		a.rows = append(a.rows, row)
	}
	a.err = errText(iter.Close())
	return a
}

func replayQuery(s *gocql.Session, f fact) answer {
	q := s.Query(f.CQL[0])
	if len(f.Args) > 0 {
		q = s.Query(f.CQL[0], factArgs(f.Args[0])...)
	}
	if strings.Contains(f.CQL[0], "system_distributed") {
		q.Consistency(gocql.One)
	}
	iter := q.Iter()
	a := answer{}
	for _, c := range iter.Columns() {
		a.columns = append(a.columns, c.Name+" "+typeName(c))
	}
	for {
		dest := make([]any, len(iter.Columns()))
		for i := range dest {
			dest[i] = &raw{}
		}
		if !iter.Scan(dest...) {
			break
		}
		row := map[string]any{}
		for i, c := range iter.Columns() {
			row[c.Name] = dest[i].(*raw).v
		}
		a.rows = append(a.rows, row)
	}
	a.err = errText(iter.Close())
	return a
}

func typeName(c gocql.ColumnInfo) string { return fmt.Sprint(c.TypeInfo) }

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// raw scans any value, null included, into the form the facts have.
type raw struct{ v any }

func (r *raw) UnmarshalCQL(info gocql.TypeInfo, data []byte) error {
	if data == nil {
		return nil
	}
	v, err := info.NewWithError()
	if err != nil {
		return err
	}
	if err := gocql.Unmarshal(info, data, v); err != nil {
		return err
	}
	r.v = plain(v)
	return nil
}

// plain turns a driver's value into its JSON form in the facts.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case *[]byte:
		return plain(*v)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.999Z07:00")
	case *time.Time:
		return plain(*v)
	case *[][]byte:
		out := []any{}
		for _, b := range *v {
			out = append(out, plain(b))
		}
		return out
	case *map[string][]byte:
		out := map[string]any{}
		for k, b := range *v {
			out[k] = plain(b)
		}
		return out
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var out any
	if err := unmarshal(b, &out); err != nil {
		return err.Error()
	}
	return out
}

// unmarshal keeps numbers as they are written: tokens do not fit a float.
func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(v)
}

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func factArgs(in []any) []any {
	out := make([]any, len(in))
	for i, v := range in {
		switch v := v.(type) {
		case json.Number:
			out[i], _ = v.Int64()
		case string:
			out[i] = factArg(v)
		case map[string]any:
			m := map[string]string{}
			for k, s := range v {
				m[k] = s.(string)
			}
			out[i] = m
		default:
			out[i] = v
		}
	}
	return out
}

func factArg(v string) any {
	if v == "UNSET" {
		return gocql.UnsetValue
	}
	if uuidText.MatchString(v) {
		u, _ := gocql.ParseUUID(v)
		return u
	}
	if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
		return at
	}
	return v
}

// normalise replaces what differs between servers: generated ids, random bits, and the time of a
// write. A cdc$time becomes a number by its first appearance, so rows of one write must still share
// it.
func normalise(a answer) answer {
	times := map[any]string{}
	for _, row := range a.rows {
		for _, id := range []string{"id", "host_id", "schema_version"} {
			if v, ok := row[id].(string); ok && uuidText.MatchString(v) && !strings.HasPrefix(v, "00000000-") {
				row[id] = "an id"
			}
		}
		if v, ok := row["version"].(string); ok {
			row["version"] = strings.SplitN(v, "-", 2)[0]
		}
		if v, ok := row["writetime(payload)"]; ok && v != nil {
			row["writetime(payload)"] = "a time"
		}
		if v, ok := row["cdc$time"]; ok {
			if times[v] == "" {
				times[v] = fmt.Sprint("time ", len(times)+1)
			}
			row["cdc$time"] = times[v]
		}
		if v, ok := row["cdc$stream_id"].(string); ok {
			row["cdc$stream_id"] = stream(v)
		}
		if v, ok := row["streams"].([]any); ok {
			for i := range v {
				v[i] = stream(v[i].(string))
			}
		}
	}
	return a
}

// stream keeps the token, the index and the version of a stream id; the bits between are random.
func stream(id string) string { return id[:18] + "..." + id[len(id)-5:] }
