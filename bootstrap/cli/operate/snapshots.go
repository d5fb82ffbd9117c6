package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) snapshotsCommand() *cobra.Command {
	cmd := shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "snapshots",
		Short: "Delete the snapshots of long orders",
		Long: `Snapshots are what the first events of a long order amount to, so that not all of them are read for each command.
Nothing depends on them.`,
		Args: shell.NoArgs,
	})
	cmd.AddCommand(sh.dropSnapshotsCommand())
	return cmd
}

func (sh tools) dropSnapshotsCommand() *cobra.Command {
	return shell.Works.Declare(&cobra.Command{
		Use:   "drop [ORDER]",
		Short: "Delete the snapshots of one order, or of all",
		Long: `Delete the snapshots of one order, or of all. It is always safe: what needs a snapshot reads the events, and snapshots
are written again. Until then commands on long orders take longer. 'orderflow verify' compares snapshots with the events,
and verify --repair deletes those that differ. It is written to the log of operations.`,
		Example: `  orderflow snapshots drop --reason='after the change of the rules'`,
		Args:    needs("[ORDER]"),
		RunE: sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
			path := "/v1/snapshots"
			if len(args) > 0 {
				path += "?" + url.Values{"aggregate_id": {args[0]}}.Encode()
			}
			var dropped struct {
				Aggregates uint64 `json:"aggregates"`
			}
			err := sh.long(ctx, c, "deleting snapshots", client.Request{
				Reason: *sh.reason, Method: http.MethodDelete, Path: path,
			}, &dropped)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(sh.Out, "the snapshots of %d aggregates are deleted\n", dropped.Aggregates)
			return err
		}),
	})
}
