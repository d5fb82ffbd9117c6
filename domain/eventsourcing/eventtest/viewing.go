package eventtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/projection"
)

// viewing is a scenario that runs.
type viewing struct {
	p         *projection.Projection
	samples   []any
	histories [][]projection.Event
	// moments holds, for each history, the rows before its first event and after each. Each is
	// folded from the beginning.
	moments [][]rows
	complaints
}

// tell returns the text of the scenario, followed by the complaints about it.
func (r *viewing) tell(rows []projection.Row, wanted bool) string {
	if len(r.complaints) == 0 {
		return ""
	}
	b := tale{}
	b.line(r.p.Name)
	var given []string
	for _, history := range r.histories {
		for _, e := range history {
			given = append(given, fmt.Sprintf("%s %d: %s", e.AggregateID, e.SequenceNumber, render(e.Event)))
		}
	}
	b.part("given", given)
	if wanted {
		b.part("then", r.lines(rows))
	}
	return b.end(r.complaints)
}

// lines renders rows in the order of their texts.
func (r *viewing) lines(rows []projection.Row) []string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = r.row(row)
	}
	slices.Sort(lines)
	return lines
}

func (r *viewing) row(row projection.Row) string {
	var parts []string
	for i, value := range row {
		name := "?"
		if i < len(r.p.Table.Columns) {
			name = r.p.Table.Columns[i].Name
		}
		parts = append(parts, name+"="+render(value))
	}
	return strings.Join(parts, " ")
}

// rows are those of a table, by their rendered keys.
type rows map[string]projection.Row

func (r *viewing) apply(to rows, step projection.Step) {
	for _, row := range step.Delete {
		delete(to, r.row(r.p.Table.Key(row)))
	}
	for _, row := range step.Put {
		to[r.row(r.p.Table.Key(row))] = row
	}
}

func (r *viewing) byKey(list []projection.Row) rows {
	all := rows{}
	r.apply(all, projection.Step{Put: list})
	return all
}

// same returns how rows differ. It returns "" when they do not.
func (r *viewing) same(want, got rows) string {
	return cmp.Diff(r.lines(slices.Collect(maps.Values(want))), r.lines(slices.Collect(maps.Values(got))))
}

// advance does one step and checks what holds for each: its input is not modified, and a second run
// gives the same; rows fit the table and belong to the aggregate; no key occurs twice.
func (r *viewing) advance(what string, state []byte, events []projection.Event) (step projection.Step, ok bool) {
	before := render(events)
	var again projection.Step
	if !r.protect(what, func() {
		var err error
		if step, err = r.p.Advance(state, events); err != nil {
			r.complain("%s failed: %v", what, err)
			return
		}
		if after := render(events); after != before {
			r.complain("%s has modified the events:\n  before %s\n  after  %s", what, before, after)
			return
		}
		again, err = r.p.Advance(state, events)
		ok = err == nil
	}) || !ok {
		return step, false
	}
	if first, second := render(step), render(again); first != second {
		r.complain("%s gave two steps:\n  %s\n  %s", what, first, second)
	}
	owner := uuid.Nil
	if len(events) > 0 {
		owner = events[0].AggregateID
	}
	return step, r.checkRows(what, owner, step)
}

func (r *viewing) checkRows(what string, owner uuid.UUID, step projection.Step) bool {
	seen := map[string]bool{}
	for _, row := range slices.Concat(step.Put, step.Delete) {
		if err := r.p.Table.CheckRow(row); err != nil {
			r.complain("%s gave a row that does not fit: %v: %s", what, err, r.row(row))
			return false
		}
		key := r.row(r.p.Table.Key(row))
		if seen[key] {
			r.complain("%s gave two rows of one key: %s", what, key)
		}
		seen[key] = true
		if id, _ := r.p.Table.OwnerOf(row); id != owner && owner != uuid.Nil {
			r.complain("%s gave a row that is not of aggregate %s: %s", what, owner, r.row(row))
		}
	}
	return true
}

// fold folds each history at once. It returns false when one cannot be folded.
func (r *viewing) fold() (all []projection.Row, ok bool) {
	for _, history := range r.histories {
		step, ok := r.advance("the fold", nil, history)
		if !ok {
			return nil, false
		}
		all = append(all, step.Put...)
	}
	return all, true
}

// foldMoments folds every beginning of every history. It returns false when one cannot be folded.
func (r *viewing) foldMoments() bool {
	for _, history := range r.histories {
		moments := make([]rows, 0, len(history)+1)
		for n := range len(history) + 1 {
			step, ok := r.advance(fmt.Sprintf("the fold of the first %d", n), nil, history[:n])
			if !ok {
				return false
			}
			moments = append(moments, r.byKey(step.Put))
		}
		r.moments = append(r.moments, moments)
	}
	return true
}

// checkCuts folds each history in two parts, for every cut, and event by event, with the state
// stored in between.
func (r *viewing) checkCuts() {
	for h, history := range r.histories {
		for cut := range len(history) + 1 {
			r.checkSteps(h, cut, len(history))
		}
		if every := upTo(len(history)); len(every) > 1 {
			r.checkSteps(h, every...)
		}
	}
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// checkSteps goes through a history in steps that end at the given numbers of events.
func (r *viewing) checkSteps(h int, ends ...int) {
	history, moments := r.histories[h], r.moments[h]
	var state []byte
	from, view := 0, rows{}
	for _, to := range ends {
		what := fmt.Sprintf("the step from event %d to %d", from, to)
		step, ok := r.advance(what, state, history[from:to])
		if !ok {
			return
		}
		r.checkCover(what, moments[from:to+1], step)
		r.apply(view, step)
		state, from = step.State, to
	}
	if diff := r.same(moments[len(history)], view); diff != "" {
		r.complain("steps that end at %v do not give the rows of the fold (-fold +steps):\n%s", ends, diff)
	}
	if whole, ok := r.advance("the fold", nil, history); ok && string(whole.State) != string(state) {
		r.complain("steps that end at %v do not give the state of the fold:\n  fold  %s\n  steps %s",
			ends, whole.State, state)
	}
}

// checkCover compares a step with the rows before, between and after its events. Rows that are gone
// must be deleted, rows that ever differed must be put, and nothing else.
func (r *viewing) checkCover(what string, moments []rows, step projection.Step) {
	now := moments[len(moments)-1]
	put, gone := rows{}, rows{}
	for _, then := range moments[:len(moments)-1] {
		for key := range then {
			if _, is := now[key]; !is {
				gone[key] = r.p.Table.Key(then[key])
			}
		}
		for key, row := range now {
			if old, was := then[key]; !was || !projection.SameRow(old, row) {
				put[key] = row
			}
		}
	}
	if diff := r.same(put, r.byKey(step.Put)); diff != "" {
		r.complain("%s does not put what its events touch (-want +got):\n%s", what, diff)
	}
	keys := rows{}
	for _, row := range step.Delete {
		keys[r.row(r.p.Table.Key(row))] = r.p.Table.Key(row)
	}
	if diff := r.same(gone, keys); diff != "" {
		r.complain("%s does not delete what its events remove (-want +got):\n%s", what, diff)
	}
}

// checkTotal takes every given event and every sample in every state.
func (r *viewing) checkTotal() {
	var all []any
	for _, history := range r.histories {
		for _, e := range history {
			all = append(all, e.Event)
		}
	}
	all = append(all, r.samples...)
	for _, history := range r.histories {
		var state []byte
		for n := range len(history) + 1 {
			for _, event := range all {
				next := projection.Event{Event: event}
				if len(history) > 0 {
					next.Header = history[max(n-1, 0)].Header
					next.SequenceNumber = uint64(n) + 1
				}
				if _, ok := r.advance(fmt.Sprintf("%s after event %d", render(event), n), state,
					[]projection.Event{next}); !ok {
					return
				}
			}
			if n < len(history) {
				step, ok := r.advance(fmt.Sprintf("event %d", n+1), state, history[n:n+1])
				if !ok {
					return
				}
				state = step.State
			}
		}
	}
}
