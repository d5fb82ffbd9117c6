package shell

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups of the flags that all commands have.
const (
	groupData     = "Which data, or which service"
	groupService  = "The service"
	groupAccess   = "Who may use it"
	groupScylla   = "ScyllaDB"
	groupRedpanda = "Redpanda or Kafka"
	groupLog      = "Log"
)

func groups() []string {
	return []string{groupData, groupService, groupAccess, groupScylla, groupRedpanda, groupLog}
}

// groupOf returns the group of a flag.
func groupOf(flag string) string {
	switch prefix, _, _ := strings.Cut(flag, "-"); {
	case flag == "data" || flag == "url" || flag == "store" || flag == "config":
		return groupData
	case accessFlag(flag):
		return groupAccess
	case prefix == "scylla":
		return groupScylla
	case prefix == "redpanda" || prefix == "topic" || flag == "brokers" || flag == "source" || flag == "group-prefix":
		return groupRedpanda
	case prefix == "log":
		return groupLog
	default:
		return groupService
	}
}

// helpAllFlag is the name of the flag that asks for the help with all flags.
const helpAllFlag = "help-all"

// helpAll is the value of that flag. It ends the parsing of the command line, as --help does.
type helpAll struct{ asked bool }

// Set implements pflag.Value.
func (h *helpAll) Set(string) error {
	h.asked = true
	return pflag.ErrHelp
}

// String implements pflag.Value.
func (h *helpAll) String() string { return "false" }

// Type implements pflag.Value.
func (h *helpAll) Type() string { return "bool" }

// help prints the help of a command: its own flags, and of the common flags those that select the
// data. The service shows all flags, and so does every command with --help-all.
func (sh *Shell) help(cmd *cobra.Command) {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s\n", strings.TrimSpace(cmd.Long))
	_ = sh.usage(cmd, out) // an error of printing cannot be printed
}

func (sh *Shell) usage(cmd *cobra.Command, out io.Writer) error {
	var b strings.Builder
	b.WriteString("\nUsage:\n")
	if cmd.Runnable() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-*s %s\n", cmd.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	grouped := map[string]*pflag.FlagSet{}
	for _, group := range groups() {
		grouped[group] = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == helpAllFlag {
			return
		}
		all.AddFlag(f)
		grouped[groupOf(f.Name)].AddFlag(f)
	})
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if all.Lookup(f.Name) == nil && f.Name != helpAllFlag {
			own.AddFlag(f)
		}
	})
	writeFlags(&b, "Flags", own)
	whole := sh.helpAll.asked || cmd.Name() == "serve"
	for _, group := range groups() {
		if whole || group == groupData {
			writeFlags(&b, group, grouped[group])
		}
	}
	if !whole {
		fmt.Fprintf(&b, "\n'%s --%s' shows the flags about the service, too, and so does 'orderflow serve --help'.\n",
			cmd.CommandPath(), helpAllFlag)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeFlags(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		fmt.Fprintf(b, "\n%s:\n%s\n", title, strings.TrimRight(flags.FlagUsages(), "\n"))
	}
}
