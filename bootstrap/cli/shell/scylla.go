package shell

import (
	"time"

	"github.com/spf13/pflag"

	"orderflow/adapters/scylla"
)

// scyllaTLS holds the part of the configuration that is set only when it is switched on.
type scyllaTLS struct {
	on       bool
	settings scylla.TLS
}

func (sh *Shell) scyllaFlags(flags *pflag.FlagSet) {
	c := &sh.Config.Scylla
	flags.StringSliceVar(&c.Hosts, "scylla-hosts", nil,
		"nodes to connect to first, host or host:port, with commas between them")
	flags.StringVar(&c.Keyspace, "scylla-keyspace", c.Keyspace, "keyspace of all tables")
	flags.StringVar(&c.LocalDC, "scylla-local-dc", "", "data centre that requests go to")
	flags.StringVar(&c.Username, "scylla-username", "", "user")
	flags.StringVar(&c.Password, "scylla-password", "", "password; better in the environment than on the command line")
	flags.DurationVar(&c.Timeout, "scylla-timeout", 11*time.Second, "timeout of one request")
	flags.BoolVar(&sh.tls.on, "scylla-tls", false, "encrypt connections and verify the nodes' certificates")
	flags.StringVar(&sh.tls.settings.CA, "scylla-ca", "",
		"file with the certificates to trust (default: those of the system)")
	flags.StringVar(&sh.tls.settings.Cert, "scylla-cert", "", "file with the client's certificate")
	flags.StringVar(&sh.tls.settings.Key, "scylla-key", "", "file with the key of the client's certificate")
	flags.StringVar(&sh.tls.settings.ServerName, "scylla-server-name", "",
		"name that the nodes' certificates must be for (default: the address)")
	flags.IntVar(&c.ReplicationFactor, "scylla-replication-factor", 1,
		"copies in each data centre, when the keyspace is created")
	flags.StringToIntVar(&c.Replication, "scylla-replication", nil,
		"copies by data centre, as dc1=3,dc2=3; wins over the factor")
	flags.BoolVar(&c.DisableInitialHostLookup, "scylla-no-host-lookup", false,
		"use the given hosts as they are, for nodes behind NAT or in a container")
}

// complete fills in the configuration when all flags are known.
func (sh *Shell) complete() {
	if sh.tls.on {
		sh.Config.Scylla.TLS = &sh.tls.settings
	}
	sh.redpanda.complete(&sh.Config.Redpanda)
	sh.completeAccess()
}
