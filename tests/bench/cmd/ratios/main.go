// Command ratios reads the output of Orderflow's benchmarks, of several rounds, and prints it as
// tables: how fast each system is, and how many times as fast Orderflow is.
//
// A ratio is taken within a round, in which the systems were measured shortly after each other. The
// tables show the median of the rounds, with the smallest and the largest in brackets. A disk or a
// machine that is slower in one round than in the next changes the figures, but it hardly changes
// the ratios.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	results, err := parse(in)
	if err != nil {
		return err
	}
	for _, table := range []func(io.Writer, []result) error{
		syncTable, pathTable, latencyTable, peersTable, rebuildTable, bulkTable, scyllaTable, scyllaLatencyTable, redpandaTable, sealedTable,
		fleetTable, serviceTables,
	} {
		if err := table(out, results); err != nil {
			return err
		}
	}
	return nil
}
