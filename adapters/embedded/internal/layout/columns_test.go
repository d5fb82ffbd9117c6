package layout_test

import (
	"bytes"
	"cmp"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// allKinds is a table with a key column of every kind in both directions, and a regular column of
// every kind.
var allKinds = &projection.Table{Name: "all_kinds", Columns: []projection.Column{
	{Name: "p", Kind: projection.Text, Role: projection.Partition},
	{Name: "t", Kind: projection.Text, Role: projection.Clustering},
	{Name: "n", Kind: projection.BigInt, Role: projection.Clustering},
	{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering},
	{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
	{Name: "t_desc", Kind: projection.Text, Role: projection.Clustering, Descending: true},
	{Name: "n_desc", Kind: projection.BigInt, Role: projection.Clustering, Descending: true},
	{Name: "at_desc", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
	{Name: "id_desc", Kind: projection.UUID, Role: projection.Clustering, Descending: true},
	{Name: "vt", Kind: projection.Text, Role: projection.Regular},
	{Name: "vn", Kind: projection.BigInt, Role: projection.Regular},
	{Name: "vat", Kind: projection.Timestamp, Role: projection.Regular},
	{Name: "vid", Kind: projection.UUID, Role: projection.Regular},
}}

// newest and oldest are tables with buckets. The order of their rows does not depend on them.
var (
	newest = &projection.Table{Name: "newest", Owner: "id", Bucket: projection.Hour, Shards: 4, Columns: []projection.Column{
		{Name: "p", Kind: projection.Text, Role: projection.Partition},
		{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering, Descending: true},
		{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
		{Name: "vt", Kind: projection.Text, Role: projection.Regular},
	}}
	oldest = &projection.Table{Name: "oldest", Owner: "id", Bucket: projection.Month, Columns: []projection.Column{
		{Name: "n", Kind: projection.BigInt, Role: projection.Partition},
		{Name: "p", Kind: projection.Text, Role: projection.Partition},
		{Name: "at", Kind: projection.Timestamp, Role: projection.Clustering},
		{Name: "id", Kind: projection.UUID, Role: projection.Clustering},
		{Name: "vt", Kind: projection.Text, Role: projection.Regular},
	}}
)

func anyTable(t *rapid.T) *projection.Table {
	return rapid.SampledFrom([]*projection.Table{allKinds, newest, oldest}).Draw(t, "table")
}

func drawRow(t *rapid.T, table *projection.Table) projection.Row {
	// Few different bytes, so that common prefixes and the escapes are frequent.
	text := rapid.OneOf(
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte{0x00, 0x01, 'a', 0xfe, 0xff}), 0, 4), func(b []byte) string { return string(b) }),
		rapid.String())
	number := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-2, 2), rapid.Int64Range(0, 1<<42))
	row := make(projection.Row, 0, len(table.Columns))
	for _, c := range table.Columns {
		switch c.Kind {
		case projection.Text:
			row = append(row, text.Draw(t, c.Name))
		case projection.BigInt:
			row = append(row, number.Draw(t, c.Name))
		case projection.Timestamp:
			at := time.UnixMilli(number.Draw(t, c.Name)).UTC()
			if rapid.Bool().Draw(t, "null") {
				at = time.Time{}
			}
			row = append(row, at)
		case projection.UUID:
			row = append(row, uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, c.Name)))
		}
	}
	return row
}

func compareRows(table *projection.Table, a, b projection.Row) int {
	for i, c := range table.Columns[:table.KeyLen()] {
		var order int
		switch v := a[i].(type) {
		case string:
			order = cmp.Compare(v, b[i].(string))
		case int64:
			order = cmp.Compare(v, b[i].(int64))
		case time.Time:
			order = v.Compare(b[i].(time.Time))
		case uuid.UUID:
			w := b[i].(uuid.UUID)
			order = bytes.Compare(v[:], w[:])
		}
		if c.Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func TestRowKey_PropKeepsTheOrderOfRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		a, b := drawRow(t, table), drawRow(t, table)
		for i := range rapid.IntRange(0, table.KeyLen()).Draw(t, "same columns") {
			b[i] = a[i]
		}
		keyA, _, err := encodeRow(table, a)
		if err != nil {
			t.Fatal(err)
		}
		keyB, _, err := encodeRow(table, b)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := compareRows(table, a, b), bytes.Compare(keyA, keyB); want != got {
			t.Fatalf("rows compare as %d, keys as %d:\n%v\n%v", want, got, a, b)
		}
	})
}

func TestRowKey_PropPrefixHoldsExactlyItsRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		a, b := drawRow(t, table), drawRow(t, table)
		columns := rapid.IntRange(table.PartitionLen(), table.KeyLen()).Draw(t, "columns of the prefix")
		same := rapid.IntRange(0, columns).Draw(t, "same columns")
		copy(b, a[:same])
		prefix, err := rowKey(table, a[:columns])
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := encodeRow(table, b)
		if err != nil {
			t.Fatal(err)
		}
		if want, got := projection.SameRow(a[:columns], b[:columns]), bytes.HasPrefix(key, prefix); want != got {
			t.Fatalf("the row belongs to the prefix: %v, its key says %v:\n%v\n%v", want, got, a[:columns], b)
		}
	})
}

func TestRow_PropComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		want := drawRow(t, table)
		key, value, err := encodeRow(table, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRow(table, key, value)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(want, got); d != "" {
			t.Fatal(d)
		}
		if err := table.CheckRow(got); err != nil {
			t.Fatal(err)
		}
		if cut := rapid.IntRange(0, len(value)-1).Draw(t, "cut"); cut < len(value) {
			if _, err := decodeRow(table, key, value[:cut]); err == nil {
				t.Fatalf("the first %d of %d bytes were accepted", cut, len(value))
			}
		}
	})
}

// FuzzRowKey compares the order of keys with the order of what they encode.
func FuzzRowKey(f *testing.F) {
	f.Add("a", "a\x00", int64(0), int64(-1))
	f.Add("a\x00\xff", "a\x00\x01", int64(1), int64(1))
	f.Add("", "\xff", int64(-1<<63), int64(1<<63-1))
	table := &projection.Table{Name: "t", Columns: []projection.Column{
		{Name: "a", Kind: projection.Text, Role: projection.Partition},
		{Name: "b", Kind: projection.Text, Role: projection.Clustering, Descending: true},
		{Name: "c", Kind: projection.BigInt, Role: projection.Clustering},
	}}
	f.Fuzz(func(t *testing.T, s1, s2 string, n1, n2 int64) {
		for _, rows := range [][2]projection.Row{
			{{s1, s2, n1}, {s2, s1, n2}}, {{s1, s1, n1}, {s1, s2, n2}}, {{s1, s2, n1}, {s1, s2, n2}},
		} {
			key1, value, err1 := encodeRow(table, rows[0])
			key2, _, err2 := encodeRow(table, rows[1])
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if want, got := compareRows(table, rows[0], rows[1]), bytes.Compare(key1, key2); want != got {
				t.Fatalf("%q: rows compare as %d, keys as %d", rows, want, got)
			}
			if got, err := decodeRow(table, key1, value); err != nil || !projection.SameRow(got, rows[0]) {
				t.Fatalf("%q came back as %q, error %v", rows[0], got, err)
			}
		}
	})
}

var view = ports.ViewID{Consumer: "consumer", Generation: 1}

func rowKey(table *projection.Table, key []any) ([]byte, error) {
	return layout.RowKey(view, table, key)
}

func encodeRow(table *projection.Table, row projection.Row) (key, value []byte, err error) {
	if key, err = rowKey(table, table.Key(row)); err != nil {
		return nil, nil, err
	}
	value, err = layout.AppendRow(nil, table, row)
	return key, value, err
}

func decodeRow(table *projection.Table, key, value []byte) (projection.Row, error) {
	whole, err := rowKey(table, nil)
	if err != nil {
		return nil, err
	}
	return layout.DecodeRow(table, key[len(whole):], value)
}
