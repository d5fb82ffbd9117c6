package scylla_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(c *scylla.Config)
		problem string // none when the configuration is right
	}{
		{"accepts hosts and a keyspace", func(*scylla.Config) {}, ""},
		{"accepts everything at once", func(c *scylla.Config) {
			c.Username, c.Password, c.LocalDC = "u", "p", "dc-1"
			c.TLS = &scylla.TLS{CA: "ca.pem", Cert: "c.pem", Key: "k.pem", ServerName: "db"}
			c.Timeout, c.ConnectTimeout = time.Second, time.Second
			c.Replication, c.SerialConsistency = map[string]int{"dc-1": 3}, gocql.Serial
		}, ""},
		{"refuses no hosts", func(c *scylla.Config) { c.Hosts = nil }, "Hosts"},
		{"refuses an empty host", func(c *scylla.Config) { c.Hosts = append(c.Hosts, "") }, "Hosts"},
		{"refuses no keyspace", func(c *scylla.Config) { c.Keyspace = "" }, "Keyspace"},
		{"refuses a keyspace that needs quotes", func(c *scylla.Config) { c.Keyspace = "Orders" }, "Keyspace"},
		{"refuses a keyspace with CQL in it", func(c *scylla.Config) { c.Keyspace = "a; DROP KEYSPACE b" }, "Keyspace"},
		{"refuses a user without a password", func(c *scylla.Config) { c.Username = "u" }, "Password"},
		{"refuses a certificate without its key", func(c *scylla.Config) { c.TLS = &scylla.TLS{Cert: "c.pem"} }, "TLS.Key"},
		{"refuses a negative timeout", func(c *scylla.Config) { c.Timeout = -1 }, "Timeout"},
		{"refuses a negative connect timeout", func(c *scylla.Config) { c.ConnectTimeout = -1 }, "ConnectTimeout"},
		{"refuses a negative sweep interval", func(c *scylla.Config) { c.SweepInterval = -1 }, "SweepInterval"},
		{"refuses a negative replication factor", func(c *scylla.Config) { c.ReplicationFactor = -1 }, "ReplicationFactor"},
		{"refuses no copies in a data centre", func(c *scylla.Config) { c.Replication = map[string]int{"dc": 0} }, "Replication"},
		{"refuses a data centre with CQL in it", func(c *scylla.Config) { c.Replication = map[string]int{"dc'}": 1} }, "Replication"},
		{"refuses a consistency that is not serial", func(c *scylla.Config) { c.SerialConsistency = gocql.Quorum }, "SerialConsistency"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := scylla.Config{Hosts: []string{"127.0.0.1"}, Keyspace: "orders_1"}
			tt.change(&c)
			err := c.Validate()
			if tt.problem == "" && err != nil || tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("error %v, want one about %q", err, tt.problem)
			}
			if tt.problem != "" {
				if _, err := scylla.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), tt.problem) {
					t.Errorf("open: error %v, want one about %q", err, tt.problem)
				}
			}
		})
	}
}
