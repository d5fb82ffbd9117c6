package memory

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// rowKey encodes values of the leading key columns of table. The order of the keys, as bytes, is
// the order of the rows. The key of some leading columns is a prefix of the keys of exactly those
// rows that have these values.
func rowKey(table *projection.Table, values []any) (string, error) {
	var key []byte
	for i, value := range values {
		column, start, kind := table.Columns[i], len(key), projection.Kind(0)
		switch v := value.(type) {
		case string:
			key, kind = appendText(key, v), projection.Text
		case int64:
			key, kind = appendInt(key, v), projection.BigInt
		case time.Time:
			key, kind = appendInt(key, v.UnixMilli()), projection.Timestamp
		case uuid.UUID:
			key, kind = append(key, v[:]...), projection.UUID
		}
		if kind != column.Kind {
			return "", fmt.Errorf("table %s: column %s: %T", table.Name, column.Name, value)
		}
		if column.Descending {
			for j := start; j < len(key); j++ {
				key[j] = ^key[j]
			}
		}
	}
	return string(key), nil
}

// appendText ends a text with 00 01, and writes a zero byte in it as 00 FF. So no text is a prefix
// of the key of another one.
func appendText(key []byte, text string) []byte {
	for i := range len(text) {
		key = append(key, text[i])
		if text[i] == 0 {
			key = append(key, 0xFF)
		}
	}
	return append(key, 0, 1)
}

// appendInt flips the sign, so that negative numbers come first.
func appendInt(key []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(key, uint64(n)^(1<<63))
}
