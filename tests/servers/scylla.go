package servers

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
)

const (
	scyllaImage = "scylladb/scylla:2026.1.8"
	// scyllaFlags make a small node. Its clients stay on the one port that is published.
	scyllaFlags = "--smp 1 --memory 1G --overprovisioned 1 --developer-mode 1 --skip-wait-for-gossip-to-settle 0" +
		" --enable-shard-aware-drivers 0 --native-transport-port {port} --broadcast-rpc-address {address}"
)

// scyllaHosts finds ScyllaDB once for all tests.
var scyllaHosts = sync.OnceValues(func() ([]string, error) {
	if hosts := os.Getenv("SCYLLA_HOSTS"); hosts != "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		list := strings.Split(hosts, ",")
		return list, scyllaReady(ctx, list...)
	}
	address, err := container{
		image: cmp.Or(os.Getenv("ORDERFLOW_TEST_SCYLLA_IMAGE"), scyllaImage),
		flags: cmp.Or(os.Getenv("ORDERFLOW_TEST_SCYLLA_FLAGS"), scyllaFlags),
		ready: func(ctx context.Context, address string) error { return scyllaReady(ctx, address) },
	}.start()
	if err != nil {
		return nil, fmt.Errorf("SCYLLA_HOSTS is not set, and %w", err)
	}
	return []string{address}, nil
})

// Scylla returns where a ScyllaDB is that writes and has a CDC log. A test must keep to keyspaces of its own, and drop them.
func Scylla(tb testing.TB) []string {
	tb.Helper()
	hosts, err := scyllaHosts()
	if err != nil && os.Getenv("SCYLLA_HOSTS") != "" {
		tb.Fatalf("SCYLLA_HOSTS is set: %v", err) // not the same as having none
	}
	if err != nil {
		missing(tb, err)
	}
	return hosts
}

// scyllaReady waits until ScyllaDB takes the schema, and a write to the outbox: a server that has just started has no generation of
// CDC streams yet, and refuses it.
func scyllaReady(ctx context.Context, hosts ...string) error {
	config := scylla.Config{Hosts: hosts, Keyspace: "ready_" + strings.ReplaceAll(uuid.NewString(), "-", ""), Timeout: patience}
	for {
		err := scyllaWrites(ctx, config)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in %s: %w", patience, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
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
