package main

import "io"

// rebuildTable compares the rebuild of each view with simple ways of reading and decoding the same
// events.
func rebuildTable(out io.Writer, results []result) error {
	const benchmark = "Rebuild"
	views := values(results, benchmark, "view")
	if len(views) == 0 {
		return nil
	}
	t := newTable(out, "Rebuilding a view from the event store (aim: 0.5 of reading and decoding the same events)",
		"view", "events/s", "÷ scan by order", "÷ scan in one loop")
	for _, view := range views {
		of := func(unit string) []float64 { return rounds(results, benchmark, unit, map[string]string{"view": view}) }
		t.row(view, thousands(median(of("rebuilt-events/s"))), spread(of("ratio")), spread(of("ratio-to-one-loop")))
	}
	return t.end()
}
