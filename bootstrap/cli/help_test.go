package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

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
		{"inspect --help", []string{"help", "limit", "output"}, false},
		{"help inspect", []string{"help", "limit", "output"}, false},
		{"inspect --help-all", []string{"limit", "output"}, true},
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
