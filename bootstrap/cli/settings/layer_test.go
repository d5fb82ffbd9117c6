package settings_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/settings"
)

// file writes a configuration file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "orderflow.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parse runs a command that has flags of every kind, and returns it after layering.
func parse(env map[string]string, args ...string) (*cobra.Command, settings.Origins, error) {
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	root := &cobra.Command{Use: "root", SilenceErrors: true, SilenceUsage: true}
	flags := root.PersistentFlags()
	flags.String(settings.ConfigFlag, "", "")
	flags.String("log-level", "info", "")
	flags.String("scylla-username", "", "")
	flags.Duration("retention", time.Hour, "")
	flags.Int("lanes", 32, "")
	flags.Bool("scylla-tls", false, "")
	flags.StringSlice("brokers", nil, "")
	flags.StringToInt("scylla-replication", nil, "")
	var layered *cobra.Command
	var origins settings.Origins
	run := func(cmd *cobra.Command, _ []string) (err error) {
		layered = cmd
		origins, err = settings.Layer(cmd, environ)
		return err
	}
	one := &cobra.Command{Use: "one", RunE: run}
	two := &cobra.Command{Use: "two", RunE: run}
	two.Flags().Int("orders", 7, "")
	root.AddCommand(one, two)
	root.SetOut(io.Discard)
	root.SetArgs(args)
	err := root.Execute()
	return layered, origins, err
}

func TestLayer(t *testing.T) {
	t.Parallel()
	value := func(t *testing.T, cmd *cobra.Command, err error, flag string) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return cmd.Flag(flag).Value.String()
	}

	t.Run("the flag wins over the environment, and that over the file", func(t *testing.T) {
		t.Parallel()
		path := file(t, "log-level: debug\nretention: 2h\n")
		env := map[string]string{"ORDERFLOW_LOG_LEVEL": "warn", "ORDERFLOW_CONFIG": path}
		cmd, _, err := parse(env, "one", "--log-level", "error")
		if got := value(t, cmd, err, "log-level"); got != "error" {
			t.Errorf("log-level = %s", got)
		}
		if got := value(t, cmd, err, "retention"); got != "2h0m0s" {
			t.Errorf("retention = %s", got)
		}
		cmd, _, err = parse(env, "one")
		if got := value(t, cmd, err, "log-level"); got != "warn" {
			t.Errorf("log-level = %s", got)
		}
		cmd, _, err = parse(nil, "one", "--config", path)
		if got := value(t, cmd, err, "log-level"); got != "debug" {
			t.Errorf("log-level = %s", got)
		}
		cmd, _, err = parse(nil, "one")
		if got := value(t, cmd, err, "log-level"); got != "info" {
			t.Errorf("log-level = %s", got)
		}
	})

	t.Run("a setting of another command is no mistake", func(t *testing.T) {
		t.Parallel()
		path := file(t, "orders: 9\n")
		if _, _, err := parse(nil, "one", "--config", path); err != nil {
			t.Error(err)
		}
		cmd, _, err := parse(nil, "two", "--config", path)
		if got := value(t, cmd, err, "orders"); got != "9" {
			t.Errorf("orders = %s", got)
		}
	})

	t.Run("mistakes name the setting and where it stands", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			text string
			env  map[string]string
			want string
		}{
			{text: "log_level: debug\n", want: `unknown setting "log_level"`},
			{text: "retention: soon\n", want: "retention"},
			{text: "log-level: [a]\n", want: "log-level"},
			{text: "- a\n", want: "orderflow.yaml"},
			{env: map[string]string{"ORDERFLOW_RETENTION": "soon"}, want: "ORDERFLOW_RETENTION"},
			{env: map[string]string{"ORDERFLOW_CONFIG": "nowhere.yaml"}, want: "nowhere.yaml"},
			{text: "log_level: debug\n", want: "nearest one is log-level"},
			{text: "lanes: many\n", want: `orderflow.yaml:1: lanes: "many" is not a whole number`},
			{text: "lanes: 99999999999999999999\n", want: "lanes: 99999999999999999999 is too large"},
			{text: "\nlanes: [1, 2]\n", want: "orderflow.yaml:2: lanes: it takes one value"},
			{text: "scylla-tls: yes\n", want: `scylla-tls: "yes" is not true or false`},
			{text: "retention: 2h\nlanes: 7\nretention: 3h\n", want: "orderflow.yaml:3: retention is given twice, in line 1, too"},
			{text: "retention:\n", want: `retention: line 1: there is no value`},
			{text: "brokers: [a, ~]\n", want: `brokers: line 1: there is no value`},
			{text: "brokers: [[a]]\n", want: `brokers: line 1: one value was expected`},
			{text: "lanes: 7\n---\nlanes: 8\n", want: "orderflow.yaml:2: a second document begins here"},
			{text: "lanes: 7\n...\nlanes: [\n", want: "orderflow.yaml: yaml:"},
			{text: "lanes: 7\n\tlog-level: x", want: "orderflow.yaml: yaml:"},
			{text: "config: other.yaml\n", want: "config: a configuration file cannot name another one"},
			{text: "help: true\n", want: `unknown setting "help"`},
			{text: "just words\n", want: "orderflow.yaml:1: the file must map"},
			{text: "? [a]\n: b\n", want: "the name of a setting is a text"},
			{env: map[string]string{"ORDERFLOW_RETENTION": "soon"}, want: `ORDERFLOW_RETENTION: "soon" is not a duration such as`},
			{env: map[string]string{"ORDERFLOW_LANES": "1.5"}, want: `ORDERFLOW_LANES: "1.5" is not a whole number`},
			{env: map[string]string{"ORDERFLOW_LANE": "1"}, want: "ORDERFLOW_LANE is no setting; the nearest one is ORDERFLOW_LANES"},
			{env: map[string]string{"ORDERFLOW_log_level": "info"}, want: "ORDERFLOW_log_level is no setting"},
			{env: map[string]string{"ORDERFLOW_HELP": "1"}, want: "ORDERFLOW_HELP is no setting"},
			{env: map[string]string{"ORDERFLOW_": "1"}, want: "ORDERFLOW_ is no setting"},
		} {
			args := []string{"one"}
			if test.text != "" {
				args = append(args, "--config", file(t, test.text))
			}
			if _, _, err := parse(test.env, args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q %v: %v, want %q", test.text, test.env, err, test.want)
			}
		}
	})

	t.Run("everything that is wrong is told at once", func(t *testing.T) {
		t.Parallel()
		_, _, err := parse(nil, "one", "--config", file(t, "retension: 1h\nlanes: x\nsynk: none\n"))
		for _, want := range []string{"retension", "lanes", "synk"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not name %s", err, want)
			}
		}
	})

	t.Run("a variable that is not ours, or not from the user, is no mistake", func(t *testing.T) {
		t.Parallel()
		env := map[string]string{
			"OTHER": "1", "ORDERFLOWER": "1", "ORDERFLOW_TEST_SCYLLA_IMAGE": "x", "ORDERFLOW_ORDERS": "9",
			"ORDERFLOW_PORT": "tcp://10.0.0.1:8080", "ORDERFLOW_SERVICE_HOST": "10.0.0.1", "ORDERFLOW_SERVICE_PORT": "8080",
			"ORDERFLOW_SERVICE_PORT_HTTP": "8080", "ORDERFLOW_PORT_8080_TCP": "tcp://10.0.0.1:8080", "ORDERFLOW_PORT_8080_TCP_PROTO": "tcp",
			"ORDERFLOW_PORT_8080_TCP_PORT": "8080", "ORDERFLOW_PORT_8080_TCP_ADDR": "10.0.0.1", "ORDERFLOW_API_SERVICE_HOST": "10.0.0.2",
			"ORDERFLOW_API_PORT_80_UDP_ADDR": "10.0.0.2",
		}
		if _, _, err := parse(env, "one"); err != nil {
			t.Error(err)
		}
	})

	t.Run("the file keeps the text of values", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]string{
			"0123": "0123", "1e3": "1e3", "1.10": "1.10", "yes": "yes", "no": "no", "on": "on", "0x1F": "0x1F", "1_000": "1_000", "true": "true",
			"2026-03-01": "2026-03-01", "0o17": "0o17", ".5": ".5", "12:30:45": "12:30:45", `"quoted # text"`: "quoted # text", "'it''s'": "it's",
			`""`: "", "18446744073709551616": "18446744073709551616", "!!str 7": "7", "with words  # and a comment": "with words",
			"&anchor x": "x", "|\n  two\n  lines\n": "two\nlines\n",
		} {
			cmd, _, err := parse(nil, "one", "--config", file(t, "scylla-username: "+text))
			if err != nil || cmd.Flag("scylla-username").Value.String() != want {
				t.Errorf("%s: %q, %v, want %q", text, cmd.Flag("scylla-username").Value, err, want)
			}
		}
	})

	t.Run("the file has lists", func(t *testing.T) {
		t.Parallel()
		for _, test := range []struct {
			text, flag string
			want       []string
		}{
			{"brokers: [a:1, b:2]", "brokers", []string{"a:1", "b:2"}},
			{"brokers:\n- a:1\n- b:2\n", "brokers", []string{"a:1", "b:2"}},
			{"brokers: a:1,b:2", "brokers", []string{"a:1", "b:2"}},
			{"brokers: [\"a,b\", 007]", "brokers", []string{"a,b", "007"}},
			{"brokers: []", "brokers", []string{}},
		} {
			cmd, _, err := parse(nil, "one", "--config", file(t, test.text))
			if err != nil {
				t.Errorf("%s: %v", test.text, err)
				continue
			}
			got, err := cmd.Flags().GetStringSlice(test.flag)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", test.text, err, diff)
			}
		}
		for _, text := range []string{"scylla-replication: {dc1: 3, dc2: 2}", "scylla-replication: [dc1=3, dc2=2]", "scylla-replication: dc1=3,dc2=2"} {
			cmd, _, err := parse(nil, "one", "--config", file(t, text))
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			got, err := cmd.Flags().GetStringToInt("scylla-replication")
			if diff := cmp.Diff(map[string]int{"dc1": 3, "dc2": 2}, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
			}
		}
	})

	t.Run("a file that sets nothing", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "# a comment\n", "---\n", "{}", "---\n...\n", "\ufefflanes: 32\n"} {
			cmd, _, err := parse(nil, "one", "--config", file(t, text))
			if got := value(t, cmd, err, "lanes"); got != "32" {
				t.Errorf("%q: lanes = %s", text, got)
			}
		}
	})

	t.Run("the origin of each value is known", func(t *testing.T) {
		t.Parallel()
		path := file(t, "lanes: 3\nretention: 2h\n")
		_, origins, err := parse(map[string]string{"ORDERFLOW_RETENTION": "3h"}, "one", "--config", path, "--log-level=warn")
		if err != nil {
			t.Fatal(err)
		}
		for flag, want := range map[string]string{
			"lanes": path + ": lanes", "retention": "ORDERFLOW_RETENTION", "log-level": "--log-level", "brokers": "--brokers",
		} {
			if got := origins.Of(flag); got != want {
				t.Errorf("%s comes from %q, want %q", flag, got, want)
			}
		}
	})
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"data", "lanes", "log-level", "publish-lanes", "retention", "sink"}
	for name, want := range map[string]string{
		"lane": "lanes", "log_level": "log-level", "loglevel": "log-level", "retnetion": "retention", "synk": "sink", "publishlane": "publish-lanes", "data": "data", "date": "data",
	} {
		if got := settings.Nearest(name, names); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := settings.Nearest("x", nil); got != "" {
		t.Errorf("of none: %q", got)
	}
}
