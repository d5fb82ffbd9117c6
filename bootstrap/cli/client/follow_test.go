package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// connections answers one request after the other, and records what is asked for.
type connections struct {
	mu      sync.Mutex
	asked   []string
	answers []func(w http.ResponseWriter)
}

func (c *connections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, r.URL.RequestURI()+" "+r.Header.Get("Accept"))
	answer := c.answers[0]
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
	answer(w)
}

func lines(text ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { io.WriteString(w, strings.Join(text, "\n")+"\n") }
}

func problem(status int, code string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"code":%q}`, status, code)
	}
}

// A follower continues after what it has, whatever ends its connection.
func TestFollower_continues(t *testing.T) {
	t.Parallel()
	service := &connections{answers: []func(http.ResponseWriter){
		lines(`{"event":"event","id":"1","data":{"n":1}}`, `{"event":"caught-up","data":{"id":"1"}}`, `{"event":"place","id":"2"}`),
		problem(503, "too_many_streams"),
		func(w http.ResponseWriter) {
			io.WriteString(w, `{"event":"event","id":"3","data":{"n":3}}`+"\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		lines(`{"event":"ping"}`, `{"event":"end","data":{"reason":"shutdown"}}`, `{"event":"event","id":"9","data":{}}`),
		problem(400, "bad_cursor"),
	}}
	c := New(serve(t, service.ServeHTTP))
	defer c.Close()
	pauses := 0
	f := Follower{
		Client: c, Path: "/v1/stream", Query: map[string][]string{"from": {"earliest"}, "status": {"ACTIVE"}}, Pause: time.Millisecond,
		Lost: func(error, time.Duration) { pauses++ },
	}
	var got []string
	err := f.Run(t.Context(), func(frame Frame) error {
		got = append(got, frame.Event+frame.ID)
		return nil
	})
	var refusal *Problem
	if !errors.As(err, &refusal) || refusal.Code != "bad_cursor" {
		t.Errorf("err = %v, want the refusal that does not go away", err)
	}
	if want := []string{"event1", "caught-up", "place2", "event3", "ping", "end"}; !slices.Equal(got, want) {
		t.Errorf("frames %v, want %v", got, want)
	}
	const lines = " application/x-ndjson"
	if want := []string{
		"/v1/stream?from=earliest&status=ACTIVE" + lines,
		"/v1/stream?last_event_id=2&status=ACTIVE" + lines, "/v1/stream?last_event_id=2&status=ACTIVE" + lines,
		"/v1/stream?last_event_id=3&status=ACTIVE" + lines, "/v1/stream?last_event_id=3&status=ACTIVE" + lines,
	}; !slices.Equal(service.asked, want) {
		t.Errorf("asked for %q, want %q", service.asked, want)
	}
	if pauses != 4 {
		t.Errorf("%d pauses, want 4", pauses)
	}
}

func TestFollower_endsWithItsCaller(t *testing.T) {
	t.Parallel()
	service := &connections{answers: []func(http.ResponseWriter){lines(`{"event":"event","id":"1","data":{}}`)}}
	c := New(serve(t, service.ServeHTTP))
	defer c.Close()
	enough := errors.New("enough")
	f := Follower{Client: c, Path: "/v1/stream", Pause: time.Millisecond}
	if err := f.Run(t.Context(), func(Frame) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("err = %v, want that of the caller", err)
	}
}
