package main

import "io"

// bulkTable compares what reads all events with one loop that only reads and decodes them.
func bulkTable(out io.Writer, results []result) error {
	const benchmark = "Bulk"
	works := values(results, benchmark, "work")
	if len(works) == 0 {
		return nil
	}
	aims := map[string]string{"verified-rebuild": "0.5", "verify-all": "0.25", "catch-up": "0.5"}
	t := newTable(out, "What reads all events; beside one loop that only reads and decodes them",
		"work", "view", "events/s", "÷ one loop", "aim")
	for _, work := range works {
		row := func(view string, want map[string]string) {
			want["work"] = work
			t.row(work, view, thousands(median(rounds(results, benchmark, "events/s", want))),
				spread(rounds(results, benchmark, "ratio-to-one-loop", want)), aims[work])
		}
		views := 0
		for _, view := range values(results, benchmark, "view") {
			want := map[string]string{"work": work, "view": view}
			if len(rounds(results, benchmark, "events/s", want)) > 0 {
				row(view, want)
				views++
			}
		}
		if views == 0 {
			row("all", map[string]string{})
		}
	}
	return t.end()
}
