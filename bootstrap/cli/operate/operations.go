package operate

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) operationsCommand() *cobra.Command {
	var limit int
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "List who has done what to the service",
		Long: `Print the log of operations, the newest first: each pause, resume, reset, rebuild, retry, skip and repair, and each token
that was created or revoked. An entry is written before the action. One with a failure follows the entry of the attempt.`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return shell.Bad("limit", "%d is below 1", limit)
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.operations(ctx, c, limit, output)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "entries")
	output = shell.OutputFlag(cmd, "{\"operations\": […]}, as GET /v1/operations lists them")
	return shell.OnlyReads.Declare(cmd)
}

// operation is an entry of GET /v1/operations.
type operation struct {
	At          time.Time `json:"at"`
	Subject     string    `json:"subject"`
	Action      string    `json:"action"`
	Target      string    `json:"target"`
	AggregateID string    `json:"aggregate_id"`
	Reason      string    `json:"reason"`
	Detail      string    `json:"detail"`
	Failure     string    `json:"failure"`
}

func (sh tools) operations(ctx context.Context, c *client.Client, limit int, output *shell.Output) error {
	list := listing{none: "nobody has done anything yet", header: "AT\tWHO\tACTION\tTARGET\tWHY\tDETAIL"}
	type page struct {
		client.Next
		Operations []client.Document[operation] `json:"operations"`
	}
	_, err := client.Pages(ctx, c, "/v1/operations", limit, func(p page) int {
		for _, document := range p.Operations {
			o := document.Known
			target := cmp.Or(o.Target, "-")
			if o.AggregateID != "" {
				target += " " + o.AggregateID
			}
			detail := o.Detail
			if o.Failure != "" {
				detail = "not done: " + o.Failure
			}
			add(&list, "", document, "%s\t%s\t%s\t%s\t%s\t%s", o.At.Format(time.RFC3339), cmp.Or(o.Subject, "-"), o.Action, target,
				client.OneLine(o.Reason), client.OneLine(detail))
		}
		return len(p.Operations)
	})
	if err != nil {
		return err
	}
	return sh.print(&list, "operations", output)
}
