package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// # Keys of rows
//
// Key columns are encoded one after the other. Comparing keys as bytes compares rows column by
// column, and no encoding of a column is a prefix of another one:
//
//   - text: its bytes, with 0x00 written as 0x00 0xff, and 0x00 0x01 at the end;
//   - bigint and timestamp (milliseconds since 1970): 8 bytes, big-endian, with the sign bit
//     inverted. The zero time stands for null. Its number is far below that of any other time;
//   - uuid: its 16 bytes.
//
// All bytes of a descending column are inverted.
//
// A table with buckets has the bucket as text before the first clustering column, inverted if that
// is descending. It does not change the order, and there is no load to spread here. It is there
// because earlier versions kept it as a column. Shards are not stored.
const (
	textEscape    = 0x00
	textEscaped00 = 0xff
	textEnd       = 0x01
)

// formatRow is the format of the value of a row. It holds the regular columns: for each its kind in
// one byte, and then a string for text, a varint for a bigint or a timestamp, 16 bytes for a uuid.
const formatRow = 1

// RowKey returns the key of the rows of table whose leading key columns have the given values. It
// is the key of one row when these are all key columns.
func RowKey(view ports.ViewID, table *projection.Table, values []any) ([]byte, error) {
	return AppendRowKey(make([]byte, 0, 128), view, table, values)
}

// AppendRowKey appends what RowKey returns.
func AppendRowKey(key []byte, view ports.ViewID, table *projection.Table, values []any) ([]byte, error) {
	key = appendText(appendViewPrefix(key, SpaceRow, view), table.Name)
	partition := table.PartitionLen()
	for i, value := range values {
		var err error
		if i == partition && table.Bucket > 0 {
			start := len(key)
			key = append(table.AppendBucket(key, values), textEscape, textEnd) // nothing to escape
			if !table.OldestFirst() {
				invert(key[start:])
			}
		}
		if key, err = appendKeyColumn(key, &table.Columns[i], value); err != nil {
			return nil, fmt.Errorf("table %s: column %s: %w", table.Name, table.Columns[i].Name, err)
		}
	}
	return key, nil
}

// reversed reports whether the bytes of a key column are inverted.
func reversed(c *projection.Column) bool {
	return c.Role == projection.Clustering && c.Descending
}

func appendKeyColumn(dst []byte, c *projection.Column, value any) ([]byte, error) {
	start := len(dst)
	switch v := value.(type) {
	case string:
		dst = appendText(dst, v)
	case int64:
		dst = appendOrdered(dst, v)
	case time.Time:
		millis, err := toMillis(v)
		if err != nil {
			return nil, err
		}
		dst = appendOrdered(dst, millis)
	case uuid.UUID:
		dst = append(dst, v[:]...)
	}
	if !kindHolds(c.Kind, value) {
		return nil, fmt.Errorf("a %T does not fit", value)
	}
	if reversed(c) {
		invert(dst[start:])
	}
	return dst, nil
}

func kindHolds(kind projection.Kind, value any) bool {
	switch value.(type) {
	case string:
		return kind == projection.Text
	case int64:
		return kind == projection.BigInt
	case time.Time:
		return kind == projection.Timestamp
	case uuid.UUID:
		return kind == projection.UUID
	default:
		return false
	}
}

func appendText(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, textEscape)
		if i < 0 {
			return append(append(dst, s...), textEscape, textEnd)
		}
		dst = append(append(dst, s[:i]...), textEscape, textEscaped00)
		s = s[i+1:]
	}
}

func appendOrdered(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(n)^1<<63)
}

func invert(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// keyColumn reads one key column.
func (d *decoder) keyColumn(c *projection.Column) any {
	switch c.Kind {
	case projection.Text:
		return d.text(reversed(c))
	case projection.BigInt:
		return d.ordered(reversed(c))
	case projection.Timestamp:
		return FromMillis(d.ordered(reversed(c)))
	case projection.UUID:
		b := slices.Clone(d.bytes(16))
		if reversed(c) {
			invert(b)
		}
		var id uuid.UUID
		copy(id[:], b)
		return id
	default:
		d.fail(errFormat)
		return nil
	}
}

func (d *decoder) ordered(inverted bool) int64 {
	n := d.uint64()
	if inverted {
		n = ^n
	}
	return int64(n ^ 1<<63)
}

func (d *decoder) text(inverted bool) string {
	var mask byte
	if inverted {
		mask = 0xff
	}
	var text []byte
	for {
		n := bytes.IndexByte(d.rest, textEscape^mask)
		if n < 0 || n+1 == len(d.rest) {
			d.fail(errShort)
			return ""
		}
		text = append(text, d.bytes(uint64(n))...)
		switch d.bytes(2)[1] ^ mask {
		case textEscaped00:
			text = append(text, textEscape^mask)
		case textEnd:
			if inverted {
				invert(text)
			}
			return string(text)
		default:
			d.fail(errCanonical)
			return ""
		}
	}
}

// AppendRow appends the value of a row that fits its table. It refuses a time that milliseconds
// cannot hold.
func AppendRow(value []byte, table *projection.Table, row projection.Row) ([]byte, error) {
	value = append(value, formatRow)
	for i := table.KeyLen(); i < len(row); i++ {
		value = append(value, byte(table.Columns[i].Kind))
		switch v := row[i].(type) {
		case string:
			value = appendString(value, v)
		case int64:
			value = binary.AppendVarint(value, v)
		case time.Time:
			millis, err := toMillis(v)
			if err != nil {
				return nil, fmt.Errorf("table %s: column %s: %w", table.Name, table.Columns[i].Name, err)
			}
			value = binary.AppendVarint(value, millis)
		case uuid.UUID:
			value = append(value, v[:]...)
		}
	}
	return value, nil
}

// DecodeRow reads a row. key is the part of its key after the name of the table.
func DecodeRow(table *projection.Table, key, value []byte) (projection.Row, error) {
	row := make(projection.Row, 0, len(table.Columns))
	k, v := decoder{rest: key}, decode(value, formatRow)
	partition, bucket := table.PartitionLen(), ""
	for i := range table.Columns {
		if i == partition && table.Bucket > 0 {
			bucket = k.text(!table.OldestFirst())
		}
		if c := &table.Columns[i]; c.Role == projection.Regular {
			row = append(row, v.column(c))
		} else {
			row = append(row, k.keyColumn(c))
		}
	}
	if k.err == nil && bucket != table.BucketOf(row) {
		k.fail(errCanonical)
	}
	for _, err := range []error{k.end(), v.end()} {
		if err != nil {
			return nil, fmt.Errorf("row of %s: %w", table.Name, err)
		}
	}
	return row, nil
}

// column reads one regular column.
func (d *decoder) column(c *projection.Column) any {
	if kind := d.bytes(1); d.err == nil && kind[0] != byte(c.Kind) {
		d.fail(errFormat)
	}
	switch c.Kind {
	case projection.Text:
		return d.string()
	case projection.BigInt:
		return d.varint()
	case projection.Timestamp:
		return FromMillis(d.varint())
	case projection.UUID:
		return d.uuid()
	default:
		d.fail(errFormat)
		return nil
	}
}
