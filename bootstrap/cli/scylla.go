package cli

import (
	"context"
	"fmt"
	"io"

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
	run := func(
		sub *cobra.Command, do func(context.Context, scylla.Config) (scylla.SchemaStatus, error),
	) *cobra.Command {
		output := shell.OutputFlag(sub, "the same as a document")
		sub.RunE = func(cmd *cobra.Command, _ []string) error {
			if err := sh.Config.ValidateScylla(); err != nil {
				return &shell.UsageError{Err: err}
			}
			meter := sh.Progress("schema "+sub.Name(), "")
			status, err := do(cmd.Context(), sh.Config.Scylla)
			meter.Stop()
			if err != nil {
				return err
			}
			return sh.printSchema(status, output)
		}
		return shell.NeedsNothing.Declare(sub)
	}
	cmd.AddCommand(run(&cobra.Command{
		Use:   "apply",
		Short: "Create the keyspace and the tables that are missing",
		Long: `Create the keyspace and the tables that are missing. It may be repeated, and several processes may run it at once: one
works and the others wait. It never drops anything.`,
		Args: shell.NoArgs,
	}, scylla.ApplySchema), run(&cobra.Command{
		Use:   "status",
		Short: "Compare the schema with the one that this program knows",
		Args:  shell.NoArgs,
	}, scylla.Status))
	return cmd
}

func (sh tools) printSchema(status scylla.SchemaStatus, output *shell.Output) error {
	bad := status.Check()
	if output.JSON() {
		if err := sh.PrintJSON(schemaOf(status, bad)); err != nil {
			return err
		}
	} else {
		writeSchema(sh.Out, status)
	}
	if bad != nil {
		return &shell.BadAnswer{Text: bad.Error()}
	}
	return nil
}

// schemaDocument is a schema as JSON.
type schemaDocument struct {
	Keyspace      string   `json:"keyspace"`
	ServerVersion string   `json:"server_version"`
	Exists        bool     `json:"exists"`
	Tablets       bool     `json:"tablets"`
	Streams       int      `json:"streams"`
	LogTTLSeconds float64  `json:"log_ttl_seconds"`
	Applied       []string `json:"applied"`
	Pending       []string `json:"pending"`
	Changed       []string `json:"changed"`
	Unknown       []string `json:"unknown"`
	// Findings are what should be different about the keyspace.
	Findings []schemaFinding `json:"findings"`
	// Problem says why the service does not work with the schema. It is empty when it does.
	Problem string `json:"problem,omitempty"`
}

type schemaFinding struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Meaning  string `json:"meaning"`
	Mend     string `json:"mend,omitempty"`
}

func schemaOf(status scylla.SchemaStatus, bad error) schemaDocument {
	list := func(names []string) []string { return append([]string{}, names...) }
	d := schemaDocument{
		Keyspace: status.Keyspace, ServerVersion: fmt.Sprint(status.ServerVersion), Exists: status.Exists,
		Tablets: status.Posture.Tablets, Streams: status.Posture.Streams, LogTTLSeconds: status.Posture.LogTTL.Seconds(),
		Applied: list(status.Applied), Pending: list(status.Pending), Changed: list(status.Changed), Unknown: list(status.Unknown),
		Findings: []schemaFinding{},
	}
	for _, f := range status.Posture.Findings {
		d.Findings = append(d.Findings, schemaFinding{fmt.Sprint(f.Severity), f.Code, f.Meaning, f.Mend})
	}
	if bad != nil {
		d.Problem = bad.Error()
	}
	return d
}

func writeSchema(out io.Writer, status scylla.SchemaStatus) {
	fmt.Fprintf(out, "keyspace %s on version %s\n", status.Keyspace, status.ServerVersion)
	if status.Exists {
		kind := map[bool]string{true: "tablets", false: "vnodes"}[status.Posture.Tablets]
		fmt.Fprintf(out, "  %s, which cannot be changed later; %d streams of changes, kept for %s\n",
			kind, status.Posture.Streams, status.Posture.LogTTL)
	}
	for _, part := range []struct {
		what  string
		names []string
	}{{"applied", status.Applied}, {"pending", status.Pending}, {"changed", status.Changed}, {"unknown", status.Unknown}} {
		for _, name := range part.names {
			fmt.Fprintf(out, "  %s  %s\n", part.what, name)
		}
	}
	for _, f := range status.Posture.Findings {
		fmt.Fprintf(out, "  %s  %s: %s\n", f.Severity, f.Code, f.Meaning)
		if f.Mend != "" {
			fmt.Fprintf(out, "    to mend it: %s\n", f.Mend)
		}
	}
}
