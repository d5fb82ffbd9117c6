package fault_test

import (
	"context"
	"time"

	"orderflow/application/consumers"
	"orderflow/domain/order/views"
	"orderflow/ports"
)

// What operators do during the faults.
const (
	// pauseOne and resumeOne stop and start a consumer.
	pauseOne  trouble = "pause"
	resumeOne trouble = "resume"
	// rebuildOne fills a new generation of a view beside the live one.
	rebuildOne trouble = "rebuild"
)

// consumerNames are all consumers.
func consumerNames() []string {
	names := []string{publisherName}
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// operator draws the actions of operators, who do not coordinate.
func (d draw) operator(total int) (steps []step) {
	names := consumerNames()
	for range d.IntN(3) {
		s := step{after: d.IntN(total), what: pauseOne, consumer: pick(d, names...)}
		steps = append(steps, s, step{after: min(total-1, s.after+1+d.IntN(60)), what: resumeOne, consumer: s.consumer})
	}
	for range d.IntN(3) {
		steps = append(steps, step{after: d.IntN(total), what: rebuildOne, consumer: pick(d, names[1:]...)})
	}
	return steps
}

const (
	operatorTries = 50
	operatorPause = 20 * time.Millisecond
)

// operate sends an operator's request to whichever process can handle it. It gives up after some
// tries, or with ctx.
func (c *cluster) operate(ctx context.Context, s step) {
	for try := range operatorTries {
		p, err := c.pick(ctx, try%processes)
		if err != nil {
			return
		}
		m := consumers.Manager(p.consumers)
		switch s.what {
		case pauseOne:
			err = m.Pause(ctx, s.consumer)
		case resumeOne:
			err = m.Resume(ctx, s.consumer)
		case rebuildOne:
			err = m.Rebuild(ctx, s.consumer, ports.RebuildRequest{})
		}
		if err == nil {
			return
		}
		c.log.Info("operator", "step", s.String(), "error", err)
		pause(ctx, operatorPause)
	}
}

// resumeAll starts all consumers that were paused.
func (r *round) resumeAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, *patienceFlag)
	defer cancel()
	for _, name := range consumerNames() {
		for {
			record, err := r.observer.Consumer(ctx, name)
			if err == nil && !record.Paused {
				break
			}
			if ctx.Err() != nil {
				r.violated("P2", "%s cannot be resumed: %v", name, err)
				return
			}
			r.operate(ctx, step{what: resumeOne, consumer: name})
		}
	}
}

// awaitRebuilds waits until no rebuild is in progress. It returns the live generations, which do
// not change any more.
func (r *round) awaitRebuilds(ctx context.Context) (live generations, err error) {
	deadline := time.NewTimer(*patienceFlag)
	defer deadline.Stop()
	live = generations{}
	for _, name := range consumerNames() {
		for {
			record, err := r.observer.Consumer(ctx, name)
			if err != nil {
				return nil, err
			}
			live[name] = record.Live.Number
			if record.Next.Number == 0 {
				break
			}
			select {
			case <-deadline.C:
				r.violated("P2", "generation %d of %s is not complete after %s", record.Next.Number, name, *patienceFlag)
				return live, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		if live[name] > 1 {
			r.report.rebuilt++
		}
	}
	return live, nil
}

// generations holds the live generations by consumer.
type generations map[string]int

// LiveView implements ports.LiveViews.
func (g generations) LiveView(consumer string) ports.ViewID {
	return ports.ViewID{Consumer: consumer, Generation: g[consumer]}
}
