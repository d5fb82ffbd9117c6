// Package keep has the commands that copy what is stored, bring it back, and try this program on a
// copy: backup and restore, export and import, rehearse.
package keep

import (
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/shell"
)

// tools has the commands as methods.
type tools struct{ *shell.Shell }

// Commands returns the commands, for the root of the command line.
func Commands(sh *shell.Shell) []*cobra.Command {
	t := tools{sh}
	return []*cobra.Command{t.backupCommand(), t.restoreCommand(), t.exportCommand(), t.importCommand(), t.rehearseCommand()}
}
