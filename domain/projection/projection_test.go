package projection_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/projection"
)

// labelled is an event that sets all labels of an aggregate, such as "a=red b=blue".
type labelled string

// labels is a read model whose rows do not show when they changed: one row for each label, with its
// colour.
func labels() *projection.Projection {
	table := &projection.Table{Name: "labels", Columns: []projection.Column{
		{Name: "label", Kind: projection.Text, Role: projection.Partition},
		{Name: "colour", Kind: projection.Text, Role: projection.Regular},
	}}
	type state struct {
		Labels map[string]string `json:"labels"`
	}
	return projection.Define(projection.Definition[state, labelled]{
		Name: "labels", Version: 1, Types: []string{"labelled"}, Table: table,
		Reduce: func(s state, e eventsourcing.Envelope[labelled]) state {
			next := state{Labels: map[string]string{}}
			for pair := range strings.FieldsSeq(string(e.Event)) {
				label, colour, _ := strings.Cut(pair, "=")
				next.Labels[label] = colour
			}
			return next
		},
		Rows: func(s state) []projection.Row {
			var rows []projection.Row
			for _, label := range []string{"a", "b", "c"} {
				if colour, ok := s.Labels[label]; ok {
					rows = append(rows, projection.Row{label, colour})
				}
			}
			return rows
		},
	})
}

// Another process may have written rows of an intermediate step. A write of ours must follow each
// of them.
func TestAdvance_CoversTheStepsInBetween(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// labels after each event; the first is the state that Advance starts from
		steps       []labelled
		put, delete []projection.Row
	}{
		{"a row that never changed is left alone", []labelled{"a=red", "a=red", "a=red"}, nil, nil},
		{"a row that came and stayed is put", []labelled{"", "a=red", "a=red"}, []projection.Row{{"a", "red"}}, nil},
		{"a row that changed is put", []labelled{"a=red", "a=red", "a=blue"}, []projection.Row{{"a", "blue"}}, nil},
		{"a row that changed and changed back is put", []labelled{"a=red", "a=blue", "a=red"}, []projection.Row{{"a", "red"}}, nil},
		{"a row that went and came back is put", []labelled{"a=red", "", "a=red"}, []projection.Row{{"a", "red"}}, nil},
		{"a row that went is deleted", []labelled{"a=red", "", ""}, nil, []projection.Row{{"a", "red"}}},
		{"a row that came and went is deleted", []labelled{"", "a=red", ""}, nil, []projection.Row{{"a", "red"}}},
		{"a row that came, changed and went is deleted once", []labelled{"", "a=red", "a=blue", ""}, nil, []projection.Row{{"a", "red"}}},
		{
			"rows do not get in each other's way",
			[]labelled{"a=red b=red", "b=red c=red", "b=blue"},
			[]projection.Row{{"b", "blue"}},
			[]projection.Row{{"a", "red"}, {"c", "red"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := eventtest.HistoryOf("labelled", orderID, tt.steps)
			start, err := labels().Advance(nil, all[:1])
			if err != nil {
				t.Fatal(err)
			}
			step, err := labels().Advance(start.State, all[1:])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.put, step.Put); diff != "" {
				t.Errorf("put (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.delete, step.Delete); diff != "" {
				t.Errorf("delete (-want +got):\n%s", diff)
			}
		})
	}
}
