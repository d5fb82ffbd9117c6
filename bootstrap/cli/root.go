package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/keep"
	"orderflow/bootstrap/cli/operate"
	"orderflow/bootstrap/cli/practice"
	"orderflow/bootstrap/cli/shell"
)

// Process is the part of its process that a command uses.
type Process = shell.Process

// Signals handles the signals of this process, see [shell.Signals].
func Signals() (ctx context.Context, hangups <-chan os.Signal) { return shell.Signals() }

// Main runs the command line args, without the program's name, and returns the exit status, see
// [shell.Main].
func Main(ctx context.Context, args []string, process Process) int {
	return shell.Main(ctx, args, process, newRoot)
}

// tools has the commands as methods.
type tools struct{ *shell.Shell }

func newRoot(shared *shell.Shell) *cobra.Command {
	sh := tools{shared}
	root := &cobra.Command{
		Use:   "orderflow",
		Short: "An event-sourced order service",
		Long: `Orderflow is an event-sourced order service. Commands become events, and events are committed together with an outbox.
Independent consumers turn the outbox into read models and messages.

Without a command it serves: 'orderflow' is 'orderflow serve'. It needs nothing else; all data is in one directory.

Every flag can also be set by an environment variable (--log-level is ORDERFLOW_LOG_LEVEL) and in the YAML file that
--config names (log-level: debug). A flag wins over the environment, and the environment over the file.

The other commands use the service that runs on the data directory, or the one that --url names. If none runs, a command
that changes something starts one for as long as it needs it, with the settings that the data directory was last served
with. A command that only reads uses the data directory and changes nothing. The help of each command says which it is,
and shows its own flags; --help-all also shows the flags of the service.

Exit status: 0 success, 1 could not be completed, 2 wrong usage, 3 completed with a bad result (refused commands,
differences, something wrong in a --check), 4 an import has refused orders; 128 plus the number of the signal when a signal
ended it: 130 after Ctrl-C, 141 when the output was closed.`,
		Example: `  orderflow                          # serve on 127.0.0.1:8080, data in ./data
  orderflow demo --orders 200        # in another terminal: place orders
  orderflow tail                     # what happens now?
  orderflow consumers                # how far is each consumer?
  orderflow parked ls                # which orders could not be handled, and why?
  orderflow inspect orders_by_status # what is in the tables?
  orderflow verify                   # is every read model what the events say?
  source <(orderflow completion bash) # complete commands, names and values; also zsh and fish`,
		Args:          shell.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          sh.Serve,
	}
	sh.Equip(root)
	root.AddCommand(sh.ServeCommand(), sh.submitCommand(), sh.demoCommand(), sh.tailCommand(), sh.explainCommand(),
		sh.inspectCommand(), sh.verifyCommand(), sh.schemaCommand(), sh.asyncAPICommand(), sh.versionCommand())
	root.AddCommand(operate.Commands(shared)...)
	root.AddCommand(keep.Commands(shared)...)
	root.AddCommand(practice.Commands(shared)...)
	sh.Complete(root)
	return root
}
