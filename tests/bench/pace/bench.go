package pace

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Measured is a System whose latencies can be measured.
type Measured interface {
	System
	// Latencies sends commands at a rate. It returns when they were answered, and when the slowest
	// view had them, from the moment when each was due.
	Latencies(ctx context.Context, commands int, rate float64) (answers, views Quantiles, err error)
}

// Rates are the rates, in commands a second, at which latencies are measured. In addition they are
// measured at a part of the highest rate.
var Rates = []int{100, 1000, 2000}

// PartOfMost is that part.
const PartOfMost = 0.8

// Plan is how much is measured.
type Plan struct {
	Search
	// Latency is how long each measurement of latencies is.
	Latency time.Duration
}

// DefaultPlan takes about a minute for a system.
var DefaultPlan = Plan{Search: Search{Flood: 10_000, Lasts: 5 * time.Second, Probes: 5}, Latency: 5 * time.Second}

// Result is one figure of a measurement, with the labels that tell it from others.
type Result struct {
	Labels  string
	Figures []Figure
}

// Figure is a value with its unit.
type Figure struct {
	Value float64
	Unit  string
}

// Most returns the result of a search.
func (p Plan) Most(ctx context.Context, system Measured) (Most, Result, error) {
	found, err := p.Search.Most(ctx, system)
	return found, Result{"measure=most", []Figure{{found.Rate, "commands/s"}, {found.Answered, "answered/s"}}}, err
}

// At returns the latencies at a rate. ok is false when that rate is above the highest one. A rate
// of 0 is a part of the highest one.
func (p Plan) At(ctx context.Context, system Measured, most Most, rate int) (result Result, ok bool, err error) {
	label, perSecond := fmt.Sprint(rate), float64(rate)
	if rate == 0 {
		label, perSecond = "most", PartOfMost*most.Rate
	}
	if perSecond > most.Rate || perSecond == 0 {
		return result, false, nil
	}
	answers, views, err := system.Latencies(ctx, int(perSecond*p.Latency.Seconds()), perSecond)
	return Result{"measure=latency/rate=" + label, []Figure{
		{perSecond, "commands/s"},
		{answers.At(0.50), "answered-p50-ms"},
		{answers.At(0.99), "answered-p99-ms"},
		{views.At(0.50), "views-p50-ms"},
		{views.At(0.99), "views-p99-ms"},
	}}, true, err
}

// Bench measures a system in a benchmark. The labels name it, such as where=process/system=NAME.
func (p Plan) Bench(b *testing.B, labels string, system Measured) {
	b.Helper()
	report := func(result Result, err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(labels+"/"+result.Labels, func(b *testing.B) {
			b.ReportMetric(0, "ns/op") // the time of one operation means nothing here
			for _, f := range result.Figures {
				b.ReportMetric(f.Value, f.Unit)
			}
		})
	}
	most, result, err := p.Most(b.Context(), system)
	report(result, err)
	for _, rate := range append(Rates, 0) {
		if result, ok, err := p.At(b.Context(), system, most, rate); ok {
			report(result, err)
		}
	}
}
