// Command scyllasim runs the simulated ScyllaDB on a loopback address, for trying the service
// without a server. It keeps nothing when it ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"orderflow/tests/scyllasim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("scyllasim", flag.ContinueOnError)
	var o scyllasim.Options
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:9042", "loopback address of the first node")
	flags.IntVar(&o.Nodes, "nodes", 1, "number of nodes, on consecutive addresses")
	flags.BoolVar(&o.Tablets, "tablets", false, "use tablets in new keyspaces")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sim, err := scyllasim.Start(o)
	if err != nil {
		return err
	}
	defer sim.Close()
	fmt.Println("listening on", strings.Join(sim.Hosts(), ", "))
	<-ctx.Done()
	return nil
}
