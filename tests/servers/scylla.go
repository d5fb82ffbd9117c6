package servers

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
)

const (
	scyllaImage = "scylladb/scylla:2026.1.8"
	// scyllaFlags make a small node. Clients use only the one port that is published.
	scyllaFlags = "--smp 1 --memory 1G --overprovisioned 1 --developer-mode 1 --skip-wait-for-gossip-to-settle 0" +
		" --enable-shard-aware-drivers 0 --native-transport-port {port} --broadcast-rpc-address {address}"
)

var scyllaDB = server{
	variable: "SCYLLA_HOSTS", imageVariable: "ORDERFLOW_TEST_SCYLLA_IMAGE", flagsVariable: "ORDERFLOW_TEST_SCYLLA_FLAGS",
	image: scyllaImage, flags: scyllaFlags, ready: scyllaReady,
}

// scyllaHosts finds ScyllaDB once for all tests.
var scyllaHosts = sync.OnceValues(scyllaDB.find)

// Scylla returns the addresses of a ScyllaDB that accepts writes and has a CDC log. A test must use
// only its own keyspaces, and drop them.
func Scylla(tb testing.TB) []string {
	tb.Helper()
	return scyllaDB.need(tb, scyllaHosts)
}

// scyllaReady waits until ScyllaDB accepts the schema and a write to the outbox. A server that has
// just started has no generation of CDC streams yet and refuses the write.
func scyllaReady(ctx context.Context, hosts ...string) error {
	config := scylla.Config{Hosts: hosts, Keyspace: "ready_" + strings.ReplaceAll(uuid.NewString(), "-",
		""), Timeout: patience}
	return await(ctx, func() error { return scyllaWrites(ctx, config) })
}

func scyllaWrites(ctx context.Context, config scylla.Config) error {
	if _, err := scylla.ApplySchema(ctx, config); err != nil {
		return err
	}
	session, err := scylla.Connect(ctx, config)
	if err != nil {
		return err
	}
	defer session.Close()
	write := "INSERT INTO outbox_messages (aggregate_id, sequence_number) VALUES (uuid(), 1)"
	if err := session.Query(write).WithContext(ctx).Exec(); err != nil {
		return err
	}
	return session.Query("DROP KEYSPACE " + config.Keyspace).WithContext(ctx).Exec()
}
