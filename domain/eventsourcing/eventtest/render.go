package eventtest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// render writes v in one line, to any depth, unexported fields included. Equal values give equal
// texts. So a text from before shows whether the value was modified since.
func render(v any) string {
	var b strings.Builder
	w := writer{b: &b, seen: map[uintptr]bool{}}
	w.named(reflect.ValueOf(v))
	return b.String()
}

type writer struct {
	b *strings.Builder
	// seen are the pointers on the path to the value that is being written.
	seen map[uintptr]bool
}

// named writes v with the name of its type where the value alone does not show it.
func (w writer) named(v reflect.Value) {
	if v.IsValid() && v.Kind() == reflect.Struct && v.Type() != timeType {
		w.b.WriteString(v.Type().String())
	}
	w.value(v)
}

var (
	timeType = reflect.TypeFor[time.Time]()
	uuidType = reflect.TypeFor[uuid.UUID]()
)

func (w writer) value(v reflect.Value) {
	switch {
	case !v.IsValid():
		w.b.WriteString("nil")
	case v.Type() == timeType && v.CanInterface():
		w.b.WriteString(v.Interface().(time.Time).Format(time.RFC3339Nano))
	case v.Type() == uuidType:
		var id uuid.UUID
		for i := range id {
			id[i] = byte(v.Index(i).Uint())
		}
		w.b.WriteString(id.String())
	default:
		w.kind(v)
	}
}

func (w writer) kind(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintf(w.b, "%q", v.String())
	case reflect.Struct:
		w.list("{", "}", v.NumField(), func(i int) {
			w.b.WriteString(v.Type().Field(i).Name + ": ")
			w.value(v.Field(i))
		})
	case reflect.Slice, reflect.Array:
		w.elements(v)
	case reflect.Map:
		w.entries(v)
	case reflect.Interface:
		w.named(v.Elem())
	case reflect.Pointer:
		w.pointer(v)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(w.b, "%s(%x)", v.Type(), v.Pointer())
	default: // numbers and truth values
		fmt.Fprintf(w.b, "%v", v)
	}
}

func (w writer) elements(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Slice && v.IsNil():
		w.b.WriteString("nil")
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		fmt.Fprintf(w.b, "%q", v.Bytes())
	default:
		w.list("[", "]", v.Len(), func(i int) { w.value(v.Index(i)) })
	}
}

func (w writer) entries(v reflect.Value) {
	if v.IsNil() {
		w.b.WriteString("nil")
		return
	}
	var entries []string
	for key, value := range v.Seq2() {
		var b strings.Builder
		entry := writer{b: &b, seen: w.seen}
		entry.value(key)
		b.WriteString(": ")
		entry.value(value)
		entries = append(entries, b.String())
	}
	slices.Sort(entries)
	w.list("map[", "]", len(entries), func(i int) { w.b.WriteString(entries[i]) })
}

func (w writer) pointer(v reflect.Value) {
	switch at := v.Pointer(); {
	case v.IsNil():
		w.b.WriteString("nil")
	case w.seen[at]:
		w.b.WriteString("…")
	default:
		w.seen[at] = true
		defer delete(w.seen, at)
		w.b.WriteString("&")
		w.named(v.Elem())
	}
}

func (w writer) list(begin, end string, n int, write func(int)) {
	w.b.WriteString(begin)
	for i := range n {
		if i > 0 {
			w.b.WriteString(", ")
		}
		write(i)
	}
	w.b.WriteString(end)
}

// span is a piece of memory that can be written to, and the path to it in a value.
type span struct {
	from, to uintptr
	path     string
}

// shared returns the paths in a and b of memory that both refer to. ok is false when there is none.
// Strings and times do not count, because they cannot be written to.
func shared(a, b any) (inA, inB string, ok bool) {
	ofA, ofB := spans(a), spans(b)
	for _, x := range ofA {
		for _, y := range ofB {
			if x.from < y.to && y.from < x.to {
				return x.path, y.path, true
			}
		}
	}
	return "", "", false
}

func spans(v any) []span {
	c := collector{seen: map[uintptr]bool{}}
	c.collect(reflect.ValueOf(v), fmt.Sprintf("%T", v))
	return c.found
}

type collector struct {
	found []span
	seen  map[uintptr]bool
}

func (c *collector) collect(v reflect.Value, path string) {
	if !v.IsValid() || v.Type() == timeType {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			c.collect(v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		c.add(v.Pointer(), uintptr(v.Cap())*v.Type().Elem().Size(), path)
		c.elements(v, path)
	case reflect.Array:
		c.elements(v, path)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		c.add(v.Pointer(), 1, path)
		for key, value := range v.Seq2() {
			c.collect(value, fmt.Sprintf("%s[%v]", path, key))
		}
	case reflect.Interface:
		c.collect(v.Elem(), path)
	case reflect.Pointer:
		if v.IsNil() || c.seen[v.Pointer()] {
			return
		}
		c.seen[v.Pointer()] = true
		c.add(v.Pointer(), v.Type().Elem().Size(), path)
		c.collect(v.Elem(), path)
	}
}

func (c *collector) elements(v reflect.Value, path string) {
	switch v.Type().Elem().Kind() {
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map, reflect.Interface, reflect.Pointer:
	default: // what refers to nothing
		return
	}
	for i := range v.Len() {
		c.collect(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (c *collector) add(at, size uintptr, path string) {
	if size > 0 {
		c.found = append(c.found, span{at, at + size, path})
	}
}
