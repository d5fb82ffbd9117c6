package views

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// bindRow returns the values of a whole row, the view first. The zero time is null, which is a
// write that replaces an earlier time.
func bindRow(view ports.ViewID, table *projection.Table, row projection.Row) []any {
	values := bindAt(view, table, placeOf(table, row), table.Key(row))
	for _, value := range row[table.KeyLen():] {
		if at, ok := value.(time.Time); ok && at.IsZero() {
			value = nil
		}
		values = append(values, bound(value))
	}
	return values
}

// bindKey appends the values of leading key columns. A key has no nulls: the zero time is stored as
// it is.
func bindKey(values, key []any) []any {
	for _, value := range key {
		values = append(values, bound(value))
	}
	return values
}

func bound(value any) any {
	if at, ok := value.(time.Time); ok {
		return at.UnixMilli()
	}
	return value
}

// scanned is where the driver puts the columns of a row.
type scanned struct {
	table *projection.Table
	dest  []any
}

func newScanned(table *projection.Table) *scanned {
	s := &scanned{table: table}
	for _, c := range table.Columns {
		switch c.Kind {
		case projection.Text:
			s.dest = append(s.dest, new(string))
		case projection.BigInt:
			s.dest = append(s.dest, new(int64))
		case projection.Timestamp:
			s.dest = append(s.dest, new(*int64))
		case projection.UUID:
			s.dest = append(s.dest, new(uuid.UUID))
		}
	}
	return s
}

// row returns what was scanned.
func (s *scanned) row() projection.Row {
	row := make(projection.Row, len(s.dest))
	for i, dest := range s.dest {
		switch v := dest.(type) {
		case *string:
			row[i] = *v
		case *int64:
			row[i] = *v
		case **int64:
			row[i] = time.Time{}
			if *v != nil {
				row[i] = time.UnixMilli(**v).UTC()
			}
		case *uuid.UUID:
			row[i] = *v
		}
	}
	return row
}

// encodeKey encodes the values of key columns, for cursors and as the name of a partition.
func encodeKey(key []any) []byte {
	values := make([]any, len(key))
	for i, value := range key {
		values[i] = bound(value)
	}
	text, _ := json.Marshal(values) // strings, numbers and ids always marshal
	return text
}

// decodeKey reads what encodeKey wrote, for leading columns of a table.
func decodeKey(table *projection.Table, text []byte) (projection.Row, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	if len(values) > table.KeyLen() {
		return nil, errors.New("more values than key columns")
	}
	key := make(projection.Row, len(values))
	for i, value := range values {
		var err error
		if key[i], err = decodeValue(table.Columns[i].Kind, value); err != nil {
			return nil, fmt.Errorf("column %s: %w", table.Columns[i].Name, err)
		}
	}
	return key, nil
}

func decodeValue(kind projection.Kind, text []byte) (any, error) {
	switch kind {
	case projection.Text:
		return decodeAs[string](text)
	case projection.UUID:
		return decodeAs[uuid.UUID](text)
	case projection.Timestamp:
		millis, err := decodeAs[int64](text)
		return time.UnixMilli(millis).UTC(), err
	default:
		return decodeAs[int64](text)
	}
}

func decodeAs[V any](text []byte) (value V, err error) {
	err = json.Unmarshal(text, &value)
	return value, err
}

// checkKey reports a value that does not fit its column.
func checkKey(table *projection.Table, key []any) error {
	for i, value := range key {
		c := table.Columns[i]
		one := projection.Table{Name: table.Name, Columns: []projection.Column{c}}
		if err := one.CheckRow(projection.Row{value}); err != nil {
			return err
		}
	}
	return nil
}
