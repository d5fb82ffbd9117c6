package plan

import "orderflow/ports"

// drawOperators draws the actions of operators, who do not coordinate.
func (s *Schedule) drawOperators(d draw) {
	all := append(Views(), AnyPublisher)
	for range d.IntN(3) {
		step := Step{After: d.IntN(s.Total()), What: Pause, Consumer: pick(d, all...)}
		s.add(step, Step{After: step.After + 1 + d.IntN(60), What: Resume, Consumer: step.Consumer})
	}
	for range d.IntN(3) {
		s.add(d.rebuild(s.Total())...)
	}
	if d.one(4) {
		s.add(Step{After: d.IntN(s.Total()), What: Reset, Consumer: pick(d, Views()...)})
	}
	if d.one(4) {
		s.add(Step{After: d.IntN(s.Total()), What: Reset, Consumer: AnyPublisher})
	}
}

// rebuild draws a rebuild and its end. A slow one can be aborted before its end.
func (d draw) rebuild(total int) []Step {
	step := Step{After: d.IntN(total), What: Rebuild, Consumer: pick(d, Views()...)}
	step.Rebuild = ports.RebuildRequest{SkipVerification: d.one(2), AggregatesPerSecond: pick(d, 0, 0, 20)}
	steps := []Step{step}
	if d.one(3) {
		steps = append(steps, Step{After: step.After + 1 + d.IntN(15), What: Abort, Consumer: step.Consumer})
	}
	if d.one(2) {
		steps = append(steps, Step{After: step.After + 10 + d.IntN(60), What: Rollback, Consumer: step.Consumer})
	}
	return steps
}

// drawUpgrade draws a rolling upgrade, parts of which are taken back.
func (s *Schedule) drawUpgrade(d draw) {
	if !d.one(3) {
		return
	}
	s.NewerShare = pick(d, 1, 2, 5)
	s.Start[d.IntN(Processes)].Newer = d.one(2)
	if d.one(2) {
		s.MaxParked = fewParked
	}
	if d.one(3) {
		s.NewerView = pick(d, Views()...)
	}
	for range 2 + d.IntN(4) {
		version := Newer
		if d.one(3) {
			version = Older
		}
		s.add(Step{After: d.IntN(s.Total()), What: Replace, Process: d.IntN(Processes), Version: version})
	}
}

// drawTargets draws changes of the target.
func (s *Schedule) drawTargets(d draw) {
	if !d.one(3) {
		return
	}
	s.Targets = 2
	if d.one(2) {
		s.Start[d.IntN(Processes)].Target = 2
	}
	for range 1 + d.IntN(5) {
		s.add(Step{After: d.IntN(s.Total()), What: Replace, Process: d.IntN(Processes + 1), Target: 1 + d.IntN(2)})
	}
}

// drawPoison draws events that a consumer cannot handle, and what operators do about them. A view
// whose reducer is newer must be rebuilt, which is not possible while there is poison.
func (s *Schedule) drawPoison(d draw) {
	if !d.one(3) || s.NewerView != "" {
		return
	}
	s.Poison = Poison{Consumer: pick(d, append(Views(), AnyPublisher)...), Share: pick(d, 5, 20, 50), Panics: d.one(3)}
	if d.one(4) {
		s.MaxParked = fewParked
	}
	if d.one(2) {
		s.add(Step{After: s.Total()/2 + d.IntN(s.Total()/2), What: Mend})
	}
	for range 2 + d.IntN(7) {
		s.add(Step{After: d.IntN(s.Total()), What: pick(d, Retry, Skip, Skip, Unskip), Consumer: s.Poison.Consumer, Times: d.IntN(5)})
	}
}

// drawStrangers draws whether others write to the feed.
func (s *Schedule) drawStrangers(d draw) {
	if d.one(3) {
		s.Forged = pick(d, 1, 3, 10)
	}
}
