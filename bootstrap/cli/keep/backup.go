package keep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) backupCommand() *cobra.Command {
	return shell.OnlyReads.Declare(&cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the whole store into a directory, while it works",
		Long: `Let the service copy its whole store into a directory, which must not exist, or be empty. The copy has every command that
was acknowledged before; commands go on meanwhile. On the same file system it shares files with the store: copy it to
another machine. It is complete when it has the file BACKUP, which has the size and the checksum of every other file. It
holds personal data.

The embedded store only. ScyllaDB has snapshots, and for both there is 'orderflow export'.`,
		ValidArgsFunction: shell.ADirectory,
		Args:              func(_ *cobra.Command, args []string) error { return oneDir("backup", args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.backup(ctx, c, dir)
			})
		},
	})
}

func oneDir(command string, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return &shell.UsageError{Err: fmt.Errorf("orderflow %s: needs DIR", command)}
	}
	return nil
}

func (sh tools) backup(ctx context.Context, c *client.Client, dir string) error {
	var report struct {
		Events uint64 `json:"events"`
		Files  int    `json:"files"`
		Bytes  int64  `json:"bytes"`
	}
	meter := sh.Progress("copying the store", "")
	err := c.Do(ctx, client.Request{
		Method: http.MethodPost, Path: "/v1/backup?" + url.Values{"dir": {dir}}.Encode(), Slow: true,
	}, &report)
	meter.Stop()
	if refusal := (*client.Problem)(nil); errors.As(err, &refusal) && refusal.Code == "route_not_found" {
		return errors.New("this store has backups of its own: use nodetool snapshot or ScyllaDB Manager, or 'orderflow export'")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(sh.Out, "%s: %d events, %d files, %.1f MB\n", dir, report.Events, report.Files, float64(report.Bytes)/1e6)
	return nil
}

func (sh tools) restoreCommand() *cobra.Command {
	return shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "restore DIR --data=NEW",
		Short: "Make a new data directory of a backup",
		Long: `Copy a backup into a new data directory, which must not exist, or be empty. Every file is compared with the checksum in
the backup. The new store has an id of its own, because what the original does later does not happen in it.

A publisher compares what its target has with a restored store before it publishes. If the target has events that the
store does not have, publishing stays off, because the sequence numbers of those events would be used again for others.
'orderflow serve --accept-loss' publishes all the same.`,
		ValidArgsFunction: shell.ADirectory,
		Args:              func(_ *cobra.Command, args []string) error { return oneDir("restore", args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("data") {
				return shell.Bad("data", "it is missing: name the new data directory")
			}
			log, err := sh.ToolLogger()
			if err != nil {
				return err
			}
			meter := sh.Progress("restoring", progress.Bytes)
			restored, err := bootstrap.Restore(cmd.Context(), args[0], sh.Config.Data, log, meter.Set)
			meter.Stop()
			if err != nil {
				return err
			}
			fmt.Fprintf(sh.Out, "%s: %d events of store %s, as they were at %s\nthe new store is %s\n",
				sh.Config.Data, restored.Events, restored.From, restored.Created.Format("2006-01-02T15:04:05Z"), restored.Store)
			return nil
		},
	})
}
