// Package shop places orders of invented customers, for trying the service.
package shop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/bootstrap/cli/client"
)

// Shop places orders and takes each through a part of its life.
type Shop struct {
	Client *client.Client
	// Orders is how many orders are placed.
	Orders int
	// PerSecond bounds how many orders are started a second. 0 means no bound.
	PerSecond float64
	// Seed determines what happens: the same seed places the same orders.
	Seed uint64
	// Placed is called after each order, from several goroutines.
	Placed func(commands int)
}

// shoppers is how many orders are in progress at once.
const shoppers = 16

// Run places all orders. What happens to an order depends only on the seed and the number of the
// order.
func (s *Shop) Run(ctx context.Context) error {
	whole := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(shoppers)
	var tick <-chan time.Time
	if s.PerSecond > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / s.PerSecond))
		defer ticker.Stop()
		tick = ticker.C
	}
	for n := range s.Orders {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return s.order(ctx, rand.New(rand.NewPCG(s.Seed, uint64(n)))) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(whole)
}

// article is something that the shop sells.
type article struct {
	sku   string
	price int64
}

func catalogue() []article {
	return []article{
		{"TEA-EARL-GREY-100", 890},
		{"TEA-SENCHA-100", 1290},
		{"MUG-STONE-03", 1450},
		{"KETTLE-1L", 4900},
		{"FILTER-PAPER-80", 390},
		{"COFFEE-HOUSE-500", 1190},
		{"COFFEE-DECAF-500", 1290},
		{"GRINDER-HAND", 6900},
		{"SCALE-01G", 3490},
		{"HONEY-LIME-250", 690},
		{"BISCUIT-OAT", 320},
		{"TRAY-OAK", 2750},
	}
}

type demoItem struct {
	SKU       string `json:"sku"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
}

func basket(r *rand.Rand) []demoItem {
	shelf := catalogue()
	r.Shuffle(len(shelf), func(i, j int) { shelf[i], shelf[j] = shelf[j], shelf[i] })
	var items []demoItem
	for _, a := range shelf[:1+r.IntN(4)] {
		items = append(items, demoItem{SKU: a.sku, Quantity: 1 + r.Int64N(3), UnitPrice: a.price})
	}
	return items
}

func creation(r *rand.Rand) map[string]any {
	return map[string]any{
		"customer_id": fmt.Sprintf("customer-%03d", 1+r.IntN(100)),
		"currency":    []string{"EUR", "EUR", "EUR", "CHF", "USD"}[r.IntN(5)],
		"items":       basket(r),
	}
}

func payment(r *rand.Rand) map[string]any {
	return map[string]any{"payment_reference": fmt.Sprintf("PAY-%08d", r.IntN(1e8))}
}

func shipment(r *rand.Rand) map[string]any {
	carrier := []string{"DHL", "GLS", "UPS"}[r.IntN(3)]
	return map[string]any{"carrier": carrier, "tracking_number": fmt.Sprintf("%s%010d", carrier, r.IntN(1e9))}
}

// order places one order and sends it a random number of commands.
func (s *Shop) order(ctx context.Context, r *rand.Rand) error {
	var created struct {
		OrderID string `json:"order_id"`
	}
	if err := s.Client.Do(ctx, client.Request{
		Method: http.MethodPost, Path: "/v1/orders", Body: creation(r),
	}, &created); err != nil {
		return fmt.Errorf("create an order: %w", err)
	}
	story := s.story(r)
	for _, step := range story {
		step.Path = "/v1/orders/" + created.OrderID + step.Path
		if err := s.Client.Do(ctx, step, nil); err != nil {
			return fmt.Errorf("%s %s: %w", step.Method, step.Path, err)
		}
	}
	s.Placed(1 + len(story))
	return nil
}

// story returns what happens to an order after its creation. One order in three is changed and one
// in ten cancelled. Most of the others are confirmed, fewer are shipped, and fewer are delivered.
func (s *Shop) story(r *rand.Rand) (steps []client.Request) {
	then := func(method, path string, body any) {
		steps = append(steps, client.Request{Method: method, Path: path, Body: body})
	}
	if r.IntN(3) == 0 {
		then(http.MethodPut, "/items", map[string]any{"items": basket(r)})
	}
	fate := r.Float64()
	if fate < 0.10 {
		then(http.MethodPost, "/cancel", map[string]any{"reason": "changed their mind"})
		return steps
	}
	if fate < 0.25 {
		return steps
	}
	then(http.MethodPost, "/confirm", payment(r))
	if fate < 0.45 {
		return steps
	}
	then(http.MethodPost, "/ship", shipment(r))
	if fate >= 0.65 {
		then(http.MethodPost, "/deliver", map[string]any{})
	}
	return steps
}
