package memory

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// keys draws the values of the first four key columns, one of each kind. It draws from few and
// difficult values, so that rows have much in common.
var keys = rapid.Custom(func(t *rapid.T) []any {
	return []any{
		string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xFE, 0xFF}), 0, 4).Draw(t, "text")),
		rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64()).Draw(t, "number"),
		time.UnixMilli(rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64Range(-1<<46, 1<<46)).Draw(t, "time")).UTC(),
		uuid.UUID(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xFF}), 16, 16).Draw(t, "id")),
	}
})

// tables draws a table with the columns of keys, each ascending or descending.
var tables = rapid.Custom(func(t *rapid.T) *projection.Table {
	table := &projection.Table{Name: "test"}
	for i, kind := range []projection.Kind{projection.Text, projection.BigInt, projection.Timestamp, projection.UUID} {
		role := projection.Clustering
		if i == 0 {
			role = projection.Partition
		}
		table.Columns = append(table.Columns, projection.Column{
			Name: string(rune('a' + i)), Kind: kind, Role: role, Descending: i > 0 && rapid.Bool().Draw(t, "descending"),
		})
	}
	return table
})

func TestRowKey_PropKeepsTheOrderOfRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table, a, b := tables.Draw(t, "table"), keys.Draw(t, "a"), keys.Draw(t, "b")
		if got, want := strings.Compare(mustKey(t, table, a), mustKey(t, table, b)), compareValues(table, a, b); got != want {
			t.Fatalf("keys compare as %d, the rows as %d", got, want)
		}
	})
}

func TestRowKey_PropPrefixesAreThoseOfEqualColumns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table, a, b := tables.Draw(t, "table"), keys.Draw(t, "a"), keys.Draw(t, "b")
		n := rapid.IntRange(0, len(a)).Draw(t, "columns")
		copy(b, a[:rapid.IntRange(0, len(a)).Draw(t, "equal")])
		got := strings.HasPrefix(mustKey(t, table, a), mustKey(t, table, b[:n]))
		if want := compareValues(table, a[:n], b[:n]) == 0; got != want {
			t.Fatalf("the key has the prefix: %t, the columns are equal: %t", got, want)
		}
	})
}

func TestRowKey_RefusesValuesOfAnotherKind(t *testing.T) {
	t.Parallel()
	table := views.OrderReadModel().Table
	for _, value := range []any{nil, "text", int64(1), 1, time.Time{}, []byte("bytes")} {
		if _, err := rowKey(table, []any{value}); err == nil {
			t.Errorf("%T was accepted for order_id", value)
		}
	}
}

func mustKey(t *rapid.T, table *projection.Table, values []any) string {
	key, err := rowKey(table, values)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// compareValues compares columns one by one.
func compareValues(table *projection.Table, a, b []any) int {
	for i := range a {
		var order int
		switch v := a[i].(type) {
		case string:
			order = strings.Compare(v, b[i].(string))
		case int64:
			order = cmp.Compare(v, b[i].(int64))
		case time.Time:
			order = v.Compare(b[i].(time.Time))
		case uuid.UUID:
			other := b[i].(uuid.UUID)
			order = slices.Compare(v[:], other[:])
		}
		if table.Columns[i].Descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}
