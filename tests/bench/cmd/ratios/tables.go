package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

const (
	ours  = "orderflow"
	speed = "commands/s"
)

// syncTable prints the speed of the disk, on which everything else depends.
func syncTable(out io.Writer, results []result) error {
	p50, p99 := rounds(results, "Sync", "p50-ms", nil), rounds(results, "Sync", "p99-ms", nil)
	if len(p50) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "The disk: appending 1 KiB to a file and syncing it takes %.2f ms, %.2f ms at p99.\n\n",
		median(p50), median(p99))
	return err
}

func pathTable(out io.Writer, results []result) error {
	return compare(out, results, comparison{
		benchmark: "Path",
		title:     "The command path: load, decide, encode, dedupe, append, sync; beside raw Pebble writing the same bytes",
		aims:      map[string]string{"pebble": "0.7"},
	})
}

func peersTable(out io.Writer, results []result) error {
	return compare(out, results, comparison{
		benchmark: "Peers",
		title:     "The same commands on other systems, each of them durable",
		aims:      map[string]string{"watermill-sql": "6", "hallgren": "15"},
	})
}

// comparison is a table of systems. Some of them have an aim.
type comparison struct {
	benchmark, title string
	aims             map[string]string
}

func compare(out io.Writer, results []result, c comparison) error {
	workloads := values(results, c.benchmark, "workload")
	if len(workloads) == 0 {
		return nil
	}
	t := newTable(out, c.title, "workload", "writers", "system", speed, "orderflow ÷ system", "aim")
	for _, workload := range workloads {
		for _, writers := range values(results, c.benchmark, "writers") {
			of := func(system string) []float64 {
				return rounds(results, c.benchmark, speed,
					map[string]string{"workload": workload, "writers": writers, "system": system})
			}
			for _, system := range values(results, c.benchmark, "system") {
				figures, ratio, aim := of(system), "", ""
				if system != ours {
					ratio = spread(ratios(of(ours), figures))
					aim = atLeast(c.aims[system])
				}
				t.row(workload, writers, system, thousands(median(figures)), ratio, aim)
			}
		}
	}
	return t.end()
}

func latencyTable(out io.Writer, results []result) error {
	const benchmark = "Latency"
	header := []string{""}
	var columns []map[string]string
	for _, sender := range values(results, benchmark, "sender") {
		for _, sink := range values(results, benchmark, "sink") {
			header = append(header, sender+", sink "+sink)
			columns = append(columns, map[string]string{"sender": sender, "sink": sink})
		}
	}
	if len(columns) == 0 {
		return nil
	}
	t := newTable(out, "Milliseconds from when a command was due, 1,000 a second: p50 / p99 (aim: all views within 5 at p99)", header...)
	for _, stage := range stages(results, benchmark) {
		row := []string{stage}
		for _, labels := range columns {
			p50 := rounds(results, benchmark, stage+"-p50-ms", labels)
			p99 := rounds(results, benchmark, stage+"-p99-ms", labels)
			row = append(row, fmt.Sprintf("%.2f / %.2f", median(p50), median(p99)))
		}
		t.row(row...)
	}
	return t.end()
}

// stages returns what is measured for a command: when it was sent and answered, then each view, and
// all views last.
func stages(results []result, benchmark string) []string {
	first, last := []string{"sent", "answered"}, []string{"all-views"}
	var views []string
	for _, r := range results {
		for metric := range r.metrics {
			stage, is := strings.CutSuffix(metric, "-p99-ms")
			if r.name == benchmark && is && !slices.Contains(slices.Concat(first, views, last), stage) {
				views = append(views, stage)
			}
		}
	}
	slices.Sort(views)
	return slices.Concat(first, views, last)
}

// table aligns its columns.
type table struct {
	out     io.Writer
	aligned bytes.Buffer
	columns *tabwriter.Writer
}

func newTable(out io.Writer, title string, header ...string) *table {
	t := &table{out: out}
	t.columns = tabwriter.NewWriter(&t.aligned, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t.columns, "%s\n\n", title)
	t.row(header...)
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintf(t.columns, "  %s\n", strings.Join(cells, "\t")) }

// end writes the table, without the spaces of empty cells at the end of a line.
func (t *table) end() error {
	if err := t.columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(t.aligned.String()) {
		if _, err := fmt.Fprintln(t.out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(t.out)
	return err
}

// ratios divides round by round.
func ratios(a, b []float64) []float64 {
	quotients := make([]float64, min(len(a), len(b)))
	for i := range quotients {
		quotients[i] = a[i] / b[i]
	}
	return quotients
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func spread(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(values), slices.Min(values), slices.Max(values))
}

func atLeast(aim string) string {
	if aim == "" {
		return ""
	}
	return "≥ " + aim
}

// thousands renders a whole number with commas.
func thousands(value float64) string {
	digits := fmt.Sprintf("%.0f", value)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
