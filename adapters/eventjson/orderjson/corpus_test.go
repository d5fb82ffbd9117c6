package orderjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/eventjson/orderjson"
)

func TestCorpus_DecodesAsItWasMeant(t *testing.T) {
	t.Parallel()
	codec := orderjson.New()
	for name, file := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, want, err := file.event()
			if err != nil {
				t.Fatal(err)
			}
			got, err := codec.Decode(stored(file.EventType, file.EventVersion, string(file.Payload)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(envelope(want), got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCorpus_HasEveryVersionOfEveryEvent(t *testing.T) {
	t.Parallel()
	files := corpus(t)
	for name, newest := range orderjson.Versions() {
		for version := 1; version <= newest; version++ {
			want := fmt.Sprintf("%s.v%d.json", name, version)
			file, ok := files[want]
			if !ok {
				t.Errorf("no corpus file %s", want)
			} else if file.EventType != name || file.EventVersion != version {
				t.Errorf("%s holds %s version %d", want, file.EventType, file.EventVersion)
			}
			delete(files, want)
		}
	}
	for name := range files {
		t.Errorf("%s is of no version that the codec knows", name)
	}
}

// Without this test, an event that the domain declares and the codec does not know would be found
// only in production.
func TestCorpus_HasEveryEventOfTheDomain(t *testing.T) {
	t.Parallel()
	declared := declaredEvents(t)
	if len(declared) == 0 {
		t.Fatal("the domain declares no events")
	}
	for _, file := range corpus(t) {
		goName, _, err := file.event()
		if err != nil {
			t.Fatal(err)
		}
		delete(declared, goName)
	}
	for name := range declared {
		t.Errorf("no corpus file stands for order.%s", name)
	}
}

// declaredEvents returns the names of the types that have the method of order events.
func declaredEvents(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../domain/order/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, declaration := range file.Decls {
		if method, ok := declaration.(*ast.FuncDecl); ok && method.Recv != nil && method.Name.Name == "isOrderEvent" {
			names[method.Recv.List[0].Type.(*ast.Ident).Name] = true
		}
	}
	return names
}

// What Encode writes is read by other processes, by other versions of the program, and by
// subscribers to the topic.
func TestCorpus_EncodeWritesTheNewestVersionToTheByte(t *testing.T) {
	t.Parallel()
	codec := orderjson.New()
	for name, newest := range orderjson.Versions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := corpus(t)[fmt.Sprintf("%s.v%d.json", name, newest)]
			_, event, err := file.event()
			if err != nil {
				t.Fatal(err)
			}
			var payload bytes.Buffer
			if err := json.Compact(&payload, file.Payload); err != nil {
				t.Fatal(err)
			}

			got, err := codec.Encode(envelope(event))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(stored(name, newest, payload.String()), got); diff != "" {
				t.Errorf("record; if the change is meant, it needs a new version (-want +got):\n%s", diff)
			}
		})
	}
}
