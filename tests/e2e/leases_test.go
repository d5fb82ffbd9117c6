package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"orderflow/tests/scyllasim"
)

// onSim starts a simulated ScyllaDB with the schema, and returns the flags of a service on it.
func onSim(t *testing.T) (flags []string) {
	t.Helper()
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	flags = []string{"--store=scylla", "--scylla-hosts=" + strings.Join(sim.Hosts(), ","), "--scylla-keyspace=leases"}
	if out, status := tool(t, append([]string{"schema", "apply"}, flags...)...); status != 0 {
		t.Fatalf("schema apply: exit status %d\n%s", status, out)
	}
	return flags
}

// runsAll reports whether a process runs every consumer.
func (s *service) runsAll(t *testing.T) bool {
	t.Helper()
	return !slices.ContainsFunc(s.consumers(t), func(c consumer) bool { return c.State != "running" })
}

// Two processes share the consumers: each runs in one of them. When one process dies, the other one
// runs all consumers, and nothing is lost.
func TestLeases_surviveTheDeathOfAProcess(t *testing.T) {
	t.Parallel()
	flags := append(onSim(t), "--sink=none")
	a := start(t, t.TempDir(), flags...)
	await(t, "the first process to run all consumers", func() bool { return a.runsAll(t) })
	b := start(t, t.TempDir(), flags...)
	await(t, "the second process to stand by", func() bool {
		return !slices.ContainsFunc(b.consumers(t), func(c consumer) bool { return c.State != "standby" })
	})
	// one process takes the command, and the consumers of the other handle its event
	first := b.place(t, "ada")
	a.call(t, http.StatusOK, "GET", "/v1/orders/"+first+"?min_sequence=1&timeout=30s", "")
	b.call(t, http.StatusOK, "GET", "/v1/orders/"+first+"?min_sequence=1&timeout=30s", "")

	a.kill()
	second := b.place(t, "ada")
	await(t, "the second process to run all consumers", func() bool { return b.runsAll(t) })
	b.call(t, http.StatusOK, "GET", "/v1/orders/"+second+"?min_sequence=1&timeout=30s", "")
	if out, status := tool(t, "verify", "--url="+b.url, "--patience=60s"); status != 0 {
		t.Errorf("verify: exit status %d\n%s", status, out)
	}

	// A clean stop also hands the consumers over.
	c := start(t, t.TempDir(), flags...)
	b.stop(t)
	await(t, "the third process to run all consumers", func() bool { return c.runsAll(t) })
	c.stop(t)
}

// A process that was stopped for longer than its leases continues and believes that it still holds
// them. It must do no harm.
func TestLeases_fenceAProcessThatWasAsleep(t *testing.T) {
	t.Parallel()
	flags := append(onSim(t), "--sink=none")
	asleep := start(t, t.TempDir(), flags...)
	await(t, "the first process to run all consumers", func() bool { return asleep.runsAll(t) })
	awake := start(t, t.TempDir(), flags...)
	order := awake.place(t, "ada")
	awake.call(t, http.StatusOK, "GET", "/v1/orders/"+order+"?min_sequence=1&timeout=30s", "")

	if err := asleep.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	path := "/v1/orders/" + order
	awake.call(t, http.StatusOK, "POST", path+"/confirm", `{"payment_reference":"P"}`)
	await(t, "the second process to run all consumers", func() bool { return awake.runsAll(t) })
	awake.call(t, http.StatusOK, "GET", path+"?min_sequence=2&timeout=30s", "")
	awake.call(t, http.StatusOK, "POST", path+"/ship", `{"carrier":"DHL","tracking_number":"1"}`)
	awake.call(t, http.StatusOK, "GET", path+"?min_sequence=3&timeout=30s", "")

	if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await(t, "the first process to know that it is not the holder any more", func() bool {
		return !slices.ContainsFunc(asleep.consumers(t), func(c consumer) bool { return c.State != "standby" })
	})
	awake.call(t, http.StatusOK, "POST", path+"/deliver", ``)
	awake.call(t, http.StatusOK, "GET", path+"?min_sequence=4&timeout=30s", "")
	if !awake.runsAll(t) {
		t.Errorf("consumers of the second process = %+v", awake.consumers(t))
	}
	if out, status := tool(t, "verify", "--url="+awake.url, "--patience=60s"); status != 0 {
		t.Errorf("verify: exit status %d\n%s", status, out)
	}
	awake.stop(t)
	await(t, "the first process to take over again", func() bool { return asleep.runsAll(t) })
	asleep.stop(t)
}
