package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// result is one line of a benchmark.
type result struct {
	// name is the name of the benchmark function, without Benchmark.
	name string
	// labels are the key=value parts of the name.
	labels map[string]string
	// metrics holds the figures by their unit.
	metrics map[string]float64
}

// parse returns the results in their order. It skips lines that are no results.
func parse(in io.Reader) ([]result, error) {
	var results []result
	for lines := bufio.NewScanner(in); ; {
		if !lines.Scan() {
			return results, lines.Err()
		}
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		r := parseName(fields[0])
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", fields[0], err)
			}
			r.metrics[fields[i+1]] = value
		}
		results = append(results, r)
	}
}

func parseName(name string) result {
	name = strings.TrimPrefix(name, "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		name = name[:i] // the number of processors
	}
	parts := strings.Split(name, "/")
	r := result{name: parts[0], labels: map[string]string{}, metrics: map[string]float64{}}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		r.labels[key] = value
	}
	return r
}

// rounds returns the value of one metric in each round, for the results of a benchmark whose labels
// include want.
func rounds(results []result, name, metric string, want map[string]string) []float64 {
	var values []float64
	for _, r := range results {
		value, measured := r.metrics[metric]
		if measured && r.name == name && includes(r.labels, want) {
			values = append(values, value)
		}
	}
	return values
}

func includes(labels, want map[string]string) bool {
	for key, value := range want {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// values returns the different values of a label in a benchmark, in the order of their appearance.
func values(results []result, name, label string) []string {
	var found []string
	seen := map[string]bool{}
	for _, r := range results {
		if value := r.labels[label]; r.name == name && value != "" && !seen[value] {
			seen[value] = true
			found = append(found, value)
		}
	}
	return found
}
