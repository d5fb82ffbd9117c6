package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/adapters/scylla"
)

// scyllaTLS is the part of the configuration that is there only when it is switched on.
type scyllaTLS struct {
	on       bool
	settings scylla.TLS
}

func (sh *shell) scyllaFlags(flags *pflag.FlagSet) {
	c := &sh.config.Scylla
	flags.StringSliceVar(&c.Hosts, "scylla-hosts", nil, "nodes to connect to first, host or host:port, with commas between them")
	flags.StringVar(&c.Keyspace, "scylla-keyspace", c.Keyspace, "keyspace of all tables")
	flags.StringVar(&c.LocalDC, "scylla-local-dc", "", "data centre that requests go to")
	flags.StringVar(&c.Username, "scylla-username", "", "user")
	flags.StringVar(&c.Password, "scylla-password", "", "password; better in the environment than on the command line")
	flags.DurationVar(&c.Timeout, "scylla-timeout", 11*time.Second, "bound of one request")
	flags.BoolVar(&sh.tls.on, "scylla-tls", false, "encrypt connections and verify the nodes' certificates")
	flags.StringVar(&sh.tls.settings.CA, "scylla-ca", "", "file with the certificates to trust (default: those of the system)")
	flags.StringVar(&sh.tls.settings.Cert, "scylla-cert", "", "file with the client's certificate")
	flags.StringVar(&sh.tls.settings.Key, "scylla-key", "", "file with the key of the client's certificate")
	flags.StringVar(&sh.tls.settings.ServerName, "scylla-server-name", "", "name that the nodes' certificates must be for (default: the address)")
	flags.IntVar(&c.ReplicationFactor, "scylla-replication-factor", 1, "copies in each data centre, when the keyspace is created")
	flags.StringToIntVar(&c.Replication, "scylla-replication", nil, "copies by data centre, as dc1=3,dc2=3; wins over the factor")
	flags.BoolVar(&c.DisableInitialHostLookup, "scylla-no-host-lookup", false, "use the given hosts as they are, for nodes behind NAT or in a container")
}

// complete fills in the configuration once all flags are known.
func (sh *shell) complete() {
	if sh.tls.on {
		sh.config.Scylla.TLS = &sh.tls.settings
	}
	sh.redpanda.complete(&sh.config.Redpanda)
}

func (sh *shell) schemaCommand() *cobra.Command {
	cmd := needsNothing.declare(&cobra.Command{
		Use:   "schema",
		Short: "Look at the schema in ScyllaDB, or bring it up to date",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	})
	run := func(do func(context.Context, scylla.Config) (scylla.SchemaStatus, error)) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			if err := sh.config.ValidateScylla(); err != nil {
				return &usageError{err}
			}
			status, err := do(cmd.Context(), sh.config.Scylla)
			if err != nil {
				return err
			}
			return sh.printSchema(status)
		}
	}
	cmd.AddCommand(needsNothing.declare(&cobra.Command{
		Use:   "apply",
		Short: "Create the keyspace and the tables that are missing",
		Long: `Create the keyspace and the tables that are missing. It may be repeated, and run by several processes at once: one works
and the others wait. Nothing is ever dropped.`,
		Args: noArgs,
		RunE: run(scylla.ApplySchema),
	}), needsNothing.declare(&cobra.Command{
		Use:   "status",
		Short: "Compare the schema with the one that this program knows",
		Args:  noArgs,
		RunE:  run(scylla.Status),
	}))
	return cmd
}

func (sh *shell) printSchema(status scylla.SchemaStatus) error {
	fmt.Fprintf(sh.Out, "keyspace %s on version %s\n", status.Keyspace, status.ServerVersion)
	for _, part := range []struct {
		what  string
		names []string
	}{{"applied", status.Applied}, {"pending", status.Pending}, {"changed", status.Changed}, {"unknown", status.Unknown}} {
		for _, name := range part.names {
			fmt.Fprintf(sh.Out, "  %s  %s\n", part.what, name)
		}
	}
	if err := status.Check(); err != nil {
		return &badAnswer{err.Error()}
	}
	return nil
}
