// Command orderflow is the service and all its tools in one binary. See orderflow --help.
package main

import (
	"os"
	"runtime/debug"

	"orderflow/bootstrap/cli"
)

func main() {
	ctx, hangups := cli.Signals()
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Process{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ(), Hangups: hangups, CollectGarbageAt: collectGarbageAt,
	}))
}

// collectGarbageAt leaves what the environment has set.
func collectGarbageAt(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
