package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/bootstrap/cli/shell"
)

// flagsIn returns the names of the flags that a help lists.
func flagsIn(help string) (names []string) {
	for _, match := range regexp.MustCompile(`(?m)^ {2,6}(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(help, -1) {
		names = append(names, match[1])
	}
	return names
}

// A command shows its own flags and those that select the data. --help-all shows every flag once.
func TestHelp_flags(t *testing.T) {
	t.Parallel()
	var global []string
	newRoot(shell.New(Process{})).PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help-all" {
			global = append(global, f.Name)
		}
	})
	about := []string{"config", "data", "store", "url"}
	for _, test := range []struct {
		args string
		own  []string
		all  bool
	}{
		{"--help", []string{"help", "version"}, false},
		{"-h", []string{"help", "version"}, false},
		{"help", []string{"help", "version"}, false},
		{"--help-all", []string{"version"}, true},
		{"serve --help", []string{"help"}, true},
		{"help serve", []string{"help"}, true},
		{"inspect --help", []string{"after", "customer", "help", "limit", "order", "output"}, false},
		{"help inspect", []string{"after", "customer", "help", "limit", "order", "output"}, false},
		{"inspect --help-all", []string{"after", "customer", "limit", "order", "output"}, true},
		{"consumers pause --help", []string{"help", "reason", "stop-timeout"}, false},
		// although an argument is missing
		{"consumers pause --help-all", []string{"reason", "stop-timeout"}, true},
		{"version --help", []string{"help", "output"}, false},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			out, errs, status := command(t, strings.Fields(test.args)...)
			if status != 0 || errs != "" {
				t.Fatalf("exit status %d\n%s", status, errs)
			}
			want := slices.Concat(test.own, about)
			if test.all {
				want = slices.Concat(test.own, global)
			}
			got := slices.DeleteFunc(flagsIn(out), func(name string) bool { return name == "help" })
			want = slices.DeleteFunc(want, func(name string) bool { return name == "help" })
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("it lists\n%v, want\n%v\n%s", got, want, out)
			}
			if pointer := strings.Contains(out, "--help-all' shows the flags about the service"); pointer == test.all {
				t.Errorf("it says how to see more: %v\n%s", pointer, out)
			}
			for line := range strings.Lines(out) {
				if test.args == "inspect --help" && len(line) > 140 {
					t.Errorf("a line of %d characters: %s", len(line), line)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	flag, _, status := command(t, "--version")
	if word, _, _ := command(t, "version"); status != 0 || flag != word || !strings.HasPrefix(flag, "orderflow 0.") {
		t.Errorf("exit status %d: %q and %q", status, flag, word)
	}
}

// The help of each command, as people read it. Of serve and the other commands that show all
// settings, the settings are left out: they have tests of their own.
func TestHelp_golden(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" { // its text comes from cobra
			return
		}
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		out, errs, status := command(t, args...)
		if status != 0 || errs != "" {
			t.Errorf("%v: exit status %d\n%s", args, status, errs)
		}
		out, _, _ = strings.Cut(out, "\nThe service:\n")
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".txt"
		known[name] = true
		golden(t, filepath.Join("help", name), out)
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(newRoot(shell.New(Process{})))
	files, err := os.ReadDir(filepath.Join("testdata", "help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !known[file.Name()] {
			t.Errorf("testdata/help/%s belongs to no command", file.Name())
		}
	}
}
