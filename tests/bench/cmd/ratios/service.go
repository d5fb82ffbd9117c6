package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

const (
	serviceBenchmark = "Service"
	thisService      = "this"
	bareServer       = "net-http"
)

// load reads the figures of the whole service and of what it is compared with.
type load []result

func (l load) of(metric string, labels ...string) []float64 {
	want := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		want[labels[i]] = labels[i+1]
	}
	return rounds(l, serviceBenchmark, metric, want)
}

func (l load) at(metric string, labels ...string) float64 { return median(l.of(metric, labels...)) }

// systems returns the systems that were measured in some way.
func (l load) systems(label, value string) (names []string) {
	for _, name := range values(l, serviceBenchmark, "system") {
		if slices.ContainsFunc(l, func(r result) bool { return r.labels["system"] == name && r.labels[label] == value }) {
			names = append(names, name)
		}
	}
	return names
}

// earlier returns the version that this one is compared with, or "".
func (l load) earlier() string {
	for _, name := range l.systems("measure", "split") {
		if name != thisService {
			return name
		}
	}
	return ""
}

// peer returns the peer with the highest rate in a place, or "".
func (l load) peer(where string) (best string) {
	for _, name := range l.systems("where", where) {
		if name == thisService || name == l.earlier() {
			continue
		}
		if best == "" || l.at(speed, "where", where, "system", name, "measure", "most") >
			l.at(speed, "where", where, "system", best, "measure", "most") {
			best = name
		}
	}
	return best
}

func serviceTables(out io.Writer, results []result) error {
	if len(rounds(results, serviceBenchmark, "us/command", nil))+len(rounds(results, serviceBenchmark, speed, nil)) == 0 {
		return nil
	}
	l := load(results)
	for _, table := range []func(io.Writer) error{l.rates, l.cpu, l.goals} {
		if err := table(out); err != nil {
			return err
		}
	}
	return nil
}

// places are where the client is.
var places = []string{"process", "http-in-process", "http"}

func (l load) rates(out io.Writer) error {
	header := []string{"client", "system", "most commands/s", "flat out"}
	ratesOf := values(l, serviceBenchmark, "rate")
	for _, rate := range ratesOf {
		if _, err := strconv.Atoi(rate); err == nil {
			rate += "/s"
		}
		header = append(header, "at "+rate)
	}
	t := newTable(out, "The whole service: the most commands a second with all views within 1 s; and ms from a command to all views, p50 / p99 (at most: at 0.8 of it)", header...)
	for _, where := range places {
		for _, system := range l.systems("where", where) {
			labels := []string{"where", where, "system", system}
			row := []string{
				where, system, thousands(l.at(speed, append(labels, "measure", "most")...)),
				thousands(l.at("answered/s", append(labels, "measure", "most")...)),
			}
			for _, rate := range ratesOf {
				at := append(slices.Clone(labels), "measure", "latency", "rate", rate)
				cell := ""
				if p99 := l.of("views-p99-ms", at...); len(p99) > 0 {
					cell = fmt.Sprintf("%.1f / %.1f", l.at("views-p50-ms", at...), median(p99))
				}
				row = append(row, cell)
			}
			t.row(row...)
		}
	}
	return t.end()
}

func (l load) cpu(out io.Writer) error {
	var measured []string
	for _, part := range []string{"consumers", "http", "command", "wal", "compaction", "gc", "rest"} {
		if len(l.of(part+"-us")) > 0 {
			measured = append(measured, part)
		}
	}
	header := append([]string{"system", "a command, with a sink", "without"}, measured...)
	t := newTable(out, "CPU µs of a command, without the client; and where they go, without a sink", append(header, "bytes on disk an event")...)
	for _, system := range l.systems("measure", "cpu") {
		row := []string{system, one(l.of("us/command", "system", system, "measure", "cpu")), one(l.of("us/command", "system", system, "measure", "split"))}
		for _, part := range measured {
			row = append(row, one(l.of(part+"-us", "system", system)))
		}
		t.row(append(row, one(l.of("B/event", "system", system)))...)
	}
	return t.end()
}

// one renders the median of figures.
func one(figures []float64) string {
	if len(figures) == 0 {
		return ""
	}
	return thousands(median(figures))
}

// projections is how many consumers run without a sink.
const projections = 4

// goals prints each ratio that has a goal, as far as it was measured.
func (l load) goals(out io.Writer) error {
	t := newTable(out, "Ratios", "", "ratio", "goal")
	row := func(name string, a, b []float64, goal string) {
		if len(a) > 0 && len(b) > 0 {
			t.row(name, spread(ratios(repeat(a, len(b)), repeat(b, len(a)))), goal)
		}
	}
	before := l.earlier()
	row("CPU of a command ÷ "+before, l.of("us/command", "system", thisService, "measure", "cpu"),
		l.of("us/command", "system", before, "measure", "cpu"), "≤ 0.4")
	perConsumer := l.of("consumers-us", "system", thisService)
	for i := range perConsumer {
		perConsumer[i] /= projections
	}
	const perEffect = "us/event-and-consumer"
	row("CPU of an event and consumer ÷ the bare loop of "+before, perConsumer, rounds(l, "BareLoop", perEffect, map[string]string{"system": before}), "≤ 0.8")
	row("CPU of an event and consumer ÷ the bare loop", perConsumer, rounds(l, "BareLoop", perEffect, map[string]string{"system": thisService}), "")
	row("CPU of HTTP ÷ a plain net/http server", l.of("http-us", "system", thisService), l.of("us/command", "system", bareServer), "")
	for _, goal := range []struct{ where, goal string }{{"process", "≥ 4"}, {"http", "≥ 3"}} {
		most := func(system string) []float64 {
			return l.of(speed, "where", goal.where, "system", system, "measure", "most")
		}
		if peer := l.peer(goal.where); peer != "" {
			row("most commands/s ÷ "+peer+", client: "+goal.where, most(thisService), most(peer), goal.goal)
		}
		row("most commands/s ÷ "+before+", client: "+goal.where, most(thisService), most(before), "")
	}
	p99 := func(where, system, rate string) []float64 {
		return l.of("views-p99-ms", "where", where, "system", system, "measure", "latency", "rate", rate)
	}
	if peer := l.peer("process"); peer != "" {
		row("command → all views at 2,000/s, p99 ÷ "+peer, p99("process", thisService, "2000"), p99("process", peer, "2000"), "≤ 0.15")
	}
	sync := rounds(l, "PacedSync", "p99-ms", nil)
	row("command → all views at 1,000/s over HTTP, p99 ÷ a bare synced append", p99("http", thisService, "1000"), sync, "≤ 5")
	row("the same with the client in the process", p99("http-in-process", thisService, "1000"), sync, "≤ 5")
	return t.end()
}

// repeat makes a single figure as long as those it is compared with.
func repeat(figures []float64, n int) []float64 {
	for len(figures) == 1 && n > 1 {
		figures = slices.Repeat(figures, n)
	}
	return figures
}
