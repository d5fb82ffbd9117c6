package erasure_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/application/erasure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

type rows []projection.Row

func (r rows) Rows(context.Context, ports.RowQuery) (ports.RowPage, error) {
	page := ports.RowPage{}
	for _, row := range r {
		page.Rows = append(page.Rows, append(projection.Row(nil), row...))
	}
	return page, nil
}

// answers are what is known of subjects.
type answers map[ports.Subject]error

func (a answers) SubjectKey(_ context.Context, s ports.Subject, create bool) ([]byte, error) {
	if create {
		return nil, errors.New("reading makes no key")
	}
	return []byte("key"), a[s]
}

func TestMask(t *testing.T) {
	t.Parallel()
	text := func(name string) projection.Column { return projection.Column{Name: name, Kind: projection.Text} }
	notes := &projection.Table{Name: "notes", Columns: []projection.Column{
		{Name: "customer", Kind: projection.Text, Role: projection.Partition}, text("public"), text("first"), text("second"),
	}}
	mask := erasure.Mask{
		Table: "notes", Columns: []string{"first", "second"},
		Subject: func(table *projection.Table, row projection.Row) ports.Subject {
			customer, _ := table.Get(row, "customer").(string)
			return ports.Subject(customer)
		},
		Keys: answers{"erased": ports.ErrSubjectErased, "before": ports.ErrSubjectKeyMissing, "away": ports.ErrUnavailable},
	}
	read := func(table *projection.Table, stored ...projection.Row) ([]projection.Row, error) {
		page, err := mask.Reader(rows(stored)).Rows(t.Context(), ports.RowQuery{Table: table})
		return page.Rows, err
	}
	const gone = eventsourcing.Erased
	got, err := read(notes, projection.Row{"erased", "p", "a", "b"}, projection.Row{"ann", "p", "a", "b"}, projection.Row{"before", "p", "a", "b"},
		projection.Row{"erased", "p", gone, ""}, projection.Row{"erased", "p", "", "b"}, projection.Row{"", "p", "a", ""},
		projection.Row{"away", "p", gone, ""})
	want := []projection.Row{
		{"erased", "p", gone, gone},
		{"ann", "p", "a", "b"},
		{"before", "p", "a", "b"},
		{"erased", "p", gone, ""},
		{"erased", "p", "", gone},
		{"", "p", "a", ""},
		{"away", "p", gone, ""},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := read(notes, projection.Row{"away", "p", "a", ""}); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("while nobody knows whether it is erased: %v", err)
	}
	other := *notes
	other.Name = "other"
	if got, err := read(&other, projection.Row{"erased", "p", "a", "b"}); err != nil || got[0][2] != "a" {
		t.Errorf("another table: %v %v", got, err)
	}
}
