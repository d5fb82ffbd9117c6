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
