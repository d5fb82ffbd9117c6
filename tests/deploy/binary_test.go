package deploy_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"orderflow/bootstrap/cli"
)

// run runs the command line in this process and returns its output.
func run(args ...string) (text string, status int) {
	var out bytes.Buffer
	streams := cli.Process{In: strings.NewReader(""), Out: &out, Err: &out}
	status = cli.Main(context.Background(), args, streams)
	return out.String(), status
}

// expectSetting fails the test unless an environment variable belongs to a flag.
func expectSetting(t *testing.T, variable string) {
	t.Helper()
	name, ours := strings.CutPrefix(variable, "ORDERFLOW_")
	flag := " --" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + " "
	if help, _ := run("serve", "--help"); !ours || !strings.Contains(help, flag) {
		t.Errorf("%s sets nothing", variable)
	}
}

// expectCommand fails the test unless a command line is a command with flags that it knows.
func expectCommand(t *testing.T, args []string) {
	t.Helper()
	help, status := run(append(args, "--help")...)
	if usage := "orderflow " + strings.Join(words(args), " ") + " "; status != 0 || !strings.Contains(help, usage) {
		t.Errorf("orderflow %s: exit status %d, and no %q in its help:\n%s", strings.Join(args, " "), status, usage, help)
	}
}

// words returns the arguments before the flags.
func words(args []string) (w []string) {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			w = append(w, arg)
		}
	}
	return w
}
