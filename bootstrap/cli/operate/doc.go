// Package operate has the commands with which operators manage consumers: their state, pause and
// resume, reset and rebuild, parked aggregates and skipped events. It also has those for tokens,
// for snapshots and for the log of operations.
//
// # Size
//
// The package has more than 1,500 lines. Each file has one command, or one group of commands. They
// share how a list is printed, how a long request is waited for, and the flag --reason.
package operate

import (
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/shell"
)

// tools has the commands as methods.
type tools struct {
	*shell.Shell
	// reason is why an operator acts.
	reason *string
}

// Commands returns the commands, for the root of the command line.
func Commands(sh *shell.Shell) []*cobra.Command {
	t := tools{sh, new(string)}
	commands := []*cobra.Command{t.consumersCommand(), t.parkedCommand(), t.operationsCommand(), t.tokenCommand(), t.logLevelCommand(), t.snapshotsCommand(), t.forgetCommand()}
	for _, command := range commands {
		for _, sub := range command.Commands() {
			if shell.NeedOf(sub) == shell.Works && sub.Flags().Lookup("reason") == nil {
				reasonFlag(sub, t.reason)
			}
		}
	}
	return commands
}
