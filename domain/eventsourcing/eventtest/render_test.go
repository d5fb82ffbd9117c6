package eventtest

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

type node struct {
	name string
	next *node
}

type everyKind struct {
	Text    string
	bytes   []byte
	numbers []int
	empty   []int
	array   [2]bool
	names   map[string]int
	none    map[string]int
	any     any
	nothing any
	pointer *node
	id      uuid.UUID
	at      time.Time
	Public  time.Time
	call    func()
}

func TestRender_GoesAllTheWayDown(t *testing.T) {
	t.Parallel()
	loop := &node{name: "a"}
	loop.next = &node{name: "b", next: loop}
	v := everyKind{
		Text: "a\"b", bytes: []byte("x\x00"), numbers: []int{1, 2}, empty: []int{}, array: [2]bool{true, false},
		names: map[string]int{"b": 2, "a": 1}, none: nil, any: node{name: "c"}, nothing: nil,
		call: nil, pointer: loop, id: ID(1), Public: Noon,
	}
	want := `eventtest.everyKind{Text: "a\"b", bytes: "x\x00", numbers: [1, 2], empty: [], array: [true, false], ` +
		`names: map["a": 1, "b": 2], none: nil, any: eventtest.node{name: "c", next: nil}, nothing: nil, ` +
		`pointer: &eventtest.node{name: "a", next: &eventtest.node{name: "b", next: …}}, ` +
		`id: 018f4e9a-0000-7000-8000-000000000001, at: {wall: 0, ext: 0, loc: nil}, Public: 2025-03-31T12:00:00Z, call: func()(0)}`
	if got := render(v); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := render(nil); got != "nil" {
		t.Errorf("nil is %s", got)
	}
}

func TestRender_TellsUnequalValuesApart(t *testing.T) {
	t.Parallel()
	seen := map[string]any{}
	for _, v := range []any{
		everyKind{},
		everyKind{Text: " "},
		everyKind{bytes: []byte{}},
		everyKind{numbers: []int{}},
		everyKind{names: map[string]int{}},
		everyKind{any: 1},
		everyKind{any: "1"},
		everyKind{any: node{}},
		everyKind{any: &node{}},
		everyKind{pointer: &node{}},
		everyKind{at: Noon},
		everyKind{at: Noon.Add(1)},
		everyKind{Public: Noon},
		everyKind{Public: Noon.Add(1)},
		everyKind{id: ID(1)},
		everyKind{pointer: &node{next: &node{}}},
	} {
		text := render(v)
		if other, ok := seen[text]; ok {
			t.Errorf("%#v and %#v have one text: %s", v, other, text)
		}
		seen[text] = v
	}
}

func TestShared_FindsMemoryThatBothCanWriteTo(t *testing.T) {
	t.Parallel()
	list, leaf, names := []int{1, 2, 3}, &node{name: "a"}, map[string]int{"a": 1}
	type box struct {
		any  any
		list [][]int
	}
	for name, test := range map[string]struct {
		a, b any
		path string // in a; "" when nothing is shared
	}{
		"one slice":               {box{list: [][]int{{1}, list}}, box{list: [][]int{list}}, "eventtest.box.list[1]"},
		"two parts of one slice":  {box{any: list[:1:1]}, list[2:], ""},
		"overlapping parts":       {box{any: list[:2:2]}, list[1:], "eventtest.box.any"},
		"the spare end of a part": {box{any: list[:1]}, list[1:], "eventtest.box.any"},
		"copies":                  {box{any: list}, append([]int(nil), list...), ""},
		"a pointer":               {box{any: leaf}, node{next: leaf}, "eventtest.box.any"},
		"a field behind it":       {box{any: leaf}, &leaf.name, "eventtest.box.any"},
		"a map":                   {box{any: names}, names, "eventtest.box.any"},
		"in a map":                {map[string][]int{"x": list}, list, "map[string][]int[x]"},
		"in an array":             {[1][]int{list}, list, "[1][]int[0]"},
		"nil":                     {box{}, box{}, ""},
		"no value":                {nil, nil, ""},
		"empty slices":            {[]int{}, []int{}, ""},
		"slices of nothing":       {make([]struct{}, 3), make([]struct{}, 3), ""},
		"times":                   {Noon.Local(), Noon.Local(), ""},
		"texts":                   {"text", "text", ""},
	} {
		path, _, ok := shared(test.a, test.b)
		if ok != (test.path != "") || path != test.path {
			t.Errorf("%s: %q, %t, want %q", name, path, ok, test.path)
		}
	}
}
