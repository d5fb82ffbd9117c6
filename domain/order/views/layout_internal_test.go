package views

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/compact"
	"orderflow/domain/projection"
)

// Every field of a state is stored. A field that is new in the struct and not in the layout would
// be lost between two events.
func TestLayouts_StoreEveryField(t *testing.T) {
	t.Parallel()
	storesEveryField(t, summaryLayout())
	storesEveryField(t, linesLayout())
	storesEveryField(t, documentLayout())
}

func storesEveryField[S any](t *testing.T, layout *projection.Layout[S]) {
	t.Helper()
	var want S
	next := 0
	fill(t, reflect.ValueOf(&want).Elem(), &next)
	r := compact.NewReader(layout.Write(nil, want))
	got := layout.Read(r)
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); r.End() != nil || diff != "" {
		t.Errorf("%T: %v (-written +read):\n%s", want, r.End(), diff)
	}
}

// fill gives each field another value that is not zero.
func fill(t *testing.T, v reflect.Value, next *int) {
	t.Helper()
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem() // unexported fields as well
	*next++
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = string(rune('a' + *next))
	case *int64:
		*p = int64(*next)
	case *uuid.UUID:
		*p = uuid.UUID{byte(*next)}
	case *time.Time:
		*p = time.Unix(int64(*next), 0).UTC()
	default:
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(t, v.Field(i), next)
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				fill(t, v.Index(i), next)
			}
		default:
			t.Fatalf("a field of %s: say here how to fill it", v.Type())
		}
	}
}
