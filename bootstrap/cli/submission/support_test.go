package submission_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/bootstrap/cli/submission"
)

// store is a service that accepts every command, unless a test decides otherwise. Like the real one
// it keeps what it has accepted.
type store struct {
	id string
	// judge, when set, decides about a command: it returns a refusal, or an error for no answer.
	judge func(submission.Command) (refusal string, err error)

	mu     sync.Mutex
	sent   []submission.Command
	events map[uuid.UUID][]submission.Event
}

func newStore(id string) *store { return &store{id: id, events: map[uuid.UUID][]submission.Event{}} }

func (s *store) Store(context.Context) (string, error) { return s.id, nil }

func (s *store) Submit(ctx context.Context, c submission.Command) (submission.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return submission.Answer{}, err
	}
	s.sent = append(s.sent, c)
	if s.judge != nil {
		if refusal, err := s.judge(c); refusal != "" || err != nil {
			return submission.Answer{Refusal: refusal}, err
		}
	}
	order, command := c.OrderID, uuid.NewSHA1(uuid.Nil, []byte(c.ID))
	if id, err := uuid.Parse(c.ID); err == nil {
		command = id
	}
	if order == uuid.Nil {
		_ = json.Unmarshal(c.Body["order_id"], &order)
	}
	for _, e := range s.events[order] {
		if e.CommandID == command {
			return submission.Answer{OrderID: order, EventID: e.ID}, nil
		}
	}
	e := submission.Event{ID: uuid.New(), CommandID: command}
	s.events[order] = append(s.events[order], e)
	return submission.Answer{OrderID: order, EventID: e.ID}, nil
}

func (s *store) Events(_ context.Context, orderID uuid.UUID) ([]submission.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events[orderID]), nil
}

// happened returns the number of events.
func (s *store) happened() (n int) {
	for _, events := range s.events {
		n += len(events)
	}
	return n
}

// outcome is the result of a run.
type outcome struct {
	accepted, repeated int
	refusals           map[int]string
	notes              string
	err                error
}

// submit submits an input once.
func (s *store) submit(t *testing.T, input, journal, run string) outcome {
	t.Helper()
	return s.submitFrom(t, strings.NewReader(input), journal, run, func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(input)), nil
	})
}

func (s *store) submitFrom(t *testing.T, input io.Reader, journal, run string, reopen func() (io.ReadCloser, error)) outcome {
	t.Helper()
	var mu sync.Mutex
	o := outcome{refusals: map[int]string{}}
	o.err = submission.Submit(t.Context(), input, submission.Config{
		Service: s, Journal: journal, Run: run, Parallel: 8, Reopen: reopen,
		Answered: func(line int, refusal string, repeated bool) {
			mu.Lock()
			defer mu.Unlock()
			if repeated {
				o.repeated++
			}
			if refusal == "" {
				o.accepted++
			} else {
				o.refusals[line] = refusal
			}
		},
		Note: func(text string) { o.notes += text + "\n" },
	})
	return o
}

// want checks how many commands were accepted and refused, how many answers are from an earlier
// run, and that there is no error.
func (o outcome) want(t *testing.T, accepted, refused, repeated int) {
	t.Helper()
	if o.err != nil || o.accepted != accepted || len(o.refusals) != refused || o.repeated != repeated {
		t.Errorf("%d accepted, %d refused, %d repeated, error %v; want %d, %d, %d and none\n%v", o.accepted, len(o.refusals), o.repeated, o.err,
			accepted, refused, repeated, o.refusals)
	}
}

// wantError checks that the run ended with an error.
func (o outcome) wantError(t *testing.T, target error, parts ...string) {
	t.Helper()
	if o.err == nil || target != nil && !errors.Is(o.err, target) {
		t.Fatalf("error %v, want %v", o.err, target)
	}
	for _, part := range parts {
		if !strings.Contains(o.err.Error(), part) {
			t.Errorf("no %q in: %v", part, o.err)
		}
	}
}

func confirm(id uuid.UUID, reference string) string {
	return fmt.Sprintf(`{"command":"confirm_order","order_id":%q,"payment_reference":%q}`, id, reference)
}

func journalPath(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// body returns the body of a command that the API would get.
func body(c submission.Command) string {
	text, err := json.Marshal(c.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
