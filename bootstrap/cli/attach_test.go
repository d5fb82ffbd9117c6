package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/bootstrap/cli/settings"

	"orderflow/bootstrap/cli/shell"
)

// command runs a command line in this process.
func command(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(t.Context(), args, Process{In: strings.NewReader(""), Out: &out, Err: &errs})
	return out.String(), errs.String(), status
}

// want runs a command line. It must end with the status and print the text on one of its streams.
func want(t *testing.T, status int, text string, args ...string) {
	t.Helper()
	if out, errs, got := command(t, args...); got != status || !strings.Contains(out+errs, text) {
		t.Errorf("orderflow %s: exit status %d, want %d with %q:\n%s%s", strings.Join(args, " "), got, status, text, out, errs)
	}
}

// published returns how many events a file sink holds, and whether there is a file.
func published(t *testing.T, path string) (events int, exists bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n")), err == nil
}

// servedWith makes a data directory with one order whose events are not published. The settings in
// it name a sink that was never opened.
func servedWith(t *testing.T) (data, sink string) {
	t.Helper()
	data, sink = t.TempDir(), filepath.Join(t.TempDir(), "events.jsonl")
	want(t, 0, "1 orders", "demo", "--orders=1", "--seed=1", "--sink=none", "--data="+data)
	path := filepath.Join(data, "SETTINGS")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(text, []byte(`"sink": "none"`), []byte(`"sink": "file:`+sink+`"`), 1)
	if bytes.Equal(changed, text) {
		t.Fatalf("the sink is not remembered:\n%s", text)
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	return data, sink
}

// Every command declares what it needs of a service, and its help says so.
func TestCommands_sayWhatTheyNeed(t *testing.T) {
	t.Parallel()
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			each(sub)
		}
		says := map[shell.Need]string{
			shell.IsService: "", shell.NeedsNothing: "", shell.OnlyReads: "The command only reads.", shell.ReadsTopic: "The command only reads.",
			shell.Administers: "the command uses the data directory itself",
			shell.Works:       "with the settings that the data directory was last served", shell.Creates: "with the settings that the data directory was last served",
		}
		said, known := says[shell.NeedOf(cmd)]
		if !known || !strings.Contains(cmd.Long, said) {
			t.Errorf("%s has need %q, and its help does not say %q:\n%s", cmd.CommandPath(), shell.NeedOf(cmd), said, cmd.Long)
		}
	}
	each(newRoot(shell.New(Process{})))
}

// Each flag of the service is remembered, or there is a reason why it is not.
func TestFlags_areRememberedOrForgottenOnPurpose(t *testing.T) {
	t.Parallel()
	forgotten := func(name string) bool {
		return slices.Contains([]string{"config", "help-all", "data", "listen", "allowed-hosts", "auth", "insecure", "metrics-auth", "token-file", "ops-listen", "public-url", "session-key-file", "session-life", "tls-cert", "tls-key", "tls-client-ca", "tls-client-roles", "store", "url", "accept-loss", "log-level", "log-format", "access-log", "pprof", "chaos", "redpanda-password"}, name) ||
			strings.HasPrefix(name, "oidc-") || strings.HasPrefix(name, "client-") ||
			strings.HasPrefix(name, "scylla-") // that store has no data directory
	}
	rules := shell.New(Process{}).Remembered()
	flags := newRoot(shell.New(Process{})).PersistentFlags()
	flags.VisitAll(func(f *pflag.Flag) {
		if _, remembered := rules[f.Name]; remembered == forgotten(f.Name) {
			t.Errorf("--%s: say in remembered whether tools must use the same value as the service", f.Name)
		}
	})
	for name := range rules {
		if flags.Lookup(name) == nil {
			t.Errorf("there is no flag --%s", name)
		}
	}
}

// A command that only reads does not touch consumers and sinks, whatever the settings are.
func TestAttach_toolsThatReadChangeNothing(t *testing.T) {
	t.Parallel()
	data, sink := servedWith(t)
	order := strings.Fields(firstOrder(t, data))[0]
	for _, args := range [][]string{
		{"consumers"},
		{"inspect"},
		{"inspect", "event_store"},
		{"explain", order},
		{"parked"},
		{"parked", "ls"},
		{"parked", "ls", "file-publisher"},
		{"parked", "show", "file-publisher", order},
		{"consumers", "reset", "file-publisher", "--to=begin", "--dry-run"},
		{"verify", "--patience=0s"},
		{"verify", "topic"},
		{"inspect", "--sink=file:" + filepath.Join(data, "other.jsonl")},
		{"version"},
		{"asyncapi"},
	} {
		if _, errs, status := command(t, append(args, "--data="+data)...); status == shell.ExitUsage {
			t.Errorf("%v: exit status %d\n%s", args, status, errs)
		}
		for _, path := range []string{sink, filepath.Join(data, "order-events.jsonl"), filepath.Join(data, "other.jsonl")} {
			if n, exists := published(t, path); exists {
				t.Fatalf("%v has made %s, with %d events", args, path, n)
			}
		}
	}
	want(t, 0, "stopped", "consumers", "--data="+data)
	want(t, 0, "no service runs", "consumers", "--data="+data)
	want(t, 3, "no service runs, so consumer file-publisher", "verify", "--patience=0s", "--data="+data)
	want(t, 1, "no such topic or file", "verify", "topic", "--data="+data)

	// A command that changes something works like the service.
	want(t, 0, "is resumed", "consumers", "resume", "file-publisher", "--data="+data)
	want(t, 0, "every view equals", "verify", "--repair", "--data="+data)
	if n, _ := published(t, sink); n == 0 {
		t.Error("the publisher did not work with the settings that the data was served with")
	}
	if _, exists := published(t, filepath.Join(data, "order-events.jsonl")); exists {
		t.Error("something was published to the default sink")
	}
}

// firstOrder returns the first row of order_read_model.
func firstOrder(t *testing.T, data string) string {
	t.Helper()
	out, errs, status := command(t, "inspect", "order_read_model", "--limit=1", "--data="+data)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) < 3 {
		t.Fatalf("exit status %d\n%s%s", status, out, errs)
	}
	return lines[2]
}

// A tool that starts a service uses the settings of the last service, and refuses others.
func TestAttach_toolsThatWorkUseTheSettingsOfTheService(t *testing.T) {
	t.Parallel()

	t.Run("the first one decides", func(t *testing.T) {
		t.Parallel()
		data := t.TempDir()
		want(t, 0, "1 orders", "demo", "--orders=1", "--sink=none", "--data="+data)
		want(t, 0, "1 orders", "demo", "--orders=1", "--data="+data)
		want(t, 0, "1 orders", "demo", "--orders=1", "--sink=none", "--lanes=7", "--data="+data)
		if _, exists := published(t, filepath.Join(data, "order-events.jsonl")); exists {
			t.Error("the second one has published")
		}
	})

	t.Run("contradictions are refused", func(t *testing.T) {
		t.Parallel()
		data, sink := servedWith(t)
		for _, args := range [][]string{
			{"demo", "--sink=stdout"},
			{"demo", "--sink=none"},
			{"submit", "-", "--sink=redpanda", "--brokers=127.0.0.1:1"},
			{"consumers", "pause", "file-publisher", "--retention=1s"},
			{"consumers", "rebuild", "orders-by-sku", "--consumers=orders-by-sku"},
			{"parked", "retry", "orders-by-sku", "--sink=none"},
			{"verify", "--repair", "--sink=none"},
		} {
			want(t, shell.ExitUsage, "but the data was last served with", append(args, "--data="+data)...)
		}
		if n, exists := published(t, sink); exists {
			t.Errorf("%d events were published", n)
		}
		// the same sink
		want(t, 0, "is resumed", "consumers", "resume", "file-publisher", "--sink=file:"+sink, "--data="+data)
	})

	t.Run("what an older version left does not tell the sink", func(t *testing.T) {
		t.Parallel()
		data, sink := servedWith(t)
		if err := os.Remove(filepath.Join(data, "SETTINGS")); err != nil {
			t.Fatal(err)
		}
		want(t, shell.ExitUsage, "say where its events go with --sink", "demo", "--orders=1", "--data="+data)
		want(t, 0, "event_store", "inspect", "--data="+data)
		want(t, 0, "1 orders", "demo", "--orders=1", "--sink=file:"+sink, "--data="+data)
		want(t, 0, "1 orders", "demo", "--orders=1", "--data="+data) // now there are settings
	})

	t.Run("nor does a store that processes share", func(t *testing.T) {
		t.Parallel()
		want(t, shell.ExitUsage, "say where its events go with --sink", "demo", "--store=scylla", "--scylla-hosts=127.0.0.1:1", "--listen=127.0.0.1:1")
	})

	t.Run("a service that is named has settings of its own", func(t *testing.T) {
		t.Parallel()
		want(t, shell.ExitUsage, "--sink has no effect with --url", "demo", "--sink=none", "--url=http://127.0.0.1:1")
		var out, errs bytes.Buffer
		Main(t.Context(), []string{"consumers", "--url=http://127.0.0.1:1"}, Process{In: strings.NewReader(""), Out: &out, Err: &errs, Environ: []string{"ORDERFLOW_SINK=none"}})
		if strings.Contains(errs.String(), "no effect") {
			t.Errorf("a variable that is there for others is refused: %s", &errs)
		}
	})

	t.Run("passwords are not written down", func(t *testing.T) {
		t.Parallel()
		data, dark := t.TempDir(), "--redpanda-password=correct-horse"
		args := []string{"--sink=redpanda", "--brokers=127.0.0.1:1", "--redpanda-sasl=PLAIN", "--redpanda-username=ann"}
		want(t, 0, "1 orders", slices.Concat([]string{"demo", "--orders=1", dark, "--data=" + data}, args)...)
		text, err := os.ReadFile(filepath.Join(data, "SETTINGS"))
		if err != nil || !bytes.Contains(text, []byte("ann")) || bytes.Contains(text, []byte("correct-horse")) {
			t.Errorf("%v:\n%s", err, text)
		}
		want(t, shell.ExitUsage, "set ORDERFLOW_REDPANDA_PASSWORD", "demo", "--orders=1", "--data="+data)
		want(t, shell.ExitUsage, "set ORDERFLOW_REDPANDA_PASSWORD", "verify", "topic", "--data="+data)
		// needs no password, and knows the publisher by its name
		out, errs, status := command(t, "consumers", "--data="+data)
		if status != 0 || !strings.Contains(out, "\nredpanda-publisher ") || strings.Contains(errs, "new target") {
			t.Errorf("exit status %d\n%s%s", status, out, errs)
		}
	})
}

// serve stores its settings for later commands.
func TestServe_remembersItsSettings(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveHere(t, "--data="+data, "--sink=stdout", "--retention=3h", "--lanes=5")
	served, err := settings.Recall(data)
	if err != nil {
		t.Fatal(err)
	}
	flags := newRoot(shell.New(Process{})).PersistentFlags()
	if err := served.Fill(flags, shell.New(Process{}).Remembered(), settings.Origins{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"sink": "stdout", "retention": "3h0m0s", "lanes": "5", "data": "data"} {
		if got := flags.Lookup(name).Value.String(); got != want {
			t.Errorf("%s is remembered as %s, want %s", name, got, want)
		}
	}
	want(t, shell.ExitUsage, "but the data was last served with", "demo", "--orders=1", "--sink=none", "--data="+data)
	want(t, 0, "1 orders", "demo", "--orders=1", "--sink=stdout", "--data="+data)
	s.stop(t)
}
