package cli

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/bootstrap/cli/shell"
)

// A wrong command line is answered with the flag, the given value, and the accepted values.
func TestUsage_saysWhatIsTaken(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--lanes=many":           `--lanes: "many" is not a whole number`,
		"--retention=3":          `--retention: "3" is not a duration such as 90s, 15m or 24h`,
		"--redpanda-tls=perhaps": `--redpanda-tls: "perhaps" is not true or false`,
		"demo --seed=-1":         `--seed: "-1" is not a whole number that is not negative`,
		"demo --rate=fast":       `--rate: "fast" is not a number`,
		"--scylla-replication=3": `--scylla-replication: "3" is not a list such as dc1=3,dc2=3`,
		"--data":                 "--data: it needs a value: a string",
		"--dta=x":                "there is no flag --dta; the nearest one is --data",
		"inspect --limits=3":     "orderflow inspect: there is no flag --limits; the nearest one is --limit",
		"consumers puase a":      "\nTry 'orderflow consumers --help'.\n",
		"parked retry":           "orderflow parked retry: needs CONSUMER [ORDER]\nTry 'orderflow parked retry --help'.\n",
		"submit":                 "orderflow submit: needs FILE, or - for the standard input\nTry 'orderflow submit --help'.\n",
		"-lanes=3":               "there is no flag -lanes=3; a flag with a long name has two hyphens",
		"sumbit x":               `orderflow: unknown argument "sumbit"; the nearest command is submit`,
		"consumers puase x":      `orderflow consumers: unknown argument "puase"; the nearest command is pause`,
		"schema aply":            `orderflow schema: unknown argument "aply"; the nearest command is apply`,
		"version 2":              `orderflow version: unknown argument "2"; it takes none`,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			status := Main(t.Context(), strings.Fields(args), Process{In: strings.NewReader(""), Out: &out, Err: &errs})
			if strings.Contains(errs.String(), "orderflow: orderflow") {
				t.Errorf("the command is named twice: %s", &errs)
			}
			if status != shell.ExitUsage || !strings.Contains(errs.String(), want) || out.Len() > 0 {
				t.Errorf("exit status %d, want %d with %q:\n%s%s", status, shell.ExitUsage, want, &out, &errs)
			}
		})
	}
}

// An invalid value is answered with its origin, the value, and the accepted values.
func TestSettings_messages(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for args, wanted := range map[string]string{
		"demo --orders=-1":                                  "--orders: -1 is below 1",
		"demo --rate=-2":                                    "--rate: -2 is neither 0 nor 0.001 to 1e+06",
		"demo --rate=NaN":                                   "--rate: NaN is neither 0",
		"demo --rate=1e-300":                                "--rate: 1e-300 is neither 0",
		"inspect --limit=0":                                 "--limit: 0 is below 1",
		"submit x --parallel=0":                             "--parallel: 0 is not 1 to 1024",
		"verify --patience=-1s":                             "--patience: -1s is not 0s to 10m0s",
		"verify topic --patience=11m":                       "--patience: 11m0s is not 0s to 10m0s",
		"verify topic --from=end":                           `--from: "end" is neither begin nor an offset`,
		"consumers pause a --stop-timeout=-1s":              "--stop-timeout: -1s is negative",
		"consumers reset a --to=x":                          `--to: "x" is neither begin, nor now,`,
		"consumers rebuild a --rate=NaN":                    "--rate: NaN is not 0 to 2147483647",
		"consumers rebuild a --rollback --abort":            "--rollback and --abort: they cannot go together",
		"parked skip a " + anOrder:                          "--reason: it must say why",
		"consumers --url=localhost:8080":                    `--url: "localhost:8080" is not an address such as http://127.0.0.1:8080`,
		"consumers --url=127.0.0.1:8080":                    `--url: "127.0.0.1:8080" is not an address such as`,
		"consumers --url=ftp://x":                           `--url: "ftp://x" is not an address`,
		"--log-level=x":                                     `--log-level: "x" is none of debug, info, warn, error`,
		"--log-format=x":                                    `--log-format: "x" is neither text nor json`,
		"--store=x":                                         `--store: "x" is neither embedded nor scylla`,
		"--sink=x":                                          `--sink: "x" is none of stdout, none, redpanda and file:PATH`,
		"--listen=nowhere":                                  `--listen: "nowhere" is not host:port`,
		"--lanes=-1":                                        "--lanes: -1 is not 0 to 1024",
		"--data=":                                           "--data: must name a directory",
		"--consumers=x":                                     `--consumers: "x" is none of order-read-model,`,
		"--source=redpanda":                                 "--brokers: none given",
		"--brokers=x --sink=redpanda":                       `--brokers: "x" is not host:port`,
		"--brokers=a:1 --topic=..":                          `--topic: ".." is not 1 to 249 letters`,
		"--brokers=a:1 --topic-compression=x":               `--topic-compression: "x" is none of`,
		"--brokers=a:1 --redpanda-tls --redpanda-key=x":     "--redpanda-cert and --redpanda-key: only one of them given",
		"--brokers=a:1 --redpanda-username=x":               "--redpanda-username and --redpanda-password: both are needed",
		"--store=scylla":                                    "--scylla-hosts: none given",
		"schema status":                                     "--scylla-hosts: none given",
		"schema apply --scylla-hosts=a --scylla-keyspace=7": `--scylla-keyspace: "7" is not a small letter`,
		"schema apply --scylla-hosts=a --scylla-username=x": "--scylla-username and --scylla-password: only one of them given",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			arguments := strings.Fields(args)
			if !strings.Contains(args, "--data=") {
				arguments = append(arguments, "--data="+data)
			}
			want(t, shell.ExitUsage, wanted, arguments...)
		})
	}

	t.Run("the origin is told", func(t *testing.T) {
		t.Parallel()
		var errs bytes.Buffer
		config := filepath.Join(t.TempDir(), "orderflow.yaml")
		if err := os.WriteFile(config, []byte("lanes: 1025\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		status := Main(t.Context(), []string{"--config=" + config, "--data="}, Process{
			In: strings.NewReader(""), Out: &errs, Err: &errs, Environ: []string{"ORDERFLOW_RETENTION=1ms"},
		})
		for _, line := range []string{config + ": lanes: 1025 is not 0 to 1024\n", "ORDERFLOW_RETENTION: 1ms is less than a second\n", "--data: must name a directory\n"} {
			if status != shell.ExitUsage || !strings.Contains(errs.String(), line) {
				t.Errorf("exit status %d, no %q in:\n%s", status, line, &errs)
			}
		}
	})
}

// When no service answers, or something else does, the error says so plainly.
func TestClient_messages(t *testing.T) {
	t.Parallel()
	serve := func(handle http.HandlerFunc) string {
		server := httptest.NewServer(handle)
		t.Cleanup(server.Close)
		return server.URL
	}
	const nobody = "http://127.0.0.1:1" // a free port may belong to another test a moment later
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	for _, test := range []struct{ url, says string }{
		{nobody, "no service answers at " + nobody + ": connection refused; start 'orderflow serve' there, or correct the address\n"},
		{serve(text(200, "<html>hello</html>")), "is not orderflow: its answer to GET /v1/consumers cannot be read"},
		{serve(text(502, "<html>\n  bad   gateway\n</html>")), "orderflow: 502: <html> bad gateway </html>\n"},
		{serve(text(404, "")), "orderflow: 404: Not Found\n"},
		{serve(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "has broken off the connection: has it been stopped?"},
		{serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "{")
		}), "has broken off the connection"},
	} {
		_, errs, status := command(t, "consumers", "--url="+test.url)
		if status != shell.ExitError || !strings.Contains(errs, test.says) {
			t.Errorf("%s: exit status %d, no %q in:\n%s", test.url, status, test.says, errs)
		}
		for _, jargon := range []string{"dial tcp", "context deadline", "context canceled", "invalid character '<' looking", "EOF\n", "127.0.0.1:0"} {
			if strings.Contains(errs, jargon) && !strings.Contains(errs, "cannot be read") {
				t.Errorf("%q in:\n%s", jargon, errs)
			}
		}
	}
}

// An unknown name is answered with the names that exist.
func TestNames_thatThereAreNot(t *testing.T) {
	t.Parallel()
	unknown := problemIs(404, "not_found", "there is no such consumer")
	list := consumersAre(`{"name":"a","state":"running"}`, `{"name":"b","state":"running"}`)
	path := "/v1/consumers/x"
	for _, test := range []struct {
		args   string
		script map[string][]string
		says   string
	}{
		{"consumers pause x", map[string][]string{"POST " + path + "/pause": {unknown}}, "there is no consumer x; there are: a, b"},
		{"consumers resume x", map[string][]string{"POST " + path + "/resume": {unknown}}, "there is no consumer x; there are: a, b"},
		{"consumers reset x --to=begin", map[string][]string{"POST " + path + "/reset": {unknown}}, "there is no consumer x; there are: a, b"},
		{"consumers rebuild x", nil, "there is no consumer x; there are: a, b"},
		{"parked ls x", map[string][]string{"GET " + path + "/parked?limit=200": {unknown}}, "there is no consumer x; there are: a, b"},
		{"parked show x " + anOrder, map[string][]string{"GET " + path + "/parked/" + anOrder: {unknown}}, "there is no consumer x; there are: a, b"},
		{"parked skip x " + anOrder + " --reason=y", map[string][]string{"GET " + path + "/parked/" + anOrder: {unknown}}, "there is no consumer x; there are: a, b"},
		{"parked retry x " + anOrder, map[string][]string{"POST " + path + "/parked/" + anOrder + "/retry": {unknown}}, "there is no consumer x; there are: a, b"},
		{"parked retry x", map[string][]string{"POST " + path + "/retry-parked": {unknown}}, "there is no consumer x; there are: a, b"},
		{"inspect x", map[string][]string{"GET /v1/tables": {`200 {"tables":["event_store","order_read_model"]}`}}, "there is no table x; there are: event_store, order_read_model"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			script := map[string][]string{"GET /v1/consumers": {list}}
			maps.Copy(script, test.script)
			s := newFakeService(t, script)
			if out, errs, status := s.run(t, strings.Fields(test.args)...); status != shell.ExitError || !strings.Contains(errs, test.says) || out != "" {
				t.Errorf("exit status %d, no %q in:\n%s%s", status, test.says, out, errs)
			}
		})
	}

	t.Run("one that exists has not parked the order", func(t *testing.T) {
		t.Parallel()
		s := newFakeService(t, map[string][]string{
			"GET /v1/consumers/a/parked/" + anOrder: {problemIs(404, "not_found", "there is no such consumer, or it has not parked this order")},
			"GET /v1/consumers":                     {list},
		})
		if _, errs, status := s.run(t, "parked", "show", "a", anOrder); status != shell.ExitError || strings.Contains(errs, "there are") {
			t.Errorf("exit status %d:\n%s", status, errs)
		}
	})
}

func TestServe_anAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	want(t, shell.ExitError, "listen: "+taken.Addr().String()+" is taken by another process: stop that, or name another address with --listen",
		"serve", "--data="+t.TempDir(), "--listen="+taken.Addr().String())
	want(t, shell.ExitError, "listen: 127.0.0.1:99999: address 99999: invalid port", "serve", "--data="+t.TempDir(), "--listen=127.0.0.1:99999")
}
