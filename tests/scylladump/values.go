package scylladump

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gocql/gocql"
)

// cell holds a value of any type, in the form in which it is written to JSON. It is nil for null.
type cell struct{ value any }

// UnmarshalCQL implements [gocql.Unmarshaler].
func (c *cell) UnmarshalCQL(info gocql.TypeInfo, data []byte) error {
	if data == nil {
		return nil
	}
	switch info.Type() {
	case gocql.TypeUUID, gocql.TypeTimeUUID:
		return unmarshal(info, data, func(v gocql.UUID) { c.value = v.String() })
	case gocql.TypeTimestamp:
		return unmarshal(info, data, func(v time.Time) { c.value = v.UTC().Format(time.RFC3339Nano) })
	case gocql.TypeBlob:
		return unmarshal(info, data, func(v []byte) { c.value = base64.StdEncoding.EncodeToString(v) })
	case gocql.TypeMap:
		return unmarshal(info, data, func(v map[string]string) { c.value = v })
	case gocql.TypeBoolean:
		return unmarshal(info, data, func(v bool) { c.value = v })
	case gocql.TypeInt, gocql.TypeBigInt:
		return unmarshal(info, data, func(v int64) { c.value = v })
	default:
		return unmarshal(info, data, func(v string) { c.value = v })
	}
}

func unmarshal[T any](info gocql.TypeInfo, data []byte, use func(T)) error {
	var v T
	if err := gocql.Unmarshal(info, data, &v); err != nil {
		return err
	}
	use(v)
	return nil
}

// decode turns a value from JSON into what the driver accepts for a column of a type.
func decode(kind string, value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		m := map[string]string{}
		for key, text := range v {
			m[key] = fmt.Sprint(text)
		}
		return m, nil
	case json.Number:
		return v.Int64()
	case string:
		switch kind {
		case "uuid", "timeuuid":
			return gocql.ParseUUID(v)
		case "timestamp":
			at, err := time.Parse(time.RFC3339Nano, v)
			return at.UnixMilli(), err // the driver takes the zero time for null
		case "blob":
			return base64.StdEncoding.DecodeString(v)
		}
	}
	return value, nil
}
