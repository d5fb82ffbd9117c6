package submission_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderflow/bootstrap/cli/submission"
)

// lines returns an input of commands, each for another order. One of them is refused.
func lines(n int) (input string, refuse func(submission.Command) (string, error)) {
	var text strings.Builder
	for i := range n {
		reference := fmt.Sprint(i)
		if i == 1 {
			reference = "bad"
		}
		fmt.Fprintln(&text, confirm(uuid.NewSHA1(uuid.Nil, []byte{byte(i)}), reference))
	}
	return text.String(), func(c submission.Command) (string, error) {
		if strings.Contains(body(c), `"bad"`) {
			return "some_rule: it says \"no\"\nünïcode", nil
		}
		return "", nil
	}
}

// A run that got no answer stops. The next run continues there, and ends like a single run.
func TestJournal_aSecondRunGoesOn(t *testing.T) {
	t.Parallel()
	id, journal := uuid.New(), journalPath(t)
	input := strings.Join([]string{confirm(id, "0"), confirm(id, "bad"), confirm(id, "2"), confirm(id, "3")}, "\n")
	s := newStore("s")
	s.judge = func(c submission.Command) (string, error) {
		switch {
		case strings.Contains(body(c), "bad"):
			return "some_rule: no", nil
		case strings.Contains(body(c), `"2"`):
			return "", errors.New("500")
		}
		return "", nil
	}
	o := s.submit(t, input, journal, "")
	if o.wantError(t, nil, "line 3: 500"); o.accepted != 1 || len(o.refusals) != 1 || len(s.sent) != 3 {
		t.Fatalf("%+v, sent %v", o, s.sent)
	}
	s.judge, s.sent = nil, nil // the bad command would be accepted by now
	o = s.submit(t, input, journal, "")
	o.want(t, 3, 1, 2)
	if len(s.sent) != 2 || o.refusals[2] != "some_rule: no" || o.notes != "" {
		t.Errorf("%+v, sent %v", o, s.sent)
	}
}

// The answers of one store and one run are not used for others: the work is done, and no command is
// reported as accepted that is not.
func TestJournal_isOfOneStoreAndOneRun(t *testing.T) {
	t.Parallel()
	input, judge := lines(5)
	journal := journalPath(t)
	one, other := newStore("one"), newStore("other")
	one.judge, other.judge = judge, judge
	one.submit(t, input, journal, "").want(t, 4, 1, 0)
	o := other.submit(t, input, journal, "")
	o.want(t, 4, 1, 0)
	if other.happened() != 4 || !strings.Contains(o.notes, "another store or another run") {
		t.Errorf("%d events, and the user is told %q", other.happened(), o.notes)
	}
	one.submit(t, input, journal, "again").want(t, 4, 1, 0)
	if one.happened() != 8 {
		t.Errorf("%d events after a second run, want 8", one.happened())
	}
	for _, s := range []*store{one, other} {
		s.sent = nil
		s.submit(t, input, journal, "").want(t, 4, 1, 5)
	}
	one.submit(t, input, journal, "again").want(t, 4, 1, 5)
	if len(one.sent)+len(other.sent) > 0 {
		t.Errorf("sent once more: %v %v", one.sent, other.sent)
	}
	// The address of a store without an id is not the id of another store.
	newStore("address http://127.0.0.1:8080").submit(t, input, journal, "").want(t, 5, 0, 0)
}

// A store that was restored from an older copy does not have what the journal says.
func TestJournal_aStoreThatHasForgotten(t *testing.T) {
	t.Parallel()
	input, _ := lines(3)
	journal := journalPath(t)
	s := newStore("s")
	s.submit(t, input, journal, "").want(t, 3, 0, 0)
	clear(s.events)
	o := s.submit(t, input, journal, "")
	o.wantError(t, submission.ErrForgotten, journal, "made an event of order", "Remove the journal")
	if o.accepted > 0 {
		t.Errorf("%d commands are said to be accepted", o.accepted)
	}
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	s.submit(t, input, journal, "").want(t, 3, 0, 0)
}

// When another store replaces the first one, the run must not end as if all were well.
func TestJournal_aStoreThatIsReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	input, _ := lines(3)
	journal := journalPath(t)
	s := newStore("s")
	s.judge = func(submission.Command) (string, error) { s.id = "other"; return "", nil }
	s.submit(t, input, journal, "").wantError(t, submission.ErrReplaced, "s, now other", "submit the input once more")
	s.submit(t, input, journal, "").want(t, 3, 0, 0)
}

func TestJournal_anInputThatHasChanged(t *testing.T) {
	t.Parallel()
	journal, id := journalPath(t), uuid.New()
	s := newStore("s")
	s.submit(t, confirm(id, "then"), journal, "").want(t, 1, 0, 0)
	s.submit(t, confirm(id, "now"), journal, "").wantError(t, nil, "line 1", "remove "+journal)
	long := strings.Repeat("x", 2*submission.MaxLine)
	journal = journalPath(t)
	s.submit(t, long+"x", journal, "").want(t, 0, 1, 0)
	s.submit(t, long+"x", journal, "").want(t, 0, 1, 1)
	s.submit(t, long+"y", journal, "").wantError(t, nil, "line 1", "remove "+journal)
}

// An answer that was written incompletely is requested again.
func TestJournal_tornAnywhere(t *testing.T) {
	t.Parallel()
	input, judge := lines(3)
	journal := journalPath(t)
	s := newStore("s")
	s.judge = judge
	s.submit(t, input, journal, "").want(t, 2, 1, 0)
	whole := read(t, journal)
	for cut := range len(whole) {
		write(t, journal, whole[:cut])
		answers := max(0, strings.Count(whole[:cut], "\n")-1) // the first line is a heading
		s.submit(t, input, journal, "").want(t, 2, 1, answers)
		s.submit(t, input, journal, "").want(t, 2, 1, 3)
	}
}

func TestJournal_aFileThatIsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\"command\":\"create_order\"}\n":     "line 1 is no entry of a journal",
		"words\n":                              "line 1 is no entry of a journal",
		"{\"journal\":3,\"part\":\"x\"}\n":     "it has format 3, and this version of the program knows format 2",
		"\n":                                   "line 1 is no entry of a journal",
		"1 a \"\"\n{\"part\":\"x\",\"line\":1": "", // incomplete
	} {
		journal := journalPath(t)
		write(t, journal, text)
		o := newStore("s").submit(t, "", journal, "")
		if want == "" {
			o.want(t, 0, 0, 0)
		} else {
			o.wantError(t, nil, journal, want)
		}
	}
	if o := newStore("s").submit(t, "", filepath.Join(t.TempDir(), "no", "where"), ""); o.err == nil || !strings.Contains(o.err.Error(), "journal:") {
		t.Errorf("a directory that is not there: %v", o.err)
	}
}

// A journal of an earlier version does not name the store of its answers. They count if the store
// shows that they are its own.
func TestJournal_ofAnEarlierVersion(t *testing.T) {
	t.Parallel()
	input := read(t, "testdata/format1/commands.jsonl")
	judge := func(c submission.Command) (string, error) {
		if c.Name == "ship_order" || strings.Contains(body(c), "pay-2") {
			return "some_rule: no", nil
		}
		return "", nil
	}
	early := func(t *testing.T) string {
		journal := journalPath(t)
		write(t, journal, read(t, "testdata/format1/commands.jsonl.journal"))
		return journal
	}

	t.Run("of the same store and run", func(t *testing.T) {
		t.Parallel()
		journal, s := early(t), newStore("s")
		s.judge = judge
		s.submit(t, input, "", "").want(t, 2, 3, 0) // as the earlier version did
		s.judge, s.sent = nil, nil
		for range 2 {
			o := s.submit(t, input, journal, "")
			o.want(t, 2, 3, 5)
			if len(s.sent) > 0 || o.notes != "" || !strings.Contains(o.refusals[2], "order_not_confirmed") {
				t.Errorf("sent %v, told %q, refused %q", s.sent, o.notes, o.refusals[2])
			}
		}
	})

	t.Run("of another store", func(t *testing.T) {
		t.Parallel()
		s := newStore("s")
		s.judge = judge
		o := s.submit(t, input, early(t), "")
		o.want(t, 2, 3, 0)
		if s.happened() != 2 || !strings.Contains(o.notes, "5 answers of an earlier version") {
			t.Errorf("%d events, told %q", s.happened(), o.notes)
		}
	})

	t.Run("of another run", func(t *testing.T) {
		t.Parallel()
		s := newStore("s")
		s.judge = judge
		s.submit(t, input, "", "").want(t, 2, 3, 0)
		s.submit(t, input, early(t), "again").want(t, 2, 3, 0)
		if s.happened() != 4 {
			t.Errorf("%d events, want 4", s.happened())
		}
	})

	t.Run("of an input that can be read once", func(t *testing.T) {
		t.Parallel()
		s := newStore("s")
		s.judge = judge
		s.submit(t, input, "", "").want(t, 2, 3, 0)
		o := s.submitFrom(t, strings.NewReader(input), early(t), "", nil)
		o.want(t, 2, 3, 0)
		if s.happened() != 2 || !strings.Contains(o.notes, "5 answers of an earlier version") {
			t.Errorf("%d events, told %q", s.happened(), o.notes)
		}
	})
}
