package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"orderflow/adapters/scylla"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) schemaCommand() *cobra.Command {
	cmd := shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "schema",
		Short: "Show the schema in ScyllaDB, or bring it up to date",
		Args:  shell.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	run := func(do func(context.Context, scylla.Config) (scylla.SchemaStatus, error)) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			if err := sh.Config.ValidateScylla(); err != nil {
				return &shell.UsageError{Err: err}
			}
			status, err := do(cmd.Context(), sh.Config.Scylla)
			if err != nil {
				return err
			}
			return sh.printSchema(status)
		}
	}
	cmd.AddCommand(shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "apply",
		Short: "Create the keyspace and the tables that are missing",
		Long: `Create the keyspace and the tables that are missing. It may be repeated, and several processes may run it at once: one
works and the others wait. It never drops anything.`,
		Args: shell.NoArgs,
		RunE: run(scylla.ApplySchema),
	}), shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "status",
		Short: "Compare the schema with the one that this program knows",
		Args:  shell.NoArgs,
		RunE:  run(scylla.Status),
	}))
	return cmd
}

func (sh tools) printSchema(status scylla.SchemaStatus) error {
	fmt.Fprintf(sh.Out, "keyspace %s on version %s\n", status.Keyspace, status.ServerVersion)
	if status.Exists {
		kind := map[bool]string{true: "tablets", false: "vnodes"}[status.Posture.Tablets]
		fmt.Fprintf(sh.Out, "  %s, which cannot be changed later; %d streams of changes, kept for %s\n",
			kind, status.Posture.Streams, status.Posture.LogTTL)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"applied", status.Applied}, {"pending", status.Pending}, {"changed", status.Changed}, {"unknown", status.Unknown}} {
		for _, name := range part.names {
			fmt.Fprintf(sh.Out, "  %s  %s\n", part.what, name)
		}
	}
	for _, f := range status.Posture.Findings {
		fmt.Fprintf(sh.Out, "  %s  %s: %s\n", f.Severity, f.Code, f.Meaning)
		if f.Mend != "" {
			fmt.Fprintf(sh.Out, "    to mend it: %s\n", f.Mend)
		}
	}
	if err := status.Check(); err != nil {
		return &shell.BadAnswer{Text: err.Error()}
	}
	return nil
}
