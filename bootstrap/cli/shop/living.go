package shop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/bootstrap/cli/client"
)

// Living is a shop that never closes: orders come, and each goes through its life step by step,
// between all others.
type Living struct {
	Client *client.Client
	// PerSecond is how many orders come a second. Each has about three commands more.
	PerSecond float64
	// Seed determines what happens, up to the order in which the service answers.
	Seed uint64

	mu sync.Mutex // guards all below
	r  *rand.Rand
	// open are the orders that are not finished and not waiting for an answer.
	open   []*living
	counts Counts
}

// Counts are what a [Living] has done so far.
type Counts struct{ Orders, Commands, Refused int }

// living is an order that is not finished.
type living struct{ id, status string }

const (
	// mostOpen bounds the orders that are not finished. While there are fewer than fewOpen, more
	// come than usual, so that there are some in each status.
	mostOpen = 500
	fewOpen  = 30
	// stepsOfOrder is how many commands an order has on average, with its creation.
	stepsOfOrder = 4
)

// Run goes on until ctx ends, and then returns nil. A refused command is a part of the life of a
// shop. Any other error ends it.
func (l *Living) Run(ctx context.Context) error {
	l.r = rand.New(rand.NewPCG(l.Seed, 0))
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(shoppers)
	ticker := time.NewTicker(time.Duration(float64(time.Second) / (l.PerSecond * stepsOfOrder)))
	defer ticker.Stop()
	for working.Err() == nil {
		group.Go(func() error { return l.step(working) })
		select {
		case <-ticker.C:
		case <-working.Done():
		}
	}
	if err := group.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

// Counts returns what was done so far.
func (l *Living) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// step sends one command.
func (l *Living) step(ctx context.Context) error {
	order, request, next := l.choose()
	var answer struct {
		OrderID string `json:"order_id"`
	}
	err := l.Client.Do(ctx, request, &answer)
	var refusal *client.Problem
	refused := errors.As(err, &refusal) && refusal.Status == http.StatusUnprocessableEntity
	if err != nil && !refused {
		return fmt.Errorf("%s %s: %w", request.Method, request.Path, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Commands++
	switch {
	case refused:
		l.counts.Refused++
	case order == nil:
		l.counts.Orders++
		order = &living{id: answer.OrderID, status: next}
	default:
		order.status = next
	}
	if order != nil && order.status != "" {
		l.open = append(l.open, order)
	}
	return nil
}

// The statuses of open orders. A finished order has none.
const (
	active    = "ACTIVE"
	confirmed = "CONFIRMED"
	shipped   = "SHIPPED"
)

// choose returns the next command, and the status of its order after it. The order is nil when the
// command creates one. Otherwise it is taken out of the open ones.
func (l *Living) choose() (order *living, request client.Request, next string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := uuid.New().String() // so that the command can be repeated when there is no answer
	if n := len(l.open); n == 0 || n < fewOpen && l.r.IntN(2) == 0 || n < mostOpen && l.r.IntN(stepsOfOrder) == 0 {
		return nil, client.Request{Method: http.MethodPost, Path: "/v1/orders", Key: key, Body: creation(l.r)}, active
	}
	// Not the oldest one: orders take different times.
	i := l.r.IntN(min(len(l.open), 40))
	order = l.open[i]
	l.open = append(l.open[:i], l.open[i+1:]...)
	method, path, body, next := l.next(order.status)
	return order, client.Request{
		Method: method, Path: "/v1/orders/" + order.id + path, Key: key, Body: body,
	}, next
}

// next returns what happens to an order in a status, and its status after that. Now and then
// somebody wants what is not allowed: to ship what is not paid, to change what is, or to cancel
// what was shipped. Then the status stays.
func (l *Living) next(status string) (method, path string, body any, next string) {
	chance := l.r.IntN(100)
	switch {
	case status == active && chance < 20:
		return http.MethodPut, "/items", map[string]any{"items": basket(l.r)}, active
	case status == active && chance < 25:
		return http.MethodPost, "/ship", shipment(l.r), active
	case status == active && chance < 37, status == confirmed && chance < 8:
		return http.MethodPost, "/cancel", map[string]any{"reason": pick(l.r, reasons())}, ""
	case status == active:
		return http.MethodPost, "/confirm", payment(l.r), confirmed
	case status == confirmed && chance < 14:
		return http.MethodPut, "/items", map[string]any{"items": basket(l.r)}, confirmed
	case status == confirmed:
		return http.MethodPost, "/ship", shipment(l.r), shipped
	case chance < 10:
		return http.MethodPost, "/cancel", map[string]any{"reason": pick(l.r, reasons())}, shipped
	default:
		return http.MethodPost, "/deliver", map[string]any{}, ""
	}
}

func reasons() []string {
	return []string{"changed their mind", "found it cheaper", "ordered twice", "takes too long", "payment failed"}
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }
