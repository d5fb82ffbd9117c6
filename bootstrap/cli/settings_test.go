package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestLayer(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T, text string) string {
		path := filepath.Join(t.TempDir(), "orderflow.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// parse runs a command with the flags of the real one in small, and returns it after layering.
	parse := func(env map[string]string, args ...string) (*cobra.Command, error) {
		root := &cobra.Command{Use: "root", SilenceErrors: true, SilenceUsage: true}
		root.PersistentFlags().String(configFlag, "", "")
		root.PersistentFlags().String("log-level", "info", "")
		root.PersistentFlags().Duration("retention", time.Hour, "")
		var layered *cobra.Command
		run := func(cmd *cobra.Command, _ []string) error {
			layered = cmd
			return layer(cmd, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		}
		one := &cobra.Command{Use: "one", RunE: run}
		two := &cobra.Command{Use: "two", RunE: run}
		two.Flags().Int("orders", 7, "")
		root.AddCommand(one, two)
		root.SetOut(io.Discard)
		root.SetArgs(args)
		err := root.Execute()
		return layered, err
	}
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
		cmd, err := parse(env, "one", "--log-level", "error")
		if got := value(t, cmd, err, "log-level"); got != "error" {
			t.Errorf("log-level = %s", got)
		}
		if got := value(t, cmd, err, "retention"); got != "2h0m0s" {
			t.Errorf("retention = %s", got)
		}
		cmd, err = parse(env, "one")
		if got := value(t, cmd, err, "log-level"); got != "warn" {
			t.Errorf("log-level = %s", got)
		}
		cmd, err = parse(nil, "one", "--config", path)
		if got := value(t, cmd, err, "log-level"); got != "debug" {
			t.Errorf("log-level = %s", got)
		}
		cmd, err = parse(nil, "one")
		if got := value(t, cmd, err, "log-level"); got != "info" {
			t.Errorf("log-level = %s", got)
		}
	})

	t.Run("a setting of another command is no mistake", func(t *testing.T) {
		t.Parallel()
		path := file(t, "orders: 9\n")
		if _, err := parse(nil, "one", "--config", path); err != nil {
			t.Error(err)
		}
		cmd, err := parse(nil, "two", "--config", path)
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
		} {
			args := []string{"one"}
			if test.text != "" {
				args = append(args, "--config", file(t, test.text))
			}
			if _, err := parse(test.env, args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q %v: %v, want %q", test.text, test.env, err, test.want)
			}
		}
	})
}
