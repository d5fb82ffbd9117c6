package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

func scyllaTable(out io.Writer, results []result) error {
	return compare(out, results, comparison{
		benchmark: "ScyllaAppend",
		title:     "Commands on ScyllaDB, with intent and outbox; beside a conditional write alone, of which no consumer ever hears",
	})
}

// fleetTable prints what several processes do together.
func fleetTable(out io.Writer, results []result) error {
	const benchmark = "Fleet"
	sources := values(results, benchmark, "source")
	if len(sources) == 0 {
		return nil
	}
	t := newTable(out, "Processes with one keyspace, on doubles in one process: a backlog, and nothing to do",
		"source", "processes", "events/s in all", "least and most of a process", "queries/s while idle", "of them of the log")
	for _, source := range sources {
		for _, processes := range values(results, benchmark, "processes") {
			of := func(metric string) string {
				labels := map[string]string{"source": source, "processes": processes}
				return thousands(median(rounds(results, benchmark, metric, labels)))
			}
			t.row(source, processes, of("events/s"), of("least-events/s")+" to "+of("most-events/s"),
				of("idle-queries/s"), of("idle-log-queries/s"))
		}
	}
	return t.end()
}

func scyllaLatencyTable(out io.Writer, results []result) error {
	const benchmark = "ScyllaLatency"
	header := []string{""}
	var columns []map[string]string
	for _, rate := range values(results, benchmark, "rate") {
		for _, outbox := range values(results, benchmark, "outbox") {
			header = append(header, rate+"/s, outbox "+outbox)
			columns = append(columns, map[string]string{"rate": rate, "outbox": outbox})
		}
	}
	if len(columns) == 0 {
		return nil
	}
	t := newTable(out, "Milliseconds from the answer to a command until a read model had it, p50 / p99; and the answer, from when it was due", header...)
	row := func(name string, cell func(labels map[string]string) string) {
		cells := []string{name}
		for _, labels := range columns {
			cells = append(cells, cell(labels))
		}
		t.row(cells...)
	}
	for _, stage := range slices.DeleteFunc(stages(results, benchmark),
		func(s string) bool { return s == "sent" || s == "all-views" }) {
		row(stage, func(labels map[string]string) string {
			p50, p99 := rounds(results, benchmark, stage+"-p50-ms", labels),
				rounds(results, benchmark, stage+"-p99-ms", labels)
			return fmt.Sprintf("%.1f / %.1f", median(p50), median(p99))
		})
	}
	for _, count := range []string{"lost", "late-rows", "held", "healed", "idle-queries/s", "idle-queries-told/s"} {
		row(strings.ReplaceAll(count, "-", " "), func(labels map[string]string) string {
			return thousands(median(rounds(results, benchmark, count, labels)))
		})
	}
	return t.end()
}
