package eventtest

import (
	"github.com/google/go-cmp/cmp"

	"orderflow/domain/projection"
)

// Project returns the scenarios of a projection. samples are events, as any, which the reducer has
// to take in every state beside the given ones.
func Project(t T, p *projection.Projection, samples ...any) *Projecting {
	t.Helper()
	if err := p.Table.Check(); err != nil {
		t.Errorf("eventtest: %s: %v", p.Name, err)
	}
	return &Projecting{t: t, p: p, samples: samples}
}

// Projecting are the scenarios of one projection.
type Projecting struct {
	t       T
	p       *projection.Projection
	samples []any
}

// Given sets the histories of some aggregates, each from its first event on; see [History].
func (p *Projecting) Given(histories ...[]projection.Event) *View {
	v := &View{of: p, histories: histories}
	p.t.Cleanup(func() {
		if !v.ended {
			p.t.Errorf("eventtest: a scenario of %s has no end: call Then, ThenNothing or Holds", p.p.Name)
		}
	})
	return v
}

// View is a scenario of a projection whose outcome is not set yet.
type View struct {
	of        *Projecting
	histories [][]projection.Event
	ended     bool
}

// Then expects these rows in the table, in whatever order, and no others.
func (v *View) Then(rows ...projection.Row) {
	v.of.t.Helper()
	v.run(rows, true)
}

// ThenNothing expects no rows in the table.
func (v *View) ThenNothing() {
	v.of.t.Helper()
	v.run(nil, true)
}

// Holds expects no particular rows. It checks only what holds for every projection.
func (v *View) Holds() {
	v.of.t.Helper()
	v.run(nil, false)
}

func (v *View) run(rows []projection.Row, wanted bool) {
	v.of.t.Helper()
	v.ended = true
	r := &viewing{p: v.of.p, samples: v.of.samples, histories: v.histories}
	got, ok := r.fold()
	if ok && wanted {
		if diff := cmp.Diff(r.lines(rows), r.lines(got)); diff != "" {
			r.complain("but (-want +got):\n%s", diff)
		}
	}
	if ok && r.foldMoments() {
		r.checkCuts()
		r.checkTotal()
		r.checkSchedules(got)
	}
	if text := r.tell(rows, wanted); text != "" {
		v.of.t.Errorf("%s", text)
	}
}
