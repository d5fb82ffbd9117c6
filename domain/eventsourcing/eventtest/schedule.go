package eventtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"orderflow/domain/projection"
)

// randomSchedules is how many random deliveries of each scenario are tried beside the typical ones.
// They are the same in every run.
const randomSchedules = 20

// delivery is some events of one history that a feed delivers at once: the event number first and
// those after it, up to last.
type delivery struct{ history, first, last int }

func (d delivery) String() string {
	if d.first == d.last {
		return fmt.Sprintf("%d:%d", d.history+1, d.first)
	}
	return fmt.Sprintf("%d:%d-%d", d.history+1, d.first, d.last)
}

// checkSchedules delivers the histories in ways that a feed may, and expects the rows of the folds.
func (r *viewing) checkSchedules(want []projection.Row) {
	folded := r.byKey(want)
	if len(folded) != len(want) {
		r.complain("two aggregates have a row in common: %d rows, and %d keys", len(want), len(folded))
	}
	for name, schedule := range r.schedules() {
		got, ok := r.deliver(schedule)
		if !ok {
			return
		}
		if diff := r.same(folded, got); diff != "" {
			r.complain("delivered %s, %v, the rows are others than folded (-folded +delivered):\n%s", name, schedule, diff)
			return
		}
	}
}

// schedules yields deliveries that include at least the last event of every history.
func (r *viewing) schedules() func(yield func(string, []delivery) bool) {
	return func(yield func(string, []delivery) bool) {
		for _, typical := range []struct {
			name     string
			schedule []delivery
		}{
			{"one after the other", r.oneAfterTheOther(1)},
			{"doubled", r.oneAfterTheOther(2)},
			{"in turns", r.inTurns()},
			{"last aggregate first", r.lastFirst()},
			{"with all but the last events lost", r.lastOnly()},
			{"from the beginning again", slices.Concat(r.inTurns(), r.oneAfterTheOther(1))},
		} {
			if !yield(typical.name, typical.schedule) {
				return
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		for n := range randomSchedules {
			if !yield(fmt.Sprintf("at random (%d)", n+1), r.random(random)) {
				return
			}
		}
	}
}

func (r *viewing) oneAfterTheOther(times int) (schedule []delivery) {
	for h, history := range r.histories {
		for n := range history {
			for range times {
				schedule = append(schedule, delivery{h, n + 1, n + 1})
			}
		}
	}
	return schedule
}

func (r *viewing) inTurns() (schedule []delivery) {
	for n := 1; len(schedule) < len(r.oneAfterTheOther(1)); n++ {
		for h, history := range r.histories {
			if n <= len(history) {
				schedule = append(schedule, delivery{h, n, n})
			}
		}
	}
	return schedule
}

func (r *viewing) lastFirst() (schedule []delivery) {
	for h, history := range slices.Backward(r.histories) {
		if len(history) > 0 {
			schedule = append(schedule, delivery{h, 1, len(history)})
		}
	}
	return schedule
}

func (r *viewing) lastOnly() (schedule []delivery) {
	for h, history := range r.histories {
		if len(history) > 0 {
			schedule = append(schedule, delivery{h, len(history), len(history)})
		}
	}
	return schedule
}

// random returns random deliveries with gaps, repetitions and batches. They end with the last
// events.
func (r *viewing) random(random *rand.Rand) (schedule []delivery) {
	var filled []int
	for h, history := range r.histories {
		if len(history) > 0 {
			filled = append(filled, h)
		}
	}
	if len(filled) == 0 {
		return nil
	}
	for range random.IntN(3 * len(r.oneAfterTheOther(1))) {
		h := filled[random.IntN(len(filled))]
		first := 1 + random.IntN(len(r.histories[h]))
		last := min(len(r.histories[h]), first+random.IntN(3))
		schedule = append(schedule, delivery{h, first, last})
	}
	ends := r.lastOnly()
	random.Shuffle(len(ends), func(i, j int) { ends[i], ends[j] = ends[j], ends[i] })
	return append(schedule, ends...)
}

// deliver passes a schedule on as the consumer does: what an aggregate has handled is dropped, and
// what was left out is filled in from its history.
func (r *viewing) deliver(schedule []delivery) (view rows, ok bool) {
	view = rows{}
	handled := make([]int, len(r.histories))
	states := make([][]byte, len(r.histories))
	for _, d := range schedule {
		at := handled[d.history]
		if d.last <= at {
			continue
		}
		what := fmt.Sprintf("the delivery %s, with %d handled,", d, at)
		step, ok := r.advance(what, states[d.history], r.histories[d.history][at:d.last])
		if !ok {
			return nil, false
		}
		r.checkCover(what, r.moments[d.history][at:d.last+1], step)
		r.apply(view, step)
		handled[d.history], states[d.history] = d.last, step.State
	}
	return view, true
}
