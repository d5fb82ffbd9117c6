package cli

import (
	"strings"
	"testing"
)

func TestConsumers_check(t *testing.T) {
	t.Parallel()
	const ready = `200 {"status":"ok"}`
	status := func(name, state, more string) string {
		return `{"name":"` + name + `","state":"` + state + `"` + more + `}`
	}
	const current, late, unknown = `,"lag":{"known":true}`, `,"lag":{"known":true,"events":3,"age_seconds":90}`, `,"lag":{}`
	fine := status("a", "running", current)
	publisher := status("p", "failing", `,"lag":{"known":true,"events":3,"age_seconds":90},"failure":{"error":"the disk\nis full","since":"2026-03-01T12:00:00Z"}`)
	for _, test := range []struct {
		name, readyz, args string
		statuses           []string
		status             int
		says               string
	}{
		{"nothing is wrong", ready, "--check", []string{fine}, 0, ""},
		{"nothing is checked", problemIs(503, "not_ready", "dead"), "", []string{publisher}, 0, ""},
		{"a publisher fails", ready, "--check", []string{fine, publisher}, 3, "consumer p is failing since 2026-03-01T12:00:00Z: the disk is full"},
		{"a publisher fails, and the service is ready", ready, "--check=ready", []string{fine, publisher}, 0, ""},
		{"a publisher fails, and others are looked at", ready, "--check --only=a", []string{fine, publisher}, 0, ""},
		{"a publisher fails, and is looked at", ready, "--check --only=p", []string{fine, publisher}, 3, "consumer p is failing"},
		{"the service is not ready", problemIs(503, "not_ready", "the reader is dead"), "--check=ready", []string{fine}, 3, "not_ready: the reader is dead"},
		{"neither is it", problemIs(503, "not_ready", "the reader is dead"), "--check", []string{publisher}, 3, "the reader is dead; consumer p is failing"},
		{"the service is too ill to say", problemIs(500, "internal", "oh"), "--check=ready", []string{fine}, 1, "internal: oh"},
		{"one has stopped itself", ready, "--check", []string{status("b", "failed", current)}, 3, "consumer b has stopped itself"},
		{"one does not run", ready, "--check", []string{status("b", "stopped", current)}, 3, "consumer b is stopped"},
		{"a rebuild is refused", ready, "--check", []string{status("b", "rebuilding", `,"rebuild":{"phase":"refused"}`)}, 3, "consumer b has no generation"},
		{"on the way", ready, "--check", []string{status("b", "catching-up", unknown), status("c", "rebuilding", unknown), status("d", "expired", unknown)}, 0, ""},
		{"by decision", ready, "--check", []string{status("b", "paused", late)}, 0, ""},
		{"elsewhere", ready, "--check --max-lag=1s", []string{status("b", "standby", unknown)}, 0, ""},
		{"orders are parked", ready, "--check", []string{status("b", "parked", `,"parked":2`)}, 3, "consumer b has parked 2 orders"},
		{"as many as may be", ready, "--check --max-parked=2", []string{status("b", "parked", `,"parked":2`)}, 0, ""},
		{"one more", ready, "--check --max-parked=2", []string{status("b", "parked", `,"parked":3`)}, 3, "consumer b has parked 3 orders"},
		{"behind", ready, "--check --max-lag=1m", []string{status("b", "paused", late)}, 3, "consumer b is 1m30s behind"},
		{"behind, but not too far", ready, "--check --max-lag=2m", []string{status("b", "running", late)}, 0, ""},
		{"behind, nobody knows how far", ready, "--check --max-lag=2m", []string{status("b", "catching-up", unknown)}, 3, "consumer b does not know how far it is behind"},
		{"an unknown consumer", ready, "--check --only=a,x", []string{fine, publisher}, 1, "there is no consumer x; there are: a, p"},
		{"an unknown check", ready, "--check=everything", []string{fine}, 2, `--check: "everything" is neither all nor ready`},
		{"limits without a check", ready, "--max-lag=1s", []string{fine}, 2, "--max-lag and --max-parked: they are for --check"},
		{"limits of another check", ready, "--check=ready --max-parked=1", []string{fine}, 2, "they are for --check"},
		{"a negative limit", ready, "--check --max-lag=-1s", []string{fine}, 2, "--max-lag: -1s is negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeService(t, map[string][]string{"GET /v1/consumers": {consumersAre(test.statuses...)}, "GET /readyz": {test.readyz}})
			out, errs, got := s.run(t, append([]string{"consumers"}, strings.Fields(test.args)...)...)
			if got != test.status || !strings.Contains(errs, test.says) || test.says == "" && errs != "" {
				t.Errorf("exit status %d, want %d with %q:\n%s%s", got, test.status, test.says, out, errs)
			}
			if strings.Contains(test.args, "--only=a ") && strings.Contains(out, "\np ") {
				t.Errorf("it shows another consumer:\n%s", out)
			}
		})
	}

	// A health check has no token, and an address for clients has no operations.
	for _, refusal := range []string{problemIs(401, "credentials_missing", "a token is needed"), problemIs(404, "route_not_found", "there is no such route")} {
		t.Run(refusal, func(t *testing.T) {
			t.Parallel()
			s := newFakeService(t, map[string][]string{"GET /v1/consumers": {refusal}, "GET /readyz": {ready, problemIs(503, "not_ready", "the reader is dead")}})
			for _, test := range []struct {
				args   string
				status int
				says   string
			}{
				{"--check=ready --only=a", 0, "the consumers are not shown"},
				{"--check=ready -o json", 3, "the reader is dead"},
				{"--check", 1, ""},
			} {
				out, errs, status := s.run(t, append([]string{"consumers"}, strings.Fields(test.args)...)...)
				if status != test.status || !strings.Contains(errs, test.says) || strings.Contains(out, "CONSUMER") {
					t.Errorf("%s: exit status %d, want %d with %q:\n%s%s", test.args, status, test.status, test.says, out, errs)
				}
			}
		})
	}

	t.Run("no service", func(t *testing.T) {
		t.Parallel()
		data := t.TempDir()
		want(t, 0, "1 orders", "demo", "--orders=1", "--sink=none", "--data="+data)
		want(t, 0, "no service runs", "consumers", "--data="+data)
		want(t, 3, "orderflow: no service runs", "consumers", "--check", "--data="+data)
		want(t, 3, "orderflow: no service runs", "consumers", "--check=ready", "--data="+data)
	})
}
