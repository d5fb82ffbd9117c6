package shell

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
)

// completionTimeout bounds the wait for a service while somebody types.
const completionTimeout = time.Second

// Values completes the value of a flag of a command. An unknown flag is a mistake of the program,
// which a test finds.
func Values(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// Files completes the values of flags with the names of files.
func Files(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, AFile)
	}
}

// AFile completes an argument with the names of files.
func AFile(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// ADirectory completes an argument with the names of directories.
func ADirectory(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// Complete completes the flags that all commands have, and adds the command that prints the
// scripts for shells. It is called when all commands are known.
func (sh *Shell) Complete(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for flag, values := range map[string][]string{
		"store":             {string(bootstrap.StoreEmbedded), string(bootstrap.StoreScylla)},
		"sink":              {"stdout", "none", "redpanda", "file:"},
		"source":            {"cdc", "redpanda"},
		"publish-from":      {"beginning", "now"},
		"publish-personal":  {"omit", "sealed", "plain"},
		"customer-ids":      {"plain", "hashed"},
		"auth":              {"none", "tokens", "oidc", "tokens,oidc"},
		"log-level":         {"debug", "info", "warn", "error"},
		"log-format":        {"text", "json"},
		"topic-compression": {"none", "zstd", "lz4"},
		"redpanda-sasl":     {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
		"consumers":         sh.Config.ConsumerNames(),
	} {
		Values(root, flag, values...)
	}
	_ = root.RegisterFlagCompletionFunc("data", ADirectory)
	Files(root, "config", "personal-key", "token-file", "tls-cert", "tls-key", "tls-client-ca", "redpanda-ca", "redpanda-cert",
		"redpanda-key", "scylla-ca", "scylla-cert", "scylla-key")
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short = "Print a script that completes commands in bash, zsh, fish or PowerShell"
		cmd.Long = cmd.Short + `. Names of consumers and tables, and values of flags, are completed, too.`
		cmd.Example = `  source <(orderflow completion bash)   # in ~/.bashrc
  source <(orderflow completion zsh)    # in ~/.zshrc
  orderflow completion fish | source    # in ~/.config/fish/config.fish`
		NeedsNothing.Declare(cmd)
		for _, sub := range cmd.Commands() {
			NeedsNothing.Declare(sub)
		}
	}
}

// names returns what a running service says that there is, or, when none answers soon, what this
// program has. It starts no service.
func (sh *Shell) names(
	cmd *cobra.Command, ask func(context.Context, *client.Client) ([]string, error), known []string,
) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	if err := sh.prepare(cmd); err != nil {
		return known
	}
	address := sh.url
	if address == "" {
		address, _ = sh.owner(ctx) // without one, what is known will do
	}
	if address == "" {
		return known
	}
	c, err := sh.client(address)
	if err != nil {
		return known
	}
	defer c.Close()
	found, err := ask(ctx, c)
	if err != nil {
		return known
	}
	return found
}

// AConsumer completes the first argument with the names of consumers.
func (sh *Shell) AConsumer(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return sh.Consumers(cmd, args, "")
}

// Consumers completes with the names of consumers.
func (sh *Shell) Consumers(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return sh.names(cmd, func(ctx context.Context, c *client.Client) (names []string, err error) {
		statuses, err := c.Consumers(ctx)
		for _, s := range statuses {
			names = append(names, s.Name)
		}
		return names, err
	}, sh.Config.ConsumerNames()), cobra.ShellCompDirectiveNoFileComp
}

// Tables completes with the names of tables that are no arguments yet.
func (sh *Shell) Tables(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	names := sh.names(cmd, func(ctx context.Context, c *client.Client) ([]string, error) {
		var answer struct {
			Tables []string `json:"tables"`
		}
		err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/tables"}, &answer)
		return answer.Tables, err
	}, bootstrap.TableNames())
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), cobra.ShellCompDirectiveNoFileComp
}
