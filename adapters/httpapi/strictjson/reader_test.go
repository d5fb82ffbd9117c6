package strictjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/httpapi/strictjson"
)

// parcel is what the documents of these tests hold.
type parcel struct {
	ID     uuid.UUID
	Name   string
	Fast   bool
	Pieces []int64
}

func read(document string) (parcel, []strictjson.Fault) {
	var p parcel
	r := strictjson.New([]byte(document))
	r.Object(
		strictjson.Member{Name: "id", Read: func() { p.ID = r.UUID() }},
		strictjson.Member{Name: "name", Required: true, Read: func() { p.Name = r.Text() }},
		strictjson.Member{Name: "fast", Read: func() { p.Fast = r.Boolean() }},
		strictjson.Member{Name: "pieces", Required: true, Read: func() {
			r.Array(func() {
				r.Object(strictjson.Member{Name: "grams", Required: true, Read: func() { p.Pieces = append(p.Pieces, r.Integer()) }})
			})
		}},
	)
	return p, r.End()
}

func TestReader_readsWhatIsThere(t *testing.T) {
	t.Parallel()
	const id = "0195f3a0-0000-7000-8000-000000000001"
	got, faults := read("\n{ \"pieces\" : [ {\"grams\":-1},\t{\"grams\":0} ] , \"name\":\"a\\u00fc\\ud83d\\ude00\",\r\"fast\":true,\"id\":\"" + id + `"} `)
	want := parcel{ID: uuid.MustParse(id), Name: "aü\U0001F600", Fast: true, Pieces: []int64{-1, 0}}
	if diff := cmp.Diff(want, got); diff != "" || faults != nil {
		t.Errorf("faults %v (-want +got):\n%s", faults, diff)
	}
}

// All faults are reported, and not only the first one.
func TestReader_saysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	for document, want := range map[string][]string{
		`{"id":"x","name":null,"fast":"yes","pieces":[{"grams":"1"},{"grams":2.5},7,{}],"more":[1,{"a":[]}]}`: {
			"id must be a UUID other than the nil UUID",
			"name must be a string, is null",
			"fast must be true or false, is a string",
			"pieces[0].grams must be a whole number, is a string",
			"pieces[1].grams must be a whole number",
			"pieces[2] must be an object, is a number",
			"pieces[3].grams is required",
			"more is not known here",
		},
		`{}`:                              {"name is required", "pieces is required"},
		`{"name":"a","name":7,"name":[]}`: {"name is given twice", "name is given twice", "pieces is required"},
		`[]`:                              {" must be an object, is an array"},
		`{"name":["a"],"pieces":{}} x`: {
			"name must be a string, is an array", "pieces must be an array, is an object",
			" no valid JSON at byte 27: the document ends before this",
		},
		// After a fault of the syntax nothing is known, so nothing more is reported.
		`{"fast":1,"name":}`:                 {"fast must be true or false, is a number", "name no valid JSON at byte 17: a string was expected"},
		`{"name":-}`:                         {"name no valid JSON at byte 8: a number was expected"},
		`{"fast":tru}`:                       {"fast no valid JSON at byte 8: a value was expected"},
		`{"name":["\ud83d"]}`:                {"name no valid JSON at byte 17: a string has half of a surrogate pair, which is no character"},
		`{"more":{"a":1 "b":2}}`:             {"more is not known here", "more no valid JSON at byte 15: a comma or } was expected"},
		`{"id":"` + uuid.Nil.String() + `"}`: {"id must be a UUID other than the nil UUID", "name is required", "pieces is required"},
		``:                                   {" no valid JSON at byte 0: an object was expected"},
		`{"a":` + strings.Repeat("[", 100):   {"a is not known here", "a no valid JSON at byte 70: values are nested too deep"},
	} {
		_, faults := read(document)
		var got []string
		for _, f := range faults {
			got = append(got, f.Field+" "+f.Message)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", document, diff)
		}
	}
}

func TestReader_saysSoMuchAtMost(t *testing.T) {
	t.Parallel()
	_, faults := read(`{"name":"a","pieces":[` + strings.Repeat(`{"grams":""},`, 999) + `{}]}`)
	if len(faults) != strictjson.MaxFaults || faults[19].Field != "pieces[19].grams" {
		t.Errorf("%d faults, the last of them %v", len(faults), faults[len(faults)-1])
	}
	if _, faults := read(`{"name":"a","pieces":[` + strings.Repeat(`{"grams":""},`, 999) + `{`); len(faults) != strictjson.MaxFaults {
		t.Errorf("%d faults, broken off", len(faults))
	}
}

// Only the value of a number matters, as in JSON Schema, and it is exact.
func TestReader_integers(t *testing.T) {
	t.Parallel()
	for literal, want := range map[string]int64{
		"0": 0, "-0": 0, "0.0": 0, "-0.0e7": 0, "0e999999999999999999999": 0, "206": 206, "206.0": 206, "2.06e2": 206, "2060E-1": 206,
		"1e2": 100, "1e+2": 100, "100e-2": 1, "-7.000": -7, "0.5e1": 5, "0.00050e+4": 5,
		"9223372036854775807": math.MaxInt64, "9223372036854775807.0": math.MaxInt64, "922337203685477580.7e1": math.MaxInt64,
		"-9223372036854775808": math.MinInt64, "-9223372036854775808.00": math.MinInt64, "9007199254740993.0": 9007199254740993,
	} {
		got, faults := integer(literal)
		if got != want || faults != nil {
			t.Errorf("%s: %d, %v; want %d", literal, got, faults, want)
		}
	}
	for literal, want := range map[string]string{
		"0.5": "must be a whole number", "1.25e1": "must be a whole number", "1e-1": "must be a whole number",
		"9223372036854775807.5": "must be a whole number", "1e-999999999999999999999": "must be a whole number",
		"9223372036854775808": "does not fit into 64 bits", "9223372036854775808.0": "does not fit into 64 bits",
		"-9223372036854775809": "does not fit into 64 bits", "1e19": "does not fit into 64 bits", "1e999999999": "does not fit into 64 bits",
		"1e999999999999999999999": "does not fit into 64 bits",
		"007":                     "no valid JSON at byte 0: a number was expected", "1.": "no valid JSON at byte 0: a number was expected",
		"1e": "no valid JSON at byte 0: a number was expected", "-": "no valid JSON at byte 0: a number was expected",
		"+1": "no valid JSON at byte 0: a whole number was expected", ".5": "no valid JSON at byte 0: a whole number was expected",
	} {
		if got, faults := integer(literal); got != 0 || len(faults) != 1 || faults[0].Message != want {
			t.Errorf("%s: %d, %v; want %q", literal, got, faults, want)
		}
	}
}

func integer(literal string) (int64, []strictjson.Fault) {
	r := strictjson.New([]byte(literal))
	return r.Integer(), r.End()
}

func TestReader_integers_areExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		literal := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "literal")
		exact, ok := new(big.Rat).SetString(literal)
		if !ok {
			t.Fatal(literal)
		}
		got, faults := integer(literal)
		fits := exact.IsInt() && exact.Num().IsInt64()
		if fits != (faults == nil) || fits && got != exact.Num().Int64() {
			t.Errorf("%s: %d, %v; it is %s", literal, got, faults, exact)
		}
	})
}

func TestReader_valuesAndNamesThatAreNotKnown(t *testing.T) {
	t.Parallel()
	var got []string
	r := strictjson.New([]byte(`{ "a" : [1, {"b":2}] ,"c":"\u0041" , "a":3, "d":null}`))
	r.Members(func(name string) { got = append(got, fmt.Sprintf("%s %s", name, r.Value())) })
	if diff := cmp.Diff([]string{`a [1, {"b":2}]`, `c "\u0041"`, "d null"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]strictjson.Fault{{Field: "a", Message: "is given twice"}}, r.End()); diff != "" || r.Broken() {
		t.Errorf("broken %t (-want +got):\n%s", r.Broken(), diff)
	}
}

// What is read as a value is JSON, and no JSON is refused.
func FuzzReader_value(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5e3,true,false,null,"x\n"]}`, `[]`, `"\ud83d\ude00"`, `1`, `-`, `{"a":1,"a":2}`, `[1,]`, ` {} `, "\"\xff\"", `"\ud83d"`, `nulll`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		r := strictjson.New(document)
		value := r.Value()
		faults := r.End()
		valid := json.Valid(document)
		switch {
		case faults == nil && !valid:
			t.Errorf("%q is no JSON, and was read as %q", document, value)
		case faults == nil:
			if want := bytes.Trim(document, " \t\r\n"); !bytes.Equal(want, value) {
				t.Errorf("%q was read as %q", document, value)
			}
		case valid && !slices.ContainsFunc(faults, func(f strictjson.Fault) bool {
			return strings.Contains(f.Message, "UTF-8") || strings.Contains(f.Message, "surrogate") || strings.Contains(f.Message, "deep")
		}):
			t.Errorf("%q was refused: %v", document, faults)
		}
	})
}

func ExampleReader() {
	var name string
	var sizes []int64
	r := strictjson.New([]byte(`{"name":"mug","sizes":[1,"two",3.5],"colour":"red"}`))
	r.Object(
		strictjson.Member{Name: "name", Required: true, Read: func() { name = r.Text() }},
		strictjson.Member{Name: "sizes", Read: func() { r.Array(func() { sizes = append(sizes, r.Integer()) }) }},
	)
	faults := r.End()
	fmt.Println(name, sizes)
	for _, fault := range faults {
		fmt.Println(fault.Field, fault.Message)
	}
	// Output:
	// mug [1 0 0]
	// sizes[1] must be a whole number, is a string
	// sizes[2] must be a whole number
	// colour is not known here
}
