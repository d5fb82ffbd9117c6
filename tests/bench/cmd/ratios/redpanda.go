package main

import (
	"io"
	"slices"
)

// redpandaTable compares the publisher, for each number of lanes, with the systems that have no
// lanes.
func redpandaTable(out io.Writer, results []result) error {
	const benchmark, speed = "Redpanda", "events/s"
	lanes := map[string][]string{}
	for _, r := range results {
		if system := r.labels["system"]; r.name == benchmark && !slices.Contains(lanes[system], r.labels["lanes"]) {
			lanes[system] = append(lanes[system], r.labels["lanes"])
		}
	}
	if len(lanes) == 0 {
		return nil
	}
	of := func(system, lanes string) []float64 {
		return rounds(results, benchmark, speed, map[string]string{"system": system, "lanes": lanes})
	}
	t := newTable(out, "Publishing to a topic, acknowledged by all replicas, in order for each order (aim: 0.7 of sarama-batches)",
		"system", "lanes", speed, "÷ sarama-batches", "÷ watermill-kafka")
	for _, system := range values(results, benchmark, "system") {
		for _, n := range lanes[system] {
			figures := of(system, n)
			t.row(system, n, thousands(median(figures)), spread(ratios(figures, of("sarama-batches", "1"))),
				spread(ratios(figures, of("watermill-kafka", "1"))))
		}
	}
	return t.end()
}
