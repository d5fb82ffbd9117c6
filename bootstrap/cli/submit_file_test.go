package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// service records the requests that it gets and answers them with answer.
type service struct {
	mu     sync.Mutex
	calls  []call
	answer func(call) int
}

type call struct {
	Method, Path, Key, Body string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := call{Method: r.Method, Path: r.URL.Path, Key: r.Header.Get("Idempotency-Key"), Body: string(body)}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	answer := s.answer
	s.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(c)
	}
	w.WriteHeader(status)
	if status >= 400 {
		fmt.Fprintf(w, `{"status":%d,"code":"some_rule","detail":"it says no"}`, status)
	}
}

// run submits input once and returns the refusals by line, the number of answers, and the error.
func (s *service) run(t *testing.T, input, journalPath string) (refusals map[int]string, answers int, err error) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	c := newClient(server.URL)
	defer c.close()
	c.patience = 2 * time.Second
	j, err := openJournal(journalPath)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	var mu sync.Mutex
	refusals = map[int]string{}
	sub := &submission{client: c, journal: j, parallel: 8, answered: func(line int, refusal string, _ bool) {
		mu.Lock()
		defer mu.Unlock()
		answers++
		if refusal != "" {
			refusals[line] = refusal
		}
	}}
	err = sub.send(t.Context(), strings.NewReader(input))
	return refusals, answers, err
}

func confirm(id uuid.UUID, reference string) string {
	return fmt.Sprintf(`{"command":"confirm_order","order_id":%q,"payment_reference":%q}`, id, reference)
}

func TestSubmission_send(t *testing.T) {
	t.Parallel()

	t.Run("maps every command to its route, with the rest of the line as the body", func(t *testing.T) {
		t.Parallel()
		id, key := uuid.New(), uuid.NewString()
		lines := []string{
			fmt.Sprintf(`{"command":"create_order","command_id":%q,"order_id":%q,"customer_id":"c"}`, key, id),
			fmt.Sprintf(`{"command":"update_items","order_id":%q,"items":[]}`, id),
			confirm(id, "p"),
			fmt.Sprintf(`{"command":"ship_order","order_id":%q,"carrier":"c"}`, id),
			fmt.Sprintf(`{"command":"deliver_order","order_id":%q}`, strings.ToUpper(id.String())),
			fmt.Sprintf(`{"command":"cancel_order","order_id":%q,"reason":"r"}`, id),
		}
		s := &service{}
		refusals, answers, err := s.run(t, strings.Join(lines, "\n\n"), "")
		if err != nil || len(refusals) > 0 || answers != 6 {
			t.Fatalf("%v, %d answers, %v", refusals, answers, err)
		}
		path := "/v1/orders/" + id.String()
		want := []call{
			{"POST", "/v1/orders", key, fmt.Sprintf(`{"customer_id":"c","order_id":%q}`, id)},
			{"PUT", path + "/items", s.calls[1].Key, `{"items":[]}`},
			{"POST", path + "/confirm", s.calls[2].Key, `{"payment_reference":"p"}`},
			{"POST", path + "/ship", s.calls[3].Key, `{"carrier":"c"}`},
			{"POST", path + "/deliver", s.calls[4].Key, `{}`},
			{"POST", path + "/cancel", s.calls[5].Key, `{"reason":"r"}`},
		}
		if diff := cmp.Diff(want, s.calls); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("keeps the order of each order, and gives every line an id of its own", func(t *testing.T) {
		t.Parallel()
		orders := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		var input strings.Builder
		for n := range 300 {
			fmt.Fprintln(&input, confirm(orders[n%3], fmt.Sprint(n/3)))
		}
		input.WriteString(confirm(orders[0], "100") + "\n") // the same line twice is two commands
		input.WriteString(confirm(orders[0], "100") + "\n")
		s := &service{}
		if _, answers, err := s.run(t, input.String(), ""); err != nil || answers != 302 {
			t.Fatalf("%d answers, %v", answers, err)
		}
		next, keys := map[string]int{}, map[string]bool{}
		for _, c := range s.calls {
			var body struct {
				Reference string `json:"payment_reference"`
			}
			if err := json.Unmarshal([]byte(c.Body), &body); err != nil {
				t.Fatal(err)
			}
			if body.Reference != "100" && body.Reference != fmt.Sprint(next[c.Path]) {
				t.Fatalf("%s got %s, %d was due", c.Path, body.Reference, next[c.Path])
			}
			next[c.Path]++
			if keys[c.Key] {
				t.Fatalf("key %s twice", c.Key)
			}
			keys[c.Key] = true
		}
	})

	t.Run("reports refusals and malformed lines by number and goes on", func(t *testing.T) {
		t.Parallel()
		id := uuid.New()
		s := &service{answer: func(c call) int {
			if strings.Contains(c.Body, "bad") {
				return http.StatusUnprocessableEntity
			}
			return http.StatusOK
		}}
		lines := []string{confirm(id, "good"), confirm(id, "bad"), `{"command":"fly"}`, `{"command":`, `{"command":"ship_order","order_id":"x"}`, `[]`, `{"command":7}`, confirm(id, "good")}
		refusals, answers, err := s.run(t, strings.Join(lines, "\n"), "")
		if err != nil || answers != 8 {
			t.Fatalf("%d answers, %v", answers, err)
		}
		for line, want := range map[int]string{2: "some_rule: it says no", 3: `command: unknown name "fly"`, 4: "malformed", 5: "order_id", 6: "malformed", 7: "command:"} {
			if !strings.Contains(refusals[line], want) {
				t.Errorf("line %d: %q, want %q", line, refusals[line], want)
			}
		}
		if len(refusals) != 6 {
			t.Errorf("refusals = %v", refusals)
		}
	})

	t.Run("repeats what got 503, with the same key", func(t *testing.T) {
		t.Parallel()
		tries := 0
		s := &service{}
		s.answer = func(call) int {
			if tries++; tries < 3 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}
		if _, answers, err := s.run(t, confirm(uuid.New(), "p"), ""); err != nil || answers != 1 {
			t.Fatalf("%d answers, %v", answers, err)
		}
		if len(s.calls) != 3 || s.calls[0] != s.calls[1] || s.calls[1] != s.calls[2] {
			t.Errorf("calls = %v", s.calls)
		}
	})

	t.Run("stops without an answer, and a second run goes on from there", func(t *testing.T) {
		t.Parallel()
		id, journal := uuid.New(), filepath.Join(t.TempDir(), "journal")
		input := strings.Join([]string{confirm(id, "0"), confirm(id, "bad"), confirm(id, "2"), confirm(id, "3")}, "\n")
		s := &service{answer: func(c call) int {
			switch {
			case strings.Contains(c.Body, "bad"):
				return http.StatusUnprocessableEntity
			case strings.Contains(c.Body, `"2"`):
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}}
		_, answers, err := s.run(t, input, journal)
		if err == nil || !strings.Contains(err.Error(), "line 3") || answers != 2 {
			t.Fatalf("%d answers, %v", answers, err)
		}
		if slices.ContainsFunc(s.calls, func(c call) bool { return strings.Contains(c.Body, `"3"`) }) {
			t.Error("a command overtook one of its order that got no answer")
		}
		s.answer, s.calls = nil, nil // the bad one would be accepted by now
		refusals, answers, err := s.run(t, input, journal)
		if err != nil || answers != 4 || len(refusals) != 1 || refusals[2] == "" {
			t.Errorf("%d answers, refusals %v, %v", answers, refusals, err)
		}
		if len(s.calls) != 2 {
			t.Errorf("the second run sent %v", s.calls)
		}
	})

	t.Run("names a line that is too long", func(t *testing.T) {
		t.Parallel()
		_, _, err := (&service{}).run(t, "\n"+strings.Repeat("x", maxLine+1), "")
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("err = %v", err)
		}
	})

	t.Run("ends when its context ends", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		server := httptest.NewServer(&service{answer: func(call) int { cancel(); return http.StatusServiceUnavailable }})
		defer server.Close()
		c := newClient(server.URL)
		defer c.close()
		j, _ := openJournal("")
		sub := &submission{client: c, journal: j, parallel: 2, answered: func(int, string, bool) {}}
		if err := sub.send(ctx, strings.NewReader(confirm(uuid.New(), "p"))); !errors.Is(err, context.Canceled) {
			var refusal *problem
			if !errors.As(err, &refusal) || ctx.Err() == nil {
				t.Errorf("err = %v", err)
			}
		}
	})
}
