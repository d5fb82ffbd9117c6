package fault_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/fault/plan"
)

// publisherNames returns the consumers that publish, each to a target of its own.
func (r *round) publisherNames() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Values(r.publishers))
}

// consumerNames returns all consumers.
func (r *round) consumerNames() []string { return append(plan.Views(), r.publisherNames()...) }

// eventually calls yes until it returns true. It returns false when the patience of the round is
// over.
func (r *round) eventually(ctx context.Context, yes func() (bool, error)) (bool, error) {
	return within(ctx, r.patience, yes)
}

// within asks until the answer is yes. It returns false after some time.
func within(ctx context.Context, patience time.Duration, yes func() (bool, error)) (bool, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if ok, err := yes(); ok || err != nil {
			return ok, err
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// upgradeAll makes all processes run the newest program, each with a target of its own.
func (r *round) upgradeAll(ctx context.Context) error {
	for i := range r.slots {
		want := plan.Program{Newer: r.schedule.NewerShare > 0, Target: i%r.schedule.Targets + 1}
		_, err := r.eventually(ctx, func() (bool, error) {
			p, err := r.pickOf(ctx, i)
			if err != nil || p.program == want {
				return true, err
			}
			r.slots[i].replace(want)
			return false, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resumeAll starts all consumers that operators have paused.
func (r *round) resumeAll(ctx context.Context) {
	for _, name := range r.consumerNames() {
		var last error
		ok, err := r.eventually(ctx, func() (bool, error) {
			var record ports.ConsumerRecord
			if record, last = r.observer.Consumer(ctx, name); last != nil {
				return false, nil
			}
			if record.Paused {
				r.once(ctx, plan.Step{What: plan.Resume, Consumer: name})
			}
			return !record.Paused, nil
		})
		if err = errors.Join(err, last); !ok {
			r.violated("P2", "%s cannot be resumed: %v", name, err)
		}
	}
}

// once sends a request to all processes. One of them can handle it.
func (r *round) once(ctx context.Context, s plan.Step) {
	for i := range plan.Processes {
		if err := r.ask(ctx, s, i); err != nil {
			r.log.Info("operator", "step", s.String(), "error", err)
		}
	}
}

// awaitRebuilds waits until no rebuild is in progress, and nothing is left to be dropped. again,
// unless nil, asks for a rebuild a second time. It returns the live generations, which do not
// change any more.
func (r *round) awaitRebuilds(ctx context.Context, again func(name string)) (live generations, err error) {
	live = generations{}
	for _, name := range r.consumerNames() {
		var record ports.ConsumerRecord
		ok, err := r.eventually(ctx, func() (bool, error) {
			if record, err = r.observer.Consumer(ctx, name); err != nil {
				return false, err
			}
			if record.Next.Version != 0 && again != nil {
				again(name)
			}
			version := r.version(name, plan.Program{Newer: r.schedule.NewerShare > 0})
			return record.Live.Version == version && record.Next.Number == 0 &&
				(record.Previous.Number == 0 || record.Previous.Version != 0), nil
		})
		if err != nil {
			return nil, err
		}
		if live[name] = record.Live.Number; live[name] > 1 {
			r.report.rebuilt++
		}
		if !ok {
			r.violated("P2", "generation %d of %s is not complete after %s", record.Next.Number, name, r.patience)
		}
	}
	return live, nil
}

// must waits until an operator's request is answered.
func (r *round) must(ctx context.Context, step plan.Step) {
	try := 0
	r.awaits(ctx, step.String(), func() bool {
		try++
		return r.ask(ctx, step, try) == nil
	})
	r.people.count(step.What)
}

// awaits waits for something that happens in a service that is not broken there.
func (r *round) awaits(ctx context.Context, what string, yes func() bool) {
	ok, err := within(ctx, *patienceFlag, func() (bool, error) { return yes(), nil })
	if !ok {
		r.violated("the round", "%s: not within %s: %v", what, *patienceFlag, err)
	}
}

// awaitLive waits until the live generation of a consumer is one of some.
func (r *round) awaitLive(ctx context.Context, name string, is func(number int) bool) {
	r.awaits(ctx, "another generation of "+name+" is live", func() bool {
		p, err := r.pick(ctx, 0)
		if err != nil {
			return false
		}
		record, err := p.store.Consumer(ctx, name)
		return err == nil && is(record.Live.Number)
	})
}

// awaitProgram waits until a slot runs a newer program, or an older one.
func (r *round) awaitProgram(ctx context.Context, slot int, newer bool) {
	r.awaits(ctx, "another program runs", func() bool {
		p, err := r.pickOf(ctx, slot)
		return err == nil && p.program.Newer == newer
	})
}

// holder returns the slot of the process that runs a consumer.
func (r *round) holder(name string) int {
	for i := range r.slots {
		p := r.slots[i].running.Load()
		for _, one := range p.consumers {
			if one.Name() == name && one.Status(context.Background()).State == ports.ConsumerRunning {
				return i
			}
		}
	}
	return 0
}

// generations holds the live generations by consumer.
type generations map[string]int

// LiveView implements ports.LiveViews.
func (g generations) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: g[consumer]}
}

// awaitNothingParked waits until no order is parked, without any action of an operator (P11).
func (r *round) awaitNothingParked(ctx context.Context) {
	for _, name := range r.consumerNames() {
		var left []ports.ParkedAggregate
		ok, err := r.eventually(ctx, func() (bool, error) {
			page, err := r.observer.Parked(ctx, name, "", 100)
			left = page.Aggregates
			return len(left) == 0, err
		})
		if !ok {
			r.violated("P11", "%d orders stay parked for %s (%v); the first one: %+v", len(left), name, err, left[0])
		}
	}
}

// awaitFlow waits until consumers have handled everything of the orders that they have not parked.
// It does not wait for a consumer that has stopped itself because it has parked too many.
func (r *round) awaitFlow(ctx context.Context, promise string, names ...string) error {
	heads, err := r.heads(ctx)
	if err != nil {
		return err
	}
	left := map[string][]ports.Head{}
	for _, name := range names {
		left[name] = heads
	}
	ok, err := r.eventually(ctx, func() (bool, error) {
		for name := range left {
			if left[name], err = r.behind(ctx, name, left[name]); err != nil {
				return false, err
			}
			if len(left[name]) == 0 || r.halted(name) {
				delete(left, name)
			}
		}
		return len(left) == 0, nil
	})
	if ok || err != nil {
		return err
	}
	for name, heads := range left {
		r.violated(promise, "%d orders of %s do not get on, and are not parked; the first one is %s", len(heads), name, heads[0].AggregateID)
	}
	return nil
}

// behind returns those heads that a consumer has neither reached nor parked.
func (r *round) behind(ctx context.Context, name string, heads []ports.Head) (left []ports.Head, err error) {
	record, err := r.observer.Consumer(ctx, name)
	if err != nil {
		return nil, err
	}
	page, err := r.observer.Parked(ctx, name, "", 1000)
	if err != nil {
		return nil, err
	}
	for _, head := range heads {
		state, err := r.observer.State(ctx, ports.ViewID{Consumer: name, Generation: record.Live.Number}, head.AggregateID)
		if err != nil {
			return nil, err
		}
		parked := slices.ContainsFunc(page.Aggregates, func(p ports.ParkedAggregate) bool { return p.AggregateID == head.AggregateID })
		if state.SequenceNumber < head.SequenceNumber && !parked {
			left = append(left, head)
		}
	}
	return left, nil
}

// halted reports whether a consumer has stopped itself in some process.
func (r *round) halted(name string) bool {
	for i := range r.slots {
		p := r.slots[i].running.Load()
		if p == nil || !p.acceptsCommands() {
			continue
		}
		for _, one := range p.consumers {
			if one.Name() == name && one.Status(context.Background()).State == ports.ConsumerFailed {
				return true
			}
		}
	}
	return false
}

// skipSome lets operators skip some events that a consumer fails on, and take some skips back.
func (r *round) skipSome(ctx context.Context) {
	for _, name := range r.consumerNames() {
		for i := range 2 * plan.Processes { // so that each process gets a request
			r.operateOnce(ctx, plan.Step{What: plan.Skip, Consumer: name, Times: i / plan.Processes}, i)
		}
		for i := range plan.Processes {
			r.operateOnce(ctx, plan.Step{What: plan.Unskip, Consumer: name}, i)
		}
	}
}

// retryParked lets operators retry everything that is parked, after the cause is removed.
func (r *round) retryParked(ctx context.Context) {
	for _, name := range r.consumerNames() {
		try := 0
		ok, err := r.eventually(ctx, func() (bool, error) {
			if r.halted(name) {
				r.once(ctx, plan.Step{What: plan.Resume, Consumer: name})
			}
			r.operateOnce(ctx, plan.Step{What: plan.Retry, Consumer: name, Times: try / plan.Processes}, try)
			try++
			page, err := r.observer.Parked(ctx, name, "", 1)
			return len(page.Aggregates) == 0 && !r.halted(name), err
		})
		if !ok {
			r.violated("P7", "%s keeps orders parked after the cause was removed and they were retried: %v", name, err)
		}
	}
}

// askAgain returns what operators do about a rebuild that may have been refused: they ask for it
// once more. When it is refused again, they abort it. That happens when an event was skipped after
// the new generation had applied it.
func (r *round) askAgain(ctx context.Context) func(name string) {
	asked := map[string]time.Time{}
	return func(name string) {
		switch at, ok := asked[name]; {
		case !ok:
			r.once(ctx, plan.Step{What: plan.Rebuild, Consumer: name})
			asked[name] = time.Now()
		case time.Since(at) > 2*rebuildPatience:
			r.once(ctx, plan.Step{What: plan.Abort, Consumer: name})
		}
	}
}

// operateOnce sends a request to one process, and counts it when it is answered.
func (r *round) operateOnce(ctx context.Context, s plan.Step, preferred int) {
	if err := r.ask(ctx, s, preferred); err == nil {
		r.people.count(s.What)
	}
}

// awaitNoIntents waits until the sweepers have decided all appends that were started.
func (r *round) awaitNoIntents(ctx context.Context) error {
	var left int
	ok, err := r.eventually(ctx, func() (bool, error) {
		err := r.session.Query("SELECT COUNT(*) FROM append_intents").WithContext(ctx).Scan(&left)
		return left == 0, err
	})
	if err == nil && !ok && !r.broken.noSweeper {
		r.violated("P2", "%d intents are left", left)
	}
	return err
}

// histories reads all histories.
func (r *round) histories(ctx context.Context) (map[uuid.UUID][]eventsourcing.Record, error) {
	heads, err := r.heads(ctx)
	if err != nil {
		return nil, err
	}
	all := map[uuid.UUID][]eventsourcing.Record{}
	for _, head := range heads {
		if all[head.AggregateID], err = r.observer.Load(ctx, head.AggregateID, 0); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// heads reads the head of every order.
func (r *round) heads(ctx context.Context) (heads []ports.Head, err error) {
	for cursor := ports.Cursor(""); ; {
		page, err := r.observer.ScanHeads(ctx, cursor, 100)
		if err != nil {
			return nil, err
		}
		heads = append(heads, page.Heads...)
		if cursor = page.Next; cursor == "" {
			return heads, nil
		}
	}
}

// VersionOf implements ports.LiveViews.
func (generations) VersionOf(ports.ViewID) int { return 0 }
