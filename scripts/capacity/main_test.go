package main

import (
	"math"
	"strings"
	"testing"
)

func TestPlan_growsWithTheLoad(t *testing.T) {
	t.Parallel()
	l := defaults()
	small := newPlan(l)
	l.Orders *= 10
	l.HotCustomer *= 10
	large := newPlan(l)
	for name, pair := range map[string][2]float64{
		"events": {small.events, large.events}, "plain writes": {small.writes, large.writes},
		"event store": {small.eventStore, large.eventStore}, "outbox": {small.outbox, large.outbox},
		"lists": {small.lists, large.lists}, "topic": {small.topic, large.topic},
	} {
		if ratio := pair[1] / pair[0]; math.Abs(ratio-10) > 1e-6 {
			t.Errorf("%s: ten times the orders need %.2f times as much", name, ratio)
		}
	}
	if small.feedBusy != large.feedBusy || small.feedIdle >= small.feedBusy {
		t.Errorf("queries of the feed: %.0f and %.0f/s, %.0f at rest", small.feedBusy, large.feedBusy, small.feedIdle)
	}
	for i, limit := range large.limits {
		if limit.used < small.limits[i].used {
			t.Errorf("%s: %f with more orders, %f with fewer", limit.name, limit.used, small.limits[i].used)
		}
	}
}

// Each limit comes first when what it is about is scarce, and its way out is told.
func TestPlan_tellsTheFirstLimit(t *testing.T) {
	t.Parallel()
	for name, scarce := range map[string]func(*load){
		"conditional writes":     func(l *load) { l.ConditionalPerShard = 1 },
		"plain writes":           func(l *load) { l.WritesPerShard = 150 },
		"events a process":       func(l *load) { l.EventsPerProcess = 10 },
		"processes on the topic": func(l *load) { l.Processes, l.EventsPerProcess = 50, 1e6 },
		"orders_by_status: rows of a partition": func(l *load) {
			l.Orders, l.HotSKU, l.Shards, l.EventsPerProcess = 100_000, 0.001, 1e6, 1e9
		},
		"orders_by_sku: rows of a partition":      func(l *load) { l.HotSKU, l.Shards, l.EventsPerProcess = 100, 1e6, 1e9 },
		"orders_by_customer: rows of a partition": func(l *load) { l.HotCustomer, l.Shards, l.EventsPerProcess = 1000, 1e6, 1e9 },
	} {
		l := defaults()
		scarce(&l)
		var text strings.Builder
		if err := newPlan(l).print(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "The first limit is "+name+":") || !strings.Contains(text.String(), "\nThen: ") {
			t.Errorf("want %q:\n%s", name, text.String())
		}
	}
}

func TestLoad_check(t *testing.T) {
	t.Parallel()
	if err := defaults().check(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []float64{0, -1, math.NaN()} {
		l := defaults()
		l.Shards = wrong
		if err := l.check(); err == nil || !strings.Contains(err.Error(), "--shards") {
			t.Errorf("%g: %v", wrong, err)
		}
	}
}
