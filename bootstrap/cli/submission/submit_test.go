package submission_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"orderflow/bootstrap/cli/submission"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSubmit_commands(t *testing.T) {
	t.Parallel()
	id, key := uuid.New(), uuid.NewString()
	lines := []string{
		fmt.Sprintf(`{"command":"create_order","command_id":%q,"order_id":%q,"customer_id":"c"}`, key, id),
		fmt.Sprintf(`{"command":"update_items","order_id":%q,"items":[]}`, id),
		confirm(id, "p"),
		fmt.Sprintf(`{"command":"ship_order","order_id":%q,"carrier":"c"}`, id),
		fmt.Sprintf(`{"command":"deliver_order","order_id":%q}`, strings.ToUpper(id.String())),
		fmt.Sprintf(` { "order_id" : %q , "reason" : "\u00e9\ud83d\ude00" , "command" : "cancel_order" } `, id),
		// the API checks the contents
		`{"command":"create_order","items":[{"sku":"A","sku":"B"}],"order_id":7}`,
	}
	s := newStore("s")
	s.submit(t, strings.Join(lines, "\n\n \r\n"), "", "").want(t, 7, 0, 0)
	type sent struct {
		Name, Body string
		Order      uuid.UUID
	}
	var got []sent
	for _, c := range s.sent {
		if c.Name == "create_order" && c.ID == key || c.ID != key {
			got = append(got, sent{c.Name, body(c), c.OrderID})
		}
	}
	order := func(a, b sent) int { return strings.Compare(a.Name+a.Body, b.Name+b.Body) }
	want := []sent{
		{"create_order", fmt.Sprintf(`{"customer_id":"c","order_id":%q}`, id), uuid.Nil},
		{"update_items", `{"items":[]}`, id},
		{"confirm_order", `{"payment_reference":"p"}`, id},
		{"ship_order", `{"carrier":"c"}`, id},
		{"deliver_order", `{}`, id},
		{"cancel_order", `{"reason":"\u00e9\ud83d\ude00"}`, id},
		{"create_order", `{"items":[{"sku":"A","sku":"B"}],"order_id":7}`, uuid.Nil},
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// The ids that are derived from an input never change: a run that an earlier version has started
// must continue with the same ids.
func TestSubmit_derivedIDs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ run, input, want string }{
		{"", `{"command":"create_order"}`, "6a405428-bc56-58f2-847b-919cfeb5513d"},
		{"", "\n" + `{"command":"create_order"}` + "\r\n", "f0fbe2d3-2ff6-55e3-b88a-513f27e72fa5"},
		{"again", `{"command":"create_order"}`, "d277f665-9507-52c3-9777-7b4da16c5fa5"},
		{"", "\ufeff" + `{"command":"create_order"}`, "6a405428-bc56-58f2-847b-919cfeb5513d"},
	} {
		s := newStore("s")
		s.submit(t, test.input, "", test.run).want(t, 1, 0, 0)
		if got := s.sent[0].ID; got != test.want {
			t.Errorf("%q of run %q: %s, want %s", test.input, test.run, got, test.want)
		}
	}
}

func TestSubmit_keepsTheOrderOfEachOrder(t *testing.T) {
	t.Parallel()
	orders := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	var input strings.Builder
	for n := range 300 {
		fmt.Fprintln(&input, confirm(orders[n%3], fmt.Sprint(n/3)))
	}
	input.WriteString(confirm(orders[0], "100") + "\n") // the same line twice is two commands
	input.WriteString(confirm(orders[0], "100") + "\n")
	s := newStore("s")
	s.submit(t, input.String(), "", "").want(t, 302, 0, 0)
	next, ids := map[uuid.UUID]int{}, map[string]bool{}
	for _, c := range s.sent {
		var reference string
		if err := json.Unmarshal(c.Body["payment_reference"], &reference); err != nil {
			t.Fatal(err)
		}
		if reference != "100" && reference != fmt.Sprint(next[c.OrderID]) {
			t.Fatalf("%s got %s, %d was due", c.OrderID, reference, next[c.OrderID])
		}
		next[c.OrderID]++
		if ids[c.ID] {
			t.Fatalf("id %s twice", c.ID)
		}
		ids[c.ID] = true
	}
}

// A line that is not a command is refused with the words of the API, and stops nothing.
func TestSubmit_refusesLinesThatAreNoCommand(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	refused := map[string]string{
		`{"command":"fly"}`: `command: unknown name "fly"; the names are create_order,`,
		`not json`:          "malformed: ",
		`{"command":"ship_order","order_id":"x"}`:         `order_id: "x" is not a UUID`,
		`{"command":"ship_order"}`:                        `order_id: "" is not a UUID`,
		`{"command":"ship_order","order_id":7}`:           `order_id: `,
		`[]`:                                              "must be an object, is an array",
		`{"command":7}`:                                   "command: must be a string, is a number",
		`{}`:                                              "command: is required",
		`{"Command":"create_order"}`:                      "command: is required",
		confirm(id, "a") + confirm(id, "b"):               "ends before this",
		confirm(id, "a") + "\x00":                         "ends before this",
		confirm(id, "a")[:30]:                             "no valid JSON",
		`{"command":"create_order","command":"fly"}`:      "command: is given twice",
		`{"command":"create_order","a":1,"b":2,"a":3}`:    "a: is given twice",
		`{"command":"create_order","a":1,"\u0061":3}`:     "a: is given twice",
		`{"command":"create_order","reason":"\ud83d"}`:    "half of a surrogate pair",
		`{"command":"create_order","reason":"\ude00x"}`:   "half of a surrogate pair",
		`{"command":"create_order","\ud83d":1}`:           "half of a surrogate pair",
		`{"command":"create_order","a":[{"b":"\ud83d"}]}`: "half of a surrogate pair",
		"{\"command\":\"create_order\",\"a\":\"\xff\"}":   "UTF-8",
		`{"command":"create_order","command_id":""}`:      "command_id: must have 1 to 255 visible ASCII characters",
		`{"command":"create_order","command_id":"a\nb"}`:  "command_id: must have 1 to 255 visible",
		`{"command":"create_order","command_id":"é"}`:     "command_id: must have 1 to 255 visible",
		`{"command":"create_order","command_id":"` + strings.Repeat("x", 256) + `"}`: "command_id: must have 1 to 255 visible",
		`{"command":"create_order","a":` + strings.Repeat("[", 10_000) + `}`:         "malformed: ",
		strings.Repeat("x", submission.MaxLine+1):                                    fmt.Sprintf("the line has %d bytes, and %d are the most", submission.MaxLine+1, submission.MaxLine),
		strings.Repeat(" ", 3*submission.MaxLine) + confirm(id, "a"):                 "bytes, and",
	}
	for line, want := range refused {
		s := newStore("s")
		o := s.submit(t, confirm(id, "before")+"\n"+line+"\n"+confirm(id, "after"), "", "")
		o.want(t, 2, 1, 0)
		if got := o.refusals[2]; !strings.Contains(got, want) {
			t.Errorf("%.100s: %q, want %q", line, got, want)
		}
	}
}

// The longest line is as long as documented, with any line end.
func TestSubmit_longLines(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	padded := func(size int) string {
		short := confirm(id, "")
		return confirm(id, strings.Repeat("x", size-len(short)))
	}
	for _, end := range []string{"", "\n", "\r\n"} {
		s := newStore("s")
		s.submit(t, padded(submission.MaxLine)+end, "", "").want(t, 1, 0, 0)
		s.submit(t, padded(submission.MaxLine+1)+end, "", "").want(t, 0, 1, 0)
		s.submit(t, padded(submission.MaxLine+2)+end, "", "").want(t, 0, 1, 0)
	}
	// Together the lines need more memory than allowed.
	s := newStore("s")
	long := strings.Repeat(padded(submission.MaxLine)+"\n", 40)
	s.submit(t, long, "", "").want(t, 40, 0, 0)
}

func TestSubmit_textThatIsNoUTF8(t *testing.T) {
	t.Parallel()
	for _, start := range []string{"\xff\xfe{\x00", "\xfe\xff\x00{"} {
		newStore("s").submit(t, start, "", "").wantError(t, nil, "UTF-16")
	}
	newStore("s").submit(t, "\xef\xbb\xbf"+confirm(uuid.New(), "p"), "", "").want(t, 1, 0, 0)
	newStore("s").submit(t, "\xef\xbb\xbf", "", "").want(t, 0, 0, 0)
	newStore("s").submit(t, "", "", "").want(t, 0, 0, 0)
}

func TestSubmit_anInputThatBreaksOff(t *testing.T) {
	t.Parallel()
	input := io.MultiReader(strings.NewReader(confirm(uuid.New(), "p")+"\n"), broken{})
	s := newStore("s")
	s.submitFrom(t, input, "", "", nil).wantError(t, io.ErrUnexpectedEOF, "line 2")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestSubmit_endsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newStore("s")
	s.judge = func(submission.Command) (string, error) { cancel(); return "", context.Canceled }
	err := submission.Submit(ctx, strings.NewReader(confirm(uuid.New(), "p")), submission.Config{
		Service: s, Parallel: 2, Answered: func(int, string, bool) {},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}
