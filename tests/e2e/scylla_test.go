package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/tests/scylladump"
	"orderflow/tests/scyllasim"
	"orderflow/tests/servers"
)

// dropKeyspace drops the keyspace of a test.
func dropKeyspace(t *testing.T, hosts, keyspace string) {
	t.Helper()
	config := scylla.Config{Hosts: strings.Split(hosts, ","), Keyspace: keyspace, Timeout: time.Minute}
	session, err := scylla.Connect(context.Background(), config)
	if err != nil {
		t.Errorf("drop %s: %v", keyspace, err)
		return
	}
	defer session.Close()
	if err := session.Query("DROP KEYSPACE IF EXISTS " + keyspace).Exec(); err != nil {
		t.Errorf("drop %s: %v", keyspace, err)
	}
}

func TestServiceOnScylla_isTheSameService(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	sameServiceOnScylla(t, sim.Hosts())
}

func TestIntegrationServiceOnScylla_isTheSameService(t *testing.T) {
	t.Parallel()
	sameServiceOnScylla(t, servers.Scylla(t))
}

func sameServiceOnScylla(t *testing.T, nodes []string) {
	hosts, keyspace := strings.Join(nodes, ","), "e2e_"+strings.ReplaceAll(uuid.NewString(), "-", "")
	t.Cleanup(func() { dropKeyspace(t, hosts, keyspace) })
	flags := []string{"--store=scylla", "--scylla-hosts=" + hosts, "--scylla-keyspace=" + keyspace}
	with := func(args ...string) []string { return append(args, flags...) }

	if out, status := tool(t, with("serve", "--listen=127.0.0.1:0", "--data="+t.TempDir())...); status != 1 || !strings.Contains(out, "orderflow schema apply") {
		t.Fatalf("serve without a schema: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, with("schema", "status")...); status != 3 || !strings.Contains(out, "pending") {
		t.Errorf("schema status before: exit status %d\n%s", status, out)
	}
	for range 2 {
		if out, status := tool(t, with("schema", "apply")...); status != 0 || !strings.Contains(out, "applied") {
			t.Fatalf("schema apply: exit status %d\n%s", status, out)
		}
	}

	if out, status := tool(t, with("schema", "status")...); status != 0 || !strings.Contains(out, "replication-low") {
		t.Errorf("schema status with one copy: exit status %d\n%s", status, out)
	}

	data := t.TempDir()
	s := start(t, data, flags...)
	await(t, "the service to say that there is one copy", func() bool { // it looks when it serves
		return strings.Contains(s.call(t, http.StatusOK, "GET", "/readyz", "").text, "replication-low")
	})
	if answer := s.call(t, http.StatusOK, "GET", "/metrics", ""); !strings.Contains(answer.text, `orderflow_scylla_finding{code="replication-low"`) {
		t.Error("no metric of one copy")
	}
	if out, status := tool(t, "demo", "--orders=30", "--seed=1", "--url="+s.url); status != 0 {
		t.Fatalf("demo: exit status %d\n%s", status, out)
	}
	id := uuid.New()
	s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(id, "ada"), "Idempotency-Key: one")
	s.kill()

	s = start(t, data, flags...)
	s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(id, "ada"), "Idempotency-Key: one")
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+id.String()+"?min_sequence=1&timeout=30s", "")
	if out, status := tool(t, "verify", "--url="+s.url, "--patience=30s"); status != 0 || !strings.Contains(out, "31 orders") {
		t.Errorf("verify: exit status %d\n%s", status, out)
	}
	for _, list := range []string{"/v1/customers/ada/orders", "/v1/orders?status=ACTIVE", "/v1/orders?sku=A-1"} {
		if a := s.call(t, http.StatusOK, "GET", list, ""); !strings.Contains(a.text, id.String()) {
			t.Errorf("%s does not show the order: %s", list, a.text)
		}
	}
	if metrics := s.call(t, http.StatusOK, "GET", "/metrics", "").text; !strings.Contains(metrics, "orderflow_cdc_queries_idle ") {
		t.Error("no metrics of the change feed")
	}
	out, status := tool(t, "inspect", "event_store", "--limit=1", "--url="+s.url)
	if status != 0 || !strings.Contains(out, "order.created") {
		t.Errorf("inspect: exit status %d\n%s", status, out)
	}
	s.stop(t)
}

// A keyspace that the version before aggregate types wrote is migrated, served and verified.
func TestServiceOnScylla_takesOverFromTheVersionBefore(t *testing.T) {
	t.Parallel()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	dump, err := scylladump.Read("../scylladump/testdata/schema4.json")
	if err != nil {
		t.Fatal(err)
	}
	hosts, keyspace := sim.Hosts()[0], "before"
	cluster := gocql.NewCluster(hosts)
	cluster.Timeout, cluster.DefaultTimestamp, cluster.Events.DisableSchemaEvents = time.Minute, false, true
	session, err := cluster.CreateSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	if err := session.Query("CREATE KEYSPACE " + keyspace + " WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}").Exec(); err != nil {
		t.Fatal(err)
	}
	if err := dump.Load(session, keyspace); err != nil {
		t.Fatal(err)
	}
	sim.Advance(time.Minute) // so that the sweeper looks at what was left behind

	flags := []string{"--store=scylla", "--scylla-hosts=" + hosts, "--scylla-keyspace=" + keyspace, "--sink=none"}
	with := func(args ...string) []string { return append(args, flags...) }
	if out, status := tool(t, with("serve", "--listen=127.0.0.1:0", "--data="+t.TempDir())...); status != 1 || !strings.Contains(out, "005_aggregate_types") {
		t.Fatalf("serve before the migration: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, with("schema", "status")...); status != 3 || !strings.Contains(out, "005_aggregate_types") {
		t.Errorf("schema status before: exit status %d\n%s", status, out)
	}
	if out, status := tool(t, with("schema", "apply")...); status != 0 {
		t.Fatalf("schema apply: exit status %d\n%s", status, out)
	}
	s := start(t, t.TempDir(), flags...)
	const ada = "/v1/orders/01900000-0000-7000-8000-000000000001"
	if a := s.call(t, http.StatusOK, "GET", ada+"?min_sequence=2&timeout=30s", ""); !strings.Contains(a.text, "CANCELLED") {
		t.Errorf("the order whose last event was in no outbox: %s", a.text)
	}
	if out, status := tool(t, "verify", "--url="+s.url, "--patience=30s"); status != 0 || !strings.Contains(out, "5 orders") {
		t.Errorf("verify: exit status %d\n%s", status, out)
	}
	s.stop(t)
}
