package scyllasim

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net"
	"sort"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// value is a value of a statement in wire form. When b is nil it is null. unset means that the
// column is not changed.
type value struct {
	b     []byte
	unset bool
}

// env is what a term needs to be evaluated.
type env struct {
	binds []value
	now   time.Time
}

// eval returns the wire form of a term for a column of type t.
func (e *env) eval(x term, t *cqlType) (value, error) {
	switch x.kind {
	case tBind:
		if x.bind >= len(e.binds) {
			return value{}, invalid("Invalid amount of bind variables: expected more than %d", len(e.binds))
		}
		v := e.binds[x.bind]
		if v.b == nil {
			return v, nil
		}
		return v, t.check(v.b)
	case tNull:
		return value{}, nil
	case tFunc:
		b, err := e.call(x, t)
		return value{b: b}, err
	}
	b, err := literal(e, x, t)
	return value{b: b}, err
}

// literal encodes a constant. A constant that does not fit the type is an error, as on a server.
func literal(e *env, x term, t *cqlType) ([]byte, error) {
	bad := func(what string) error { return invalid("Invalid %s constant (%s) for type %s", what, x.text, t) }
	switch x.kind {
	case tString:
		return stringLiteral(x.text, t)
	case tInteger, tFloat:
		return numberLiteral(x, t)
	case tUUID:
		if t.kind != kUUID && t.kind != kTimeUUID {
			return nil, bad("UUID")
		}
		u, err := uuid.Parse(x.text)
		if err != nil {
			return nil, bad("UUID")
		}
		return u[:], nil
	case tBlob:
		b, err := hex.DecodeString(x.text[2:])
		if t.kind != kBlob || err != nil {
			return nil, bad("HEX")
		}
		return b, nil
	case tBool:
		if t.kind != kBoolean {
			return nil, bad("BOOLEAN")
		}
		return encode(t, x.text == "true"), nil
	}
	return collectionLiteral(e, x, t)
}

func stringLiteral(s string, t *cqlType) ([]byte, error) {
	switch t.kind {
	case kText, kASCII:
		return []byte(s), nil
	case kInet:
		if ip := net.ParseIP(s); ip != nil {
			return encode(t, ip), nil
		}
	case kTimestamp:
		for _, layout := range []string{
			time.RFC3339Nano, "2006-01-02 15:04:05Z0700", "2006-01-02 15:04:05.000Z0700", "2006-01-02",
		} {
			if at, err := time.Parse(layout, s); err == nil {
				return encode(t, at), nil
			}
		}
	}
	return nil, invalid("Invalid STRING constant (%s) for type %s", s, t)
}

func numberLiteral(x term, t *cqlType) ([]byte, error) {
	if t.kind == kDouble || t.kind == kFloat {
		f, err := strconv.ParseFloat(x.text, 64)
		if err != nil {
			return nil, invalid("Invalid number (%s) for type %s", x.text, t)
		}
		return encode(t, f), nil
	}
	w := t.width()
	if x.kind == tInteger && (t.kind == kInt || t.kind == kBigint || t.kind == kSmallint || t.kind == kTinyint ||
		t.kind == kTimestamp) {
		if n, err := strconv.ParseInt(x.text, 10, w*8); err == nil {
			return encode(t, n), nil
		}
	}
	return nil, invalid("Invalid INTEGER constant (%s) for type %s", x.text, t)
}

func collectionLiteral(e *env, x term, t *cqlType) ([]byte, error) {
	isMap, empty := len(x.keys) > 0, len(x.items) == 0
	ok := x.kind == tList && t.kind == kList ||
		x.kind == tBraces && (t.kind == kMap && (isMap || empty) || t.kind == kSet && !isMap)
	if !ok {
		return nil, invalid("Invalid collection literal for type %s", t)
	}
	es := make([]element, len(x.items))
	for i, item := range x.items {
		v, err := e.eval(item, t.val)
		if err != nil {
			return nil, err
		}
		es[i].val = v.b
		if t.kind == kSet {
			es[i] = element{key: v.b}
		}
		if isMap {
			k, err := e.eval(x.keys[i], t.key)
			if err != nil {
				return nil, err
			}
			es[i].key = k.b
		}
		if v.b == nil || t.kind != kList && es[i].key == nil {
			return nil, invalid("null is not supported inside collections")
		}
	}
	if t.kind != kList {
		es = t.sorted(es)
	}
	return t.join(es), nil
}

// sorted orders the elements of a map or set by key. Of equal keys the last one wins.
func (t *cqlType) sorted(es []element) []element {
	kt := t.keyType()
	sort.SliceStable(es, func(i, j int) bool { return kt.compare(es[i].key, es[j].key) < 0 })
	out := es[:0]
	for _, el := range es {
		if n := len(out); n > 0 && kt.compare(out[n-1].key, el.key) == 0 {
			out[n-1] = el
			continue
		}
		out = append(out, el)
	}
	return out
}

func (e *env) call(x term, t *cqlType) ([]byte, error) {
	switch x.text {
	case "now", "currenttimeuuid":
		return randomTimeUUID(e.now.UnixMicro()), nil
	case "uuid":
		u := uuid.New()
		return u[:], nil
	case "currenttimestamp":
		return encode(timestampT, e.now), nil
	case "totimestamp", "mintimeuuid", "maxtimeuuid":
		if len(x.items) != 1 {
			return nil, invalid("Invalid number of arguments in call to function system.%s", x.text)
		}
		return e.timeCall(x)
	}
	return nil, unsupported("the function %s", x.text)
}

func (e *env) timeCall(x term) ([]byte, error) {
	arg := timestampT
	if x.text == "totimestamp" {
		arg = timeuuidT
	}
	v, err := e.eval(x.items[0], arg)
	if err != nil || v.b == nil {
		return nil, err
	}
	switch x.text {
	case "totimestamp":
		return encode(timestampT, time.UnixMicro(timeUUIDMicros(v.b))), nil
	case "mintimeuuid":
		return timeUUIDAt(signed(v.b)*1000, 0x8080808080808080), nil
	}
	return timeUUIDAt(signed(v.b)*1000, 0x7f7f7f7f7f7f7f7f), nil
}

// encode returns the wire form of a Go value, for literals and for the system tables.
func encode(t *cqlType, v any) []byte {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return []byte(v)
	case []byte:
		return v
	case bool:
		if v {
			return []byte{1}
		}
		return []byte{0}
	case int:
		return encode(t, int64(v))
	case int64:
		return binary.BigEndian.AppendUint64(nil, uint64(v))[8-t.width():]
	case float64:
		if t.kind == kFloat {
			return binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(v)))
		}
		return binary.BigEndian.AppendUint64(nil, math.Float64bits(v))
	case time.Time:
		return binary.BigEndian.AppendUint64(nil, uint64(v.UnixMilli()))
	case uuid.UUID:
		return v[:]
	case net.IP:
		if v4 := v.To4(); v4 != nil {
			return v4
		}
		return v
	}
	return encodeCollection(t, v)
}

func encodeCollection(t *cqlType, v any) []byte {
	var es []element
	switch v := v.(type) {
	case []string:
		for _, s := range v {
			es = append(es, element{key: []byte(s), val: []byte(s)})
		}
		return t.join(es)
	case [][]byte:
		for _, b := range v {
			es = append(es, element{key: b})
		}
	case map[string]string:
		for k, s := range v {
			es = append(es, element{[]byte(k), []byte(s)})
		}
	case map[string][]byte:
		for k, b := range v {
			es = append(es, element{[]byte(k), b})
		}
	default:
		panic(fmt.Sprintf("scyllasim: no CQL form of a %T", v))
	}
	return t.join(t.sorted(es))
}
