package transfer_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/memory"
	"orderflow/application/transfer"
	"orderflow/ports"
)

// unreliable is a target whose log of operations does not answer some times.
type unreliable struct {
	*memory.Store
	failures int
}

func (f *unreliable) AppendOperation(ctx context.Context, e ports.OperationEntry) error {
	if f.failures--; f.failures >= 0 {
		return ports.ErrUnavailable
	}
	return f.Store.AppendOperation(ctx, e)
}

// The log of operations comes back the same, once, beside what the target has of its own.
func TestImport_addsToTheLogOfOperations(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.May, 1, 10, 0, 0, 0, time.UTC)
	own := ports.OperationEntry{ID: id(1), At: at, Action: "pause", Target: "own"}
	first := ports.OperationEntry{ID: id(2), At: at.Add(time.Second), Action: "skip", AggregateID: id(9), Reason: "why", Subject: "token:ci"}
	second := ports.OperationEntry{ID: id(3), At: at.Add(2 * time.Second), Action: "resume", Failure: "refused"}
	to := &unreliable{Store: memory.New(memory.Options{}), failures: 2}
	if err := to.Store.AppendOperation(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	source := func() *source {
		s := newSource(commandOf(3, 1, 2))
		s.parts = append(s.parts, ports.ImportPart{Line: 4, Operations: []ports.OperationEntry{second, first}})
		s.err = io.EOF
		return s
	}
	log := func() []ports.OperationEntry {
		page, err := to.Operations(t.Context(), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return page.Entries
	}
	dry := func() *transfer.Importer { // each is for one import
		return importer(to, func(c *transfer.ImporterConfig) { c.DryRun = true })
	}
	for name, run := range map[string]func(context.Context, ports.ImportSource) (transfer.ImportReport, error){
		"check": dry().Check, "dry run": dry().Import,
	} {
		if report, err := run(t.Context(), source()); err != nil || report.Operations != 2 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if got := log(); len(got) != 1 {
			t.Errorf("after a %s the log has %d entries", name, len(got))
		}
	}
	for range 2 {
		report, err := importer(to, nil).Import(t.Context(), source())
		if err != nil || report.Operations != 2 || report.Events != 2 || report.Refused != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if diff := cmp.Diff(log(), []ports.OperationEntry{second, first, own}); diff != "" {
			t.Errorf("the log (-got +want):\n%s", diff)
		}
	}
}
