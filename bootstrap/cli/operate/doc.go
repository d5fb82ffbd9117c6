// Package operate has the commands with which operators manage consumers: their state, pause and
// resume, reset and rebuild, and parked aggregates and skipped events.
package operate

import (
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/shell"
)

// tools has the commands as methods.
type tools struct{ *shell.Shell }

// Commands returns the commands, for the root of the command line.
func Commands(sh *shell.Shell) []*cobra.Command {
	t := tools{sh}
	return []*cobra.Command{t.consumersCommand(), t.parkedCommand()}
}
