package projection_test

import (
	"strings"
	"testing"

	"orderflow/domain/compact"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/projection"
)

// counted is the state of a projection that counts events.
type counted struct {
	N int64 `json:"n"`
}

func counting(name string, layout *projection.Layout[counted]) *projection.Projection {
	return projection.Define(projection.Definition[counted, labelled]{
		Name: name, Version: 1, Types: []string{"labelled"}, Table: labels().Table, Layout: layout,
		Reduce: func(s counted, _ eventsourcing.Envelope[labelled]) counted { return counted{s.N + 1} },
		Rows: func(s counted) []projection.Row {
			if s.N == 0 {
				return nil
			}
			return []projection.Row{{"n", strings.Repeat("|", int(s.N))}}
		},
	})
}

// first and second are two versions of a layout.
func first() *projection.Layout[counted] {
	return &projection.Layout[counted]{
		Version: 1,
		Write:   func(dst []byte, s counted) []byte { return compact.AppendNumber(dst, s.N) },
		Read:    func(r *compact.Reader) counted { return counted{r.Number()} },
	}
}

func second() *projection.Layout[counted] {
	return &projection.Layout[counted]{
		Version: 2,
		Write:   func(dst []byte, s counted) []byte { return compact.AppendText(dst, strings.Repeat("|", int(s.N))) },
		Read:    func(r *compact.Reader) counted { return counted{int64(len(r.Text()))} },
		Earlier: map[int]func(*compact.Reader) counted{1: first().Read},
	}
}

// A state of an earlier layout, or from before there were layouts, is read, and is stored in the
// newest layout. One of a later layout is refused.
func TestLayout_ReadsEarlierVersions(t *testing.T) {
	t.Parallel()
	history := eventtest.HistoryOf("labelled", orderID, []labelled{"", "", ""})
	want, err := counting("n", second()).Advance(nil, history)
	if err != nil {
		t.Fatal(err)
	}
	for name, before := range map[string]*projection.Projection{
		"JSON": counting("n", nil), "version 1": counting("n", first()), "version 2": counting("n", second()),
	} {
		step, err := before.Advance(nil, history[:2])
		if err != nil {
			t.Fatal(err)
		}
		got, err := counting("n", second()).Advance(step.State, history[2:])
		if err != nil || string(got.State) != string(want.State) || len(got.Put) != 1 || got.Put[0][1] != "|||" {
			t.Errorf("%s: %q, %v: %v", name, got.State, got.Put, err)
		}
	}
	if _, err := counting("n", first()).Open(want.State); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a state of a later version: %v", err)
	}
}

// What is kept in memory goes on as what is stored does.
func TestContinue_DoesWhatAdvanceDoes(t *testing.T) {
	t.Parallel()
	p := counting("n", first())
	history := eventtest.HistoryOf("labelled", orderID, []labelled{"", "", "", ""})
	var kept projection.Kept
	var state []byte
	for _, e := range history {
		stored, err := p.Advance(state, []projection.Event{e})
		if err != nil {
			t.Fatal(err)
		}
		step, next, err := p.Continue(kept, []projection.Event{e})
		if err != nil || string(step.State) != string(stored.State) || !projection.SameRow(step.Put[0], stored.Put[0]) {
			t.Fatalf("event %d: %v, want %v: %v", e.SequenceNumber, step, stored, err)
		}
		if _, again, err := p.Continue(kept, []projection.Event{e}); err != nil || again.Size() != next.Size() {
			t.Fatalf("event %d: the kept state was modified: %v", e.SequenceNumber, err)
		}
		kept, state = next, step.State
	}
	if least := len("||||") + len(state); kept.Size() < least {
		t.Errorf("it has size %d, but holds %d bytes", kept.Size(), least)
	}
}
