// Command orderflow is the service and all its tools in one binary. See orderflow --help.
package main

import (
	"os"

	"orderflow/bootstrap/cli"
)

func main() {
	ctx, hangups := cli.Signals()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Process{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Hangups: hangups,
	}))
}
