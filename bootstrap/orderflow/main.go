// Command orderflow is the whole service and its tools in one binary; see orderflow --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"orderflow/bootstrap/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ()))
}
