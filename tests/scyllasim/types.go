package scyllasim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"strings"

	"github.com/datastax/go-cassandra-native-protocol/datatype"
)

type kind uint8

const (
	kText kind = iota + 1
	kASCII
	kInt
	kBigint
	kSmallint
	kTinyint
	kBoolean
	kUUID
	kTimeUUID
	kTimestamp
	kBlob
	kDouble
	kFloat
	kInet
	kMap
	kSet
	kList
)

// cqlType is a CQL type. Values of every type are kept in their wire form, so they are stored and
// returned by copying.
type cqlType struct {
	kind   kind
	frozen bool
	key    *cqlType // of a map
	val    *cqlType // of a map's values, of a set's or a list's elements
}

var (
	intT       = &cqlType{kind: kInt}
	bigintT    = &cqlType{kind: kBigint}
	tinyintT   = &cqlType{kind: kTinyint}
	booleanT   = &cqlType{kind: kBoolean}
	timeuuidT  = &cqlType{kind: kTimeUUID}
	timestampT = &cqlType{kind: kTimestamp}
	blobT      = &cqlType{kind: kBlob}
)

func frozenSet(v *cqlType) *cqlType  { return &cqlType{kind: kSet, frozen: true, val: v} }
func frozenList(v *cqlType) *cqlType { return &cqlType{kind: kList, frozen: true, val: v} }

var simpleTypes = map[string]kind{
	"text": kText, "varchar": kText, "ascii": kASCII, "int": kInt, "bigint": kBigint, "smallint": kSmallint, "tinyint": kTinyint,
	"boolean": kBoolean, "uuid": kUUID, "timeuuid": kTimeUUID, "timestamp": kTimestamp, "blob": kBlob, "double": kDouble,
	"float": kFloat, "inet": kInet,
}

var kindNames = map[kind]string{
	kText: "text", kASCII: "ascii", kInt: "int", kBigint: "bigint",
	kSmallint: "smallint", kTinyint: "tinyint", kBoolean: "boolean",
	kUUID: "uuid", kTimeUUID: "timeuuid", kTimestamp: "timestamp",
	kBlob: "blob", kDouble: "double", kFloat: "float", kInet: "inet",
}

var wireTypes = map[kind]datatype.DataType{
	kText: datatype.Varchar, kASCII: datatype.Ascii, kInt: datatype.Int, kBigint: datatype.Bigint,
	kSmallint: datatype.Smallint,
	kTinyint:  datatype.Tinyint, kBoolean: datatype.Boolean, kUUID: datatype.Uuid, kTimeUUID: datatype.Timeuuid,
	kTimestamp: datatype.Timestamp, kBlob: datatype.Blob, kDouble: datatype.Double, kFloat: datatype.Float,
	kInet: datatype.Inet,
}

func (t *cqlType) collection() bool { return t.kind >= kMap }

// multiCell reports whether each element of the value is a cell of its own, with its own timestamp
// and TTL.
func (t *cqlType) multiCell() bool { return t.collection() && !t.frozen }

func (t *cqlType) asFrozen() *cqlType {
	c := *t
	c.frozen = c.collection()
	return &c
}

func (t *cqlType) String() string {
	var s string
	switch t.kind {
	case kMap:
		s = "map<" + t.key.String() + ", " + t.val.String() + ">"
	case kSet:
		s = "set<" + t.val.String() + ">"
	case kList:
		s = "list<" + t.val.String() + ">"
	default:
		return kindNames[t.kind]
	}
	if t.frozen {
		return "frozen<" + s + ">"
	}
	return s
}

func (t *cqlType) wire() datatype.DataType {
	switch t.kind {
	case kMap:
		return datatype.NewMap(t.key.wire(), t.val.wire())
	case kSet:
		return datatype.NewSet(t.val.wire())
	case kList:
		return datatype.NewList(t.val.wire())
	}
	return wireTypes[t.kind]
}

// width returns the length of a value in bytes. It is 0 when the length varies.
func (t *cqlType) width() int {
	switch t.kind {
	case kInt, kFloat:
		return 4
	case kBigint, kTimestamp, kDouble:
		return 8
	case kSmallint:
		return 2
	case kTinyint, kBoolean:
		return 1
	case kUUID, kTimeUUID:
		return 16
	}
	return 0
}

// check refuses bytes that are not a value of the type.
func (t *cqlType) check(b []byte) error {
	if w := t.width(); w != 0 && len(b) != w {
		return invalid("Exception while binding column: marshaling error: Validation failed for %s - got %d bytes",
			t, len(b))
	}
	if t.collection() {
		_, err := t.elements(b)
		return err
	}
	return nil
}

func (t *cqlType) compare(a, b []byte) int {
	switch t.kind {
	case kInt, kBigint, kSmallint, kTinyint, kTimestamp:
		return cmp.Compare(signed(a), signed(b))
	case kDouble:
		return cmp.Compare(math.Float64frombits(uint64(signed(a))), math.Float64frombits(uint64(signed(b))))
	case kFloat:
		return cmp.Compare(math.Float32frombits(uint32(signed(a))), math.Float32frombits(uint32(signed(b))))
	case kTimeUUID:
		return compareTimeUUID(a, b)
	case kUUID:
		return compareUUID(a, b)
	}
	return bytes.Compare(a, b)
}

func signed(b []byte) int64 {
	var v int64
	if len(b) > 0 && b[0]&0x80 != 0 {
		v = -1
	}
	for _, c := range b {
		v = v<<8 | int64(c)
	}
	return v
}

// element is one entry of a collection in wire form. Elements of a set have no value, and elements
// of a list have no key.
type element struct{ key, val []byte }

// elements splits a collection value. Entries of a list are in val and have no key.
func (t *cqlType) elements(b []byte) ([]element, error) {
	bad := invalid("marshaling error: malformed %s value", strings.TrimPrefix(t.String(), "frozen"))
	next := func() ([]byte, bool) {
		if len(b) < 4 {
			return nil, false
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		if n < 0 || n > len(b)-4 {
			return nil, false
		}
		v := b[4 : 4+n]
		b = b[4+n:]
		return v, true
	}
	if len(b) < 4 {
		return nil, bad
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if n < 0 || n > len(b)/4 {
		return nil, bad
	}
	out := make([]element, n)
	for i := range out {
		var ok bool
		if t.kind != kList {
			if out[i].key, ok = next(); !ok {
				return nil, bad
			}
		}
		if t.kind != kSet {
			if out[i].val, ok = next(); !ok {
				return nil, bad
			}
		}
	}
	return out, nil
}

// join is the inverse of elements.
func (t *cqlType) join(es []element) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(es)))
	put := func(b []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(b)))
		out = append(out, b...)
	}
	for _, e := range es {
		if t.kind != kList {
			put(e.key)
		}
		if t.kind != kSet {
			put(e.val)
		}
	}
	return out
}

// keyType returns the type that orders the elements of a map or set.
func (t *cqlType) keyType() *cqlType {
	if t.kind == kMap {
		return t.key
	}
	return t.val
}
