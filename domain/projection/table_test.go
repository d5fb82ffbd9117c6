package projection_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/projection"
)

func column(name string, kind projection.Kind, role projection.Role) projection.Column {
	return projection.Column{Name: name, Kind: kind, Role: role}
}

var (
	orderID = uuid.MustParse("018f4e9a-0000-7000-8000-000000000001")
	noon    = time.Date(2025, time.March, 31, 12, 0, 0, 0, time.UTC)
)

// shelf is a table with a column of each kind and role.
func shelf() *projection.Table {
	return &projection.Table{Name: "shelf", Owner: "id", Bucket: projection.Day, Shards: 4, Columns: []projection.Column{
		column("room", projection.Text, projection.Partition),
		column("at", projection.Timestamp, projection.Clustering),
		column("id", projection.UUID, projection.Clustering),
		column("count", projection.BigInt, projection.Regular),
	}}
}

func shelfRow() projection.Row { return projection.Row{"hall", noon, orderID, int64(3)} }

func TestTable_Check(t *testing.T) {
	t.Parallel()
	text := func(name string, role projection.Role) projection.Column {
		return column(name, projection.Text, role)
	}
	tests := []struct {
		name    string
		table   *projection.Table
		problem string // empty when the declaration is valid
	}{
		{"accepts every role in order", shelf(), ""},
		{"accepts a table of one column", &projection.Table{Name: "t", Owner: "a", Columns: []projection.Column{column("a", projection.UUID, projection.Partition)}}, ""},
		{"reports a table without an owner", &projection.Table{Name: "t", Columns: shelf().Columns}, `the owner "" is no key column`},
		{"reports an owner that is no column", &projection.Table{Name: "t", Owner: "x", Columns: shelf().Columns}, `the owner "x" is no key column`},
		{"reports an owner that is no id", &projection.Table{Name: "t", Owner: "room", Columns: shelf().Columns}, `the owner "room" is no key column`},
		{"reports an owner outside the key", &projection.Table{Name: "t", Owner: "a", Columns: []projection.Column{
			text("b", projection.Partition), column("a", projection.UUID, projection.Regular),
		}}, `the owner "a" is no key column`},
		{"reports a table without a name", &projection.Table{Columns: shelf().Columns}, "without a name"},
		{"reports a table without columns", &projection.Table{Name: "t"}, "no partition column"},
		{"reports a table without a key", &projection.Table{Name: "t", Columns: []projection.Column{text("a", projection.Regular)}}, "no partition column"},
		{"reports a key without a partition column", &projection.Table{Name: "t", Columns: []projection.Column{text("a", projection.Clustering)}}, "no partition column"},
		{"reports a nameless column", with(text("", projection.Regular)), "column 4: empty or repeated name"},
		{"reports a repeated name", with(text("room", projection.Regular)), `empty or repeated name "room"`},
		{"reports a column without a kind", with(column("x", 0, projection.Regular)), "column x: unknown kind 0"},
		{"reports a kind that does not exist", with(column("x", projection.UUID+1, projection.Regular)), "column x: unknown kind 5"},
		{"reports a column without a role", with(column("x", projection.Text, 0)), "column x: unknown role 0"},
		{"reports a role that does not exist", with(column("x", projection.Text, projection.Regular+1)), "column x: unknown role 4"},
		{"reports a key column behind a regular one", with(text("x", projection.Clustering)), "column x: out of order"},
		{"reports a column that stores derive", with(text("shard", projection.Regular)), "column shard: stores have one"},
		{"reports an unknown width", shelf().LaidOut(1, projection.Month+1, 1), "unknown width 4"},
		{"reports a negative width", shelf().LaidOut(1, -1, 1), "unknown width -1"},
		{"reports too many shards", shelf().LaidOut(1, projection.Day, projection.MaxShards+1), "257 shards"},
		{"reports a negative number of shards", shelf().LaidOut(1, projection.Day, -1), "-1 shards"},
		{"reports a negative layout", shelf().LaidOut(-1, projection.Day, 1), "layout -1"},
		{"reports shards without buckets", shelf().LaidOut(1, 0, 2), "shards without buckets"},
		{"reports buckets of a table that is not in the order of time", &projection.Table{
			Name: "t", Owner: "b", Bucket: projection.Day,
			Columns: []projection.Column{text("a", projection.Partition), column("b", projection.UUID, projection.Clustering)},
		}, "buckets need a time"},
		{"reports buckets of a table without an order", &projection.Table{
			Name: "t", Owner: "a", Bucket: projection.Day, Columns: []projection.Column{column("a", projection.UUID, projection.Partition)},
		}, "buckets need a time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.table.Check()
			switch {
			case err == nil && tt.problem != "":
				t.Errorf("accepted, want %q", tt.problem)
			case err != nil && (tt.problem == "" || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("got %q, want %q", err, tt.problem)
			}
		})
	}
}

// with returns shelf with one more column.
func with(c projection.Column) *projection.Table {
	table := shelf()
	table.Columns = append(table.Columns, c)
	return table
}

func TestTable_CheckRow(t *testing.T) {
	t.Parallel()
	row := func(column int, value any) projection.Row {
		r := shelfRow()
		r[column] = value
		return r
	}
	tests := []struct {
		name    string
		row     projection.Row
		problem string
	}{
		{"accepts one value of each kind", shelfRow(), ""},
		{"accepts the zero time, which is null", row(1, time.Time{}), ""},
		{"reports a short row", shelfRow()[:3], "3 values for 4 columns"},
		{"reports a long row", append(shelfRow(), "x"), "5 values for 4 columns"},
		{"reports a number for a text", row(0, int64(1)), "column room: int64"},
		{"reports a text for a number", row(3, "1"), "column count: string"},
		{"reports an int, which is not an int64", row(3, 1), "column count: int"},
		{"reports a text for an id", row(2, orderID.String()), "column id: string"},
		{"reports an id for a time", row(1, uuid.Nil), "column at: uuid.UUID"},
		{"reports nil", row(0, nil), "column room: <nil>"},
		{"reports a time in another zone", row(1, noon.In(time.FixedZone("CET", 3600))), "column at: time.Time"},
		{"reports a time finer than a millisecond", row(1, noon.Add(time.Microsecond)), "column at: time.Time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := shelf().CheckRow(tt.row)
			switch {
			case err == nil && tt.problem != "":
				t.Errorf("accepted, want %q", tt.problem)
			case err != nil && (tt.problem == "" || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("got %q, want %q", err, tt.problem)
			}
		})
	}
}

func TestTable_KeyIsAllButTheRegularColumns(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(projection.Row{"hall", noon, orderID}, shelf().Key(shelfRow())); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	all := &projection.Table{Name: "t", Columns: shelf().Columns[:3]}
	if got := all.KeyLen(); got != 3 {
		t.Errorf("a table without regular columns has %d key columns, want 3", got)
	}
}

func TestTable_OwnerOf(t *testing.T) {
	t.Parallel()
	if id, ok := shelf().OwnerOf(shelfRow()); !ok || id != orderID {
		t.Errorf("got %s, %v, want %s", id, ok, orderID)
	}
	for _, row := range []projection.Row{nil, shelfRow()[:2], {"hall", noon, "text", int64(3)}} {
		if id, ok := shelf().OwnerOf(row); ok {
			t.Errorf("%v is of %s", row, id)
		}
	}
}

func TestTable_Get(t *testing.T) {
	t.Parallel()
	if got := shelf().Get(shelfRow(), "count"); got != int64(3) {
		t.Errorf("got %v, want 3", got)
	}
	defer func() {
		if problem := recover(); problem != `table shelf has no column "colour"` {
			t.Errorf("got panic %v, want one that names table and column", problem)
		}
	}()
	shelf().Get(shelfRow(), "colour")
}

func TestSameRow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a, b projection.Row
		want bool
	}{
		{"equal values", shelfRow(), shelfRow(), true},
		{"one moment in two zones", projection.Row{noon}, projection.Row{noon.In(time.FixedZone("CET", 3600))}, true},
		{"another moment", projection.Row{noon}, projection.Row{noon.Add(time.Millisecond)}, false},
		{"a time and no time", projection.Row{noon}, projection.Row{"noon"}, false},
		{"no time and a time", projection.Row{"noon"}, projection.Row{noon}, false},
		{"another text", projection.Row{"a"}, projection.Row{"b"}, false},
		{"another type", projection.Row{int64(1)}, projection.Row{"1"}, false},
		{"another length", projection.Row{"a"}, projection.Row{"a", "b"}, false},
		{"no values", nil, projection.Row{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := projection.SameRow(tt.a, tt.b); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
