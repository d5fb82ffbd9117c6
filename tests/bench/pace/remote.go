package pace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

const (
	// look is the pause between two looks at the consumers.
	look = 50 * time.Millisecond
	// sampled is how many commands a second are followed to the views.
	sampled = 100
	// viewTimeout is how long the service waits until a view has a command.
	viewTimeout = "20s"
)

// Remote is a System in another process, which has Orderflow's API.
type Remote struct {
	Client *Client
	// Watcher reads how far the consumers are. It has a connection of its own, so that it does not
	// wait for commands.
	Watcher *Client

	commands int // that this process has sent so far
}

var _ Measured = (*Remote)(nil)

// Sent returns how many commands this process has sent since the service started.
func (r *Remote) Sent() int { return r.commands }

// reached is how many events the slowest consumer had handled at a moment.
type reached struct {
	at      time.Time
	handled int
}

// slowest returns how many events the slowest consumer has handled since the process started.
func (r *Remote) slowest(ctx context.Context) (handled int, err error) {
	var document struct {
		Consumers []struct {
			Name    string `json:"name"`
			State   string `json:"state"`
			Handled int    `json:"handled"`
		} `json:"consumers"`
	}
	if err := r.Watcher.Get(ctx, "/v1/consumers", &document); err != nil {
		return 0, err
	}
	for i, c := range document.Consumers {
		if c.State != "running" {
			return 0, fmt.Errorf("consumer %s is %s", c.Name, c.State)
		}
		if i == 0 || c.Handled < handled {
			handled = c.Handled
		}
	}
	return handled, nil
}

// Drain waits until every consumer has handled every command.
func (r *Remote) Drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stalled, errors.New("the consumers do not follow"))
	defer cancel()
	for {
		handled, err := r.slowest(ctx)
		if err != nil || handled >= r.commands {
			return err
		}
		select {
		case <-time.After(look):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// run sends commands and looks at the consumers meanwhile.
func (r *Remote) run(ctx context.Context, line *Timeline, send workload.Handle) (looks []reached, err error) {
	before, watching := r.commands, make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for {
			handled, err := r.slowest(ctx)
			if err != nil {
				return err
			}
			looks = append(looks, reached{time.Now(), handled - before})
			select {
			case <-time.After(look):
			case <-watching:
				return nil
			}
		}
	})
	group.Go(func() error {
		defer close(watching)
		return line.Run(ctx, send)
	})
	err = group.Wait()
	r.commands += len(line.due)
	return looks, err
}

func (r *Remote) timeline(commands int, rate float64) *Timeline {
	line := NewTimeline(commands, rate, nil)
	line.Window = Window
	return line
}

// Probe implements [System]. The age of a consumer's backlog is the time since the answer to the
// command that it has to handle next. The events of all orders are counted together.
func (r *Remote) Probe(ctx context.Context, rate float64, lasts time.Duration) (Probe, error) {
	line := r.timeline(int(rate*lasts.Seconds()), rate)
	looks, err := r.run(ctx, line, r.Client.Handle)
	if err == nil {
		err = r.Drain(ctx)
	}
	if err != nil {
		return Probe{}, err
	}
	return line.probeOf(looks, rate, lasts), nil
}

func (t *Timeline) probeOf(looks []reached, rate float64, lasts time.Duration) Probe {
	answers := slices.Sorted(slices.Values(t.acked))
	ages := make(Quantiles, len(looks))
	for i, l := range looks {
		at := l.at.Sub(t.start)
		answered := sort.Search(len(answers), func(n int) bool { return answers[n] > at })
		if l.handled < answered {
			ages[i] = at - answers[max(l.handled, 0)]
		}
	}
	end := slices.Sorted(slices.Values(ages[len(ages)-max(1, len(ages)/10):]))
	slices.Sort(ages)
	return Probe{
		Rate: rate, Lasted: lasts, Late: millis(t.Answers().At(0.99)),
		Behind: millis(ages.At(0.99)), AtEnd: millis(Quantiles(end).At(0.5)),
	}
}

// Flood implements [System].
func (r *Remote) Flood(ctx context.Context, commands int) (answered, handled float64, err error) {
	line := r.timeline(commands, flat)
	began := time.Now()
	if err := line.Run(ctx, r.Client.Handle); err != nil {
		return 0, 0, err
	}
	r.commands += commands
	answered = float64(commands) / time.Since(began).Seconds()
	err = r.Drain(ctx)
	return answered, float64(commands) / time.Since(began).Seconds(), err
}

// Latencies implements [Measured]. The views are those of a sample of the commands, as the API
// shows them to a client that waits for its own write.
func (r *Remote) Latencies(ctx context.Context, commands int, rate float64) (answers, views Quantiles, err error) {
	line := r.timeline(commands, rate)
	var mu sync.Mutex
	following, ctx := errgroup.WithContext(ctx)
	every := max(1, int(rate/sampled))
	line.Answered = func(n int, c order.Command) {
		if n%every != 0 {
			return
		}
		following.Go(func() error {
			if err := r.shown(ctx, c.AggregateID(), line.sequence(n)); err != nil {
				return err
			}
			took := line.now() - line.due[n]
			mu.Lock()
			defer mu.Unlock()
			views = append(views, took)
			return nil
		})
	}
	err = line.Run(ctx, r.Client.Handle)
	err = errors.Join(err, following.Wait())
	r.commands += commands
	if err == nil {
		err = r.Drain(context.WithoutCancel(ctx))
	}
	slices.Sort(views)
	return line.Answers(), views, err
}

// shown returns when every view has an event of an order.
func (r *Remote) shown(ctx context.Context, orderID uuid.UUID, sequence uint64) error {
	id := orderID.String()
	wait := fmt.Sprintf("min_sequence=%d&timeout=%s", sequence, viewTimeout)
	group, ctx := errgroup.WithContext(ctx)
	for _, path := range []string{
		"/v1/orders/" + id + "?" + wait,
		"/v1/customers/customer-" + id[:8] + "/orders?limit=1&order_id=" + id + "&" + wait,
		"/v1/orders?status=ACTIVE&limit=1&order_id=" + id + "&" + wait,
		"/v1/orders?sku=MOUSE-2.4G&limit=1&order_id=" + id + "&" + wait,
	} {
		group.Go(func() error {
			_, err := r.Watcher.Do(ctx, http.MethodGet, path, nil)
			return err
		})
	}
	return group.Wait()
}
