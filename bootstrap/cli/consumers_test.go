package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/operate"
)

const anOrder = "0195f3a0-0000-7000-8000-000000000001"

// fakeService answers requests from a script: with the next of the answers for their method and
// path, and with the last one again and again. It records the requests that change something.
type fakeService struct {
	url string

	mu sync.Mutex
	// by "GET /path?query"; an answer is a status and a body: 204, or 200 {...}
	answers map[string][]string
	changes []string
}

func newFakeService(t *testing.T, answers map[string][]string) *fakeService {
	s := &fakeService{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.RequestURI()
	if r.Method != http.MethodGet {
		s.changes = append(s.changes, strings.TrimSpace(call+" "+string(body)))
	}
	answers := s.answers[call]
	if len(answers) == 0 {
		http.Error(w, "not expected: "+call, http.StatusTeapot)
		return
	}
	if len(answers) > 1 {
		s.answers[call] = answers[1:]
	}
	var status int
	fmt.Sscan(answers[0], &status)
	w.WriteHeader(status)
	_, text, _ := strings.Cut(answers[0], " ")
	io.WriteString(w, text)
}

// consumersAre returns an answer of GET /v1/consumers.
func consumersAre(statuses ...string) string {
	return `200 {"consumers":[` + strings.Join(statuses, ",") + `]}`
}

// problemIs returns an answer that refuses something.
func problemIs(status int, code, detail string) string {
	return fmt.Sprintf(`%d {"status":%d,"code":%q,"detail":%q}`, status, status, code, detail)
}

// run runs a command line against the service.
func (s *fakeService) run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(t.Context(), append(args, "--url="+s.url), Process{In: strings.NewReader(""), Out: &out, Err: &errs})
	return out.String(), errs.String(), status
}

// wantRun runs a command line and compares what it prints, how it ends, and what it has changed.
func (s *fakeService) wantRun(t *testing.T, wantStatus int, wantOut, wantErr string, wantChanges []string, args ...string) {
	t.Helper()
	out, errs, status := s.run(t, args...)
	if diff := cmp.Diff(wantOut, out); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if status != wantStatus || !strings.Contains(errs, wantErr) || wantErr == "" && errs != "" {
		t.Errorf("exit status %d, want %d, with %q in:\n%s", status, wantStatus, wantErr, errs)
	}
	if diff := cmp.Diff(wantChanges, s.changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestConsumers_table(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newFakeService(t, map[string][]string{"GET /v1/consumers": {consumersAre(
		`{"name":"a","state":"running","live":{"number":1,"version":1},"lag":{"known":true,"events":3,"age_seconds":1.5,"headroom_seconds":86398.5},"parked":0}`,
		`{"name":"b","state":"parked","live":{"number":4,"version":2},"previous":{"number":1,"version":2},"lag":{"known":true},"parked":2,"oldest_parked":"2026-03-01T11:58:30Z",
			"rebuild":{"phase":"switched","generation":{"number":4,"version":2}}}`,
		`{"name":"c","state":"standby","live":{"number":1,"version":1},"lag":{},"holder":{"address":"http://10.0.0.7:8080"}}`,
		`{"name":"d","state":"failing","live":{"number":1,"version":1},"lag":{"known":true},
			"failure":{"order_id":"`+anOrder+`","sequence_number":2,"kind":"store","error":"away","attempts":4,"since":"2026-03-01T12:00:00Z"},
			"rebuild":{"phase":"filling","generation":{"number":7,"version":1},"done":5,"total":9,"error":"away"}}`,
		`{"name":"e","state":"running","live":{"number":1,"version":1},"lag":{"known":true},
			"rebuild":{"phase":"refused","generation":{"number":8,"version":1},"report":{"differences":3,"shown":[{"order_id":"`+anOrder+`","consumer":"e","detail":"a row is missing"},{"detail":"odd"}]}}}`,
	)}})
	c := client.New(s.url)
	defer c.Close()
	statuses, err := c.Consumers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := operate.PrintConsumers(&out, statuses, now); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
CONSUMER  STATE      LAG (EVENTS)  LAG (AGE)  HEADROOM   PARKED        GENERATION  PROCESS
a         running    3             1.5s       23h59m59s  0             1 (v1)      here
b         parked(2)  0             0s         unknown    2, for 1m30s  4 (v2)      here
c         standby    unknown       unknown    unknown    0             1 (v1)      http://10.0.0.7:8080
d         failing    0             0s         unknown    0             1 (v1)      here
e         running    0             0s         unknown    0             1 (v1)      here

b: generation 1 is kept for a while, 'orderflow consumers rebuild b --rollback' goes back to it

d: stuck on event 2 of order `+anOrder+` since 2026-03-01T12:00:00Z, 4 attempts (store): away

d: filling generation 7: 5 of 9 orders
d: makes no progress: away

e: generation 8 is refused, generation 1 stays live
order `+anOrder+`: e: a row is missing
odd
and 1 more
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if _, _, status := s.run(t, "consumers"); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// What the table has no column for is printed below it.
func TestConsumers_notes(t *testing.T) {
	t.Parallel()
	s := newFakeService(t, map[string][]string{"GET /v1/consumers": {consumersAre(
		`{"name":"a","state":"parked","parked":3,"waiting":2,"foreign":7,"lag":{"error":"the broker is away"}}`,
		`{"name":"b","state":"failing","failure":{"aggregate_id":"`+anOrder+`","aggregate_type":"shipment","sequence_number":2,"error":"away"}}`,
	)}})
	out, errs, status := s.run(t, "consumers")
	for _, line := range []string{
		"a: 2 of the parked orders wait for a newer version of the program",
		"a: 7 messages of its feed are no events of the event store, and had no effect",
		"a: it is not known how far it is behind: the broker is away",
		"b: stuck on event 2 of shipment " + anOrder,
	} {
		if status != 0 || !strings.Contains(out, "\n"+line) {
			t.Errorf("exit status %d, no %q in:\n%s%s", status, line, out, errs)
		}
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	const call = "POST /v1/consumers/a/pause"
	are := func(states ...string) map[string][]string {
		answers := map[string][]string{call: {"204"}}
		for _, state := range states {
			answers["GET /v1/consumers"] = append(answers["GET /v1/consumers"], consumersAre(`{"name":"a","state":"`+state+`"}`))
		}
		return answers
	}

	t.Run("waits until it is", func(t *testing.T) {
		t.Parallel()
		newFakeService(t, are("running", "running", "paused")).wantRun(t, 0, "a is paused\n", "", []string{call}, "consumers", "pause", "a")
	})

	t.Run("leaves it to the process that works as the consumer", func(t *testing.T) {
		t.Parallel()
		newFakeService(t, are("standby")).wantRun(t, 0, "a will be paused by the process that runs it\n", "", []string{call}, "consumers", "pause", "a")
	})

	t.Run("does not wait for ever", func(t *testing.T) {
		t.Parallel()
		s := newFakeService(t, are("running"))
		s.wantRun(t, 1, "", "still running", []string{call}, "consumers", "pause", "a", "--stop-timeout=1ms")
	})

	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := newFakeService(t, map[string][]string{call: {problemIs(404, "not_found", "there is no such consumer")}})
		s.wantRun(t, 1, "", "there is no such consumer", []string{call}, "consumers", "pause", "a")
	})
}

func TestResumeAndReset(t *testing.T) {
	t.Parallel()

	t.Run("resume", func(t *testing.T) {
		t.Parallel()
		const call = "POST /v1/consumers/a/resume"
		newFakeService(t, map[string][]string{call: {"204"}}).wantRun(t, 0, "a is resumed\n", "", []string{call}, "consumers", "resume", "a")
	})

	const call = "POST /v1/consumers/a/reset"
	for _, test := range []struct {
		name, answer, body   string
		status               int
		wantOut, wantErrPart string
		args                 []string
	}{
		{
			"reset, forced", `200 {"consequence":"it starts over"}`, `{"from":"begin","force":true,"dry_run":false}`,
			0, "it starts over\na is reset\n", "",
			[]string{"--to=begin", "--force"},
		},
		{
			"reset, dry", `200 {"consequence":"it starts over"}`, `{"from":"2026-03-01T12:00:00Z","force":false,"dry_run":true}`,
			0, "it starts over\nnothing is done, because this is a dry run\n", "",
			[]string{"--to=2026-03-01T12:00:00Z", "--dry-run"},
		},
		{
			"reset, refused", problemIs(409, "refused", "it would publish twice; force it"), `{"from":"now","force":false,"dry_run":false}`,
			1, "", "it would publish twice; force it",
			[]string{"--to=now"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeService(t, map[string][]string{call: {test.answer}})
			s.wantRun(t, test.status, test.wantOut, test.wantErrPart, []string{call + " " + test.body}, append([]string{"consumers", "reset", "a"}, test.args...)...)
		})
	}
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	const call, body = "POST /v1/consumers/a/rebuild", `{"orders_per_second":0,"skip_verification":false}`
	// rebuild returns the script of a rebuild of generation 7 that follows an earlier one, with the
	// given last status.
	rebuild := func(call, answer, last string) map[string][]string {
		status := func(state, phase, started, more string) string {
			return consumersAre(fmt.Sprintf(`{"name":"b","state":"running"},{"name":"a","state":%q,"live":{"number":4,"version":1},
				"rebuild":{"phase":%q,"generation":{"number":7,"version":1},"started_at":%q%s}}`, state, phase, started, more))
		}
		const before, now = "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"
		old := status("running", "refused", before, "")
		answers := []string{old, old, status("catching-up", "filling", now, `,"done":1,"total":2`), status("running", "verifying", now, "")}
		switch last {
		case "switched":
			last = status("running", "switched", now, `,"report":{"orders":2,"events":5,"rows":3}`)
		case "switched back":
			last = status("running", "switched", now, `,"report":{"orders":2}`)
		case "refused":
			last = status("running", "refused", now, `,"report":{"differences":1,"shown":[{"order_id":"`+anOrder+`","consumer":"a","detail":"odd"}]}`)
		case "paused":
			last = status("paused", "filling", now, "")
		default:
			last = status("running", last, now, "")
		}
		return map[string][]string{"GET /v1/consumers": append(answers, last), call: {answer}}
	}

	for _, test := range []struct {
		name    string
		script  map[string][]string
		status  int
		out     string
		err     string
		changed string
		args    []string
	}{
		{"waits until it is live", rebuild(call, "202", "switched"), 0, "generation 7 of a is live: 2 orders, and 5 events and 3 rows compared\n", "", call + " " + body, nil},
		{
			"shows the differences when it is refused", rebuild(call, "202", "refused"), 1,
			"order " + anOrder + ": a: odd\n", "generation 7 of a is refused, as there are 1 differences; generation 4 stays live", call + " " + body, nil,
		},
		{"says when somebody aborts it", rebuild(call, "202", "aborted"), 1, "", "aborted", call + " " + body, nil},
		{"does not wait while it cannot get on", rebuild(call, "202", "paused"), 1, "", "a is paused", call + " " + body, nil},
		{
			"does not wait when told so", rebuild(call, "202", "switched"), 0, "the rebuild is in progress, 'orderflow consumers' shows how far it is\n", "",
			call + ` {"orders_per_second":50,"skip_verification":true}`,
			[]string{"--verify=false", "--rate=50", "--no-wait"},
		},
		{
			"refused at once", rebuild(call, problemIs(409, "held_elsewhere", "the process at http://10.0.0.7:8080 works as a"), ""), 1,
			"", "http://10.0.0.7:8080", call + " " + body, nil,
		},
		{
			"goes back", rebuild("POST /v1/consumers/a/rollback", "202", "switched back"), 0, "generation 7 of a is live: 2 orders, not compared with anything\n", "",
			"POST /v1/consumers/a/rollback",
			[]string{"--rollback"},
		},
		{
			"is ended", rebuild(call+"/abort", "204", ""), 0, "the rebuild of a is ended, generation 4 stays live\n", "",
			call + "/abort",
			[]string{"--abort"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			newFakeService(t, test.script).wantRun(t, test.status, test.out, test.err, []string{test.changed}, append([]string{"consumers", "rebuild", "a"}, test.args...)...)
		})
	}

	t.Run("knows the consumers", func(t *testing.T) {
		t.Parallel()
		newFakeService(t, rebuild(call, "202", "")).wantRun(t, 1, "", "there is no consumer x; there are: b, a", nil, "consumers", "rebuild", "x")
	})
}

func TestConsumers_usage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"consumers fly", `unknown argument "fly"`},
		{"consumers pause", "needs NAME"},
		{"consumers pause a b", "needs NAME"},
		{"consumers resume", "needs NAME"},
		{"consumers reset a", "to:"},
		{"consumers reset a --to=yesterday", `"yesterday"`},
		{"consumers rebuild a --rollback --abort", "cannot go together"},
		{"consumers rebuild a --rollback --rate=5", "rate"},
		{"consumers rebuild a --abort --verify=false", "verify"},
		{"consumers rebuild a --rate=-1", "rate: -1"},
		{"parked fly", `unknown argument "fly"`},
		{"parked ls a b", "needs [CONSUMER]"},
		{"parked show a", "needs CONSUMER ORDER"},
		{"parked show a 4711", `"4711" is not the id of an order`},
		{"parked retry", "needs CONSUMER [ORDER]"},
		{"parked retry a 4711", `"4711" is not the id of an order`},
		{"parked skip a " + anOrder, "reason:"},
		{"parked skip a 4711 --reason=x", `"4711" is not the id of an order`},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			newFakeService(t, nil).wantRun(t, 2, "", test.want, nil, strings.Fields(test.args)...)
		})
	}
}

// A tool that submits commands names at its end the consumers for which it did not wait.
func TestObstacles_areTold(t *testing.T) {
	t.Parallel()
	var statuses []client.Status
	text := `[{"name":"a","state":"paused"},{"name":"b","state":"failed"},{"name":"c","state":"running","lag":{"known":true}},{"name":"d","state":"standby"},
		{"name":"e","state":"running","parked":3,"lag":{"known":true}},{"name":"f","state":"catching-up"},{"name":"g","state":"failing"},{"name":"h","state":"rebuilding"}]`
	if err := json.Unmarshal([]byte(text), &statuses); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	operate.PrintObstacles(&out, statuses)
	var told []string
	for line := range strings.Lines(out.String()) {
		told = append(told, strings.Fields(line)[1])
	}
	if want := []string{"a", "b", "d", "e", "f", "g", "h"}; !slices.Equal(want, told) {
		t.Errorf("told of %v, want %v:\n%s", told, want, &out)
	}
}
