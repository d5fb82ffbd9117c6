package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/gocql/gocql"
)

// Config says where the cluster is and how to connect to it. Hosts and Keyspace are required.
type Config struct {
	// Hosts are the nodes to connect to first, as "host" or "host:port"; the others are found
	// through them.
	Hosts []string
	// Keyspace holds all tables: small letters, digits and underscores.
	Keyspace string
	// LocalDC is the data centre that requests go to. Empty means any node, which is right only
	// when there is one data centre.
	LocalDC string

	// Username and Password, both or neither.
	Username, Password string
	// TLS is nil for plain connections.
	TLS *TLS

	// Timeout bounds one request; 0 means 11 seconds. It should be above the timeouts of the server
	// (2 seconds for a write, 5 for a read). Otherwise many outcomes that the server could report
	// stay unknown.
	Timeout time.Duration
	// ConnectTimeout bounds one attempt to connect; 0 means 5 seconds.
	ConnectTimeout time.Duration

	// ReplicationFactor is the number of copies in every data centre. Replication is the number in
	// each one by name, and takes precedence. Neither means 1. They are used only when the keyspace
	// is created.
	ReplicationFactor int
	Replication       map[string]int

	// SerialConsistency is the level of conditional writes: LOCAL_SERIAL, which is the default and
	// needs all writers of an aggregate in one data centre, or SERIAL. All processes must use the
	// same.
	SerialConsistency gocql.Consistency

	// DisableInitialHostLookup uses Hosts as they are, for nodes whose own addresses cannot be
	// reached, as behind NAT or in a container. Requests are then not routed to the node that has
	// the data.
	DisableInitialHostLookup bool
	// DisableShardAwarePort uses only the ordinary port, for networks that change the client's
	// port.
	DisableShardAwarePort bool

	// Dialer opens the connections, for a proxy, or to watch or cut them. nil means a plain TCP
	// dialer. With TLS, its connections are encrypted.
	Dialer gocql.Dialer

	// SweepInterval is the pause between two passes of the sweeper; 0 means 5 seconds.
	SweepInterval time.Duration

	// Appended is called after the events of an append went to the outbox, so that a reader of the
	// change feed in this process need not wait for its next poll. It must not block. It may be
	// nil.
	Appended func()
	// Now is the clock of this machine; nil means time.Now. It need not be right, see [Client.Now].
	Now func() time.Time
	// Logger gets what an operator should know. nil means that nothing is logged.
	Logger *slog.Logger
}

// TLS is how connections are encrypted. The name in the certificate of each node is always
// verified.
type TLS struct {
	// CA is the file with the certificates of the authorities to trust; empty means those of the
	// system.
	CA string
	// Cert and Key are the files with the client's own certificate, both or neither.
	Cert, Key string
	// ServerName is the name that certificates must be for; empty means the address that was
	// dialled.
	ServerName string
}

// The names that go into CQL as they are.
const (
	keyspaceName   = `^[a-z][a-z0-9_]{0,47}$`
	dataCenterName = `^[\w.-]+$`
)

// Validate reports everything that is wrong, each by the name of its field.
func (c Config) Validate() error {
	var problems []error
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	problem(len(c.Hosts) == 0, "Hosts: none given")
	for i, host := range c.Hosts {
		problem(host == "", "Hosts: entry %d is empty", i+1)
	}
	problem(!regexp.MustCompile(keyspaceName).MatchString(c.Keyspace),
		"Keyspace: %q is not a small letter followed by up to 47 small letters, digits or underscores", c.Keyspace)
	problem((c.Username == "") != (c.Password == ""), "Username and Password: only one of them given")
	problem(c.Timeout < 0, "Timeout: %s is negative", c.Timeout)
	problem(c.ConnectTimeout < 0, "ConnectTimeout: %s is negative", c.ConnectTimeout)
	problem(c.SweepInterval < 0, "SweepInterval: %s is negative", c.SweepInterval)
	problem(c.ReplicationFactor < 0, "ReplicationFactor: %d is negative", c.ReplicationFactor)
	for dc, n := range c.Replication {
		problem(!regexp.MustCompile(dataCenterName).MatchString(dc), "Replication: %q is not the name of a data centre", dc)
		problem(n < 1, "Replication: %d copies in %s", n, dc)
	}
	problem(c.SerialConsistency != 0 && !c.SerialConsistency.IsSerial(),
		"SerialConsistency: %s is neither SERIAL nor LOCAL_SERIAL", c.SerialConsistency)
	if c.TLS != nil {
		problem((c.TLS.Cert == "") != (c.TLS.Key == ""), "TLS.Cert and TLS.Key: only one of them given")
	}
	if len(problems) > 0 {
		return fmt.Errorf("scylla configuration: %w", errors.Join(problems...))
	}
	return nil
}

// WithDefaults returns the complete configuration.
func (c Config) WithDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 11 * time.Second
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.SweepInterval == 0 {
		c.SweepInterval = 5 * time.Second
	}
	if c.ReplicationFactor == 0 {
		c.ReplicationFactor = 1
	}
	if c.SerialConsistency == 0 {
		c.SerialConsistency = gocql.LocalSerial
	}
	if c.Appended == nil {
		c.Appended = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
