package operate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) logLevelCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "Show or change how much the service logs",
		Long: `Print the lowest level that the service logs, or change it to debug, info, warn or error.

A change concerns the process that answers, until it ends or gets SIGHUP. It is written to the log of operations.`,
		Args:      needs("[LEVEL]"),
		ValidArgs: []string{"debug", "info", "warn", "error"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				if c.Passive {
					return errors.New("no service runs; the level of one that starts is --log-level")
				}
				return sh.logLevel(ctx, c, args, reason)
			})
		},
	}
	reasonFlag(cmd, &reason)
	return shell.OnlyReads.Declare(cmd)
}

func (sh tools) logLevel(ctx context.Context, c *client.Client, args []string, reason string) error {
	ask := client.Request{Method: http.MethodGet, Path: "/v1/log-level"}
	if len(args) > 0 {
		ask.Method, ask.Reason, ask.Body = http.MethodPut, reason, map[string]any{"level": strings.ToLower(args[0])}
	}
	var answer struct {
		Level string `json:"level"`
	}
	if err := c.Do(ctx, ask, &answer); err != nil {
		return err
	}
	_, err := fmt.Fprintln(sh.Out, answer.Level)
	return err
}
