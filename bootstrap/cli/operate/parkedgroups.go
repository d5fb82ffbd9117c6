package operate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// parkedGroup is what a consumer has parked for one cause, as the API shows it.
type parkedGroup struct {
	Fingerprint string    `json:"fingerprint"`
	Kind        string    `json:"kind"`
	EventType   string    `json:"event_type"`
	Error       string    `json:"error"`
	Aggregates  int       `json:"aggregates"`
	Oldest      time.Time `json:"oldest"`
}

func (sh tools) parkedGroupsCommand() *cobra.Command {
	return shell.OnlyReads.Declare(&cobra.Command{
		Use:   "groups [CONSUMER]",
		Short: "List what is parked by its cause",
		Long: `List what is parked by its cause: the kind of the failure, the type of the event, and the error without ids, numbers and
quoted texts. The group with the order that has been parked for longest comes first. 'parked retry --group' retries one.`,
		Args: needs("[CONSUMER]"),
		RunE: sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
			return sh.listParkedGroups(ctx, c, args)
		}),
	})
}

func (sh tools) listParkedGroups(ctx context.Context, c *client.Client, args []string) error {
	consumers, err := consumersOr(ctx, c, args)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	listed := 0
	for _, consumer := range consumers {
		var answer struct {
			Groups []parkedGroup `json:"groups"`
		}
		ask := client.Request{Method: http.MethodGet, Path: client.ConsumerPath(consumer) + "/parked-groups"}
		if err := c.Do(ctx, ask, &answer); err != nil {
			return c.Known(ctx, consumer, err)
		}
		for _, g := range answer.Groups {
			if listed++; listed == 1 {
				fmt.Fprintln(table, "CONSUMER\tGROUP\tORDERS\tTYPE\tKIND\tOLDEST\tERROR")
			}
			fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", consumer, g.Fingerprint, g.Aggregates, g.EventType, g.Kind,
				g.Oldest.Format(time.RFC3339), client.OneLine(g.Error))
		}
	}
	if listed == 0 {
		fmt.Fprintln(sh.Out, "no order is parked")
	}
	return table.Flush()
}

// consumersOr returns the consumer in args, or the names of all.
func consumersOr(ctx context.Context, c *client.Client, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	statuses, err := c.Consumers(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range statuses {
		names = append(names, s.Name)
	}
	return names, nil
}

// retryOptions select the parked orders that are retried.
type retryOptions struct {
	group string
	limit int
}

func (o retryOptions) query() string {
	query := url.Values{}
	if o.group != "" {
		query.Set("fingerprint", o.group)
	}
	if o.limit > 0 {
		query.Set("limit", fmt.Sprint(o.limit))
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

func (o retryOptions) check(args []string) error {
	switch {
	case o.limit < 0:
		return shell.Bad("limit", "%d is negative", o.limit)
	case len(args) > 1 && (o.group != "" || o.limit > 0):
		return shell.Bad("group and limit", "they are not for one order")
	default:
		return nil
	}
}

func (sh tools) retryParkedCommand() *cobra.Command {
	var options retryOptions
	cmd := &cobra.Command{
		Use:   "retry CONSUMER [ORDER]",
		Short: "Handle a parked order, or all of them, from the event that failed",
		Long: `Handle a parked order, or all of them, from the event that failed. Those that have been parked for longest come first.
Exit status 3 when some still fail.`,
		Args: needs("CONSUMER", "[ORDER]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.check(args); err != nil {
				return err
			}
			return sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
				if len(args) == 1 {
					return sh.retryAllParked(ctx, c, args[0], options)
				}
				return sh.retryParked(ctx, c, args[0], args[1])
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&options.group, "group", "", "retry the orders of this group only, see 'parked groups'")
	cmd.Flags().IntVar(&options.limit, "limit", 0, "how many orders to retry; 0 for all")
	return shell.Works.Declare(cmd)
}

func (sh tools) retryAllParked(ctx context.Context, c *client.Client, consumer string, options retryOptions) error {
	var answer struct {
		Released    int           `json:"released"`
		StillParked []parkedOrder `json:"still_parked"`
		NotTried    int           `json:"not_tried"`
		Error       string        `json:"error"`
	}
	if err := c.Do(ctx, client.Request{
		Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(consumer) + "/retry-parked" + options.query(), Slow: true,
	}, &answer); err != nil {
		return c.Known(ctx, consumer, err)
	}
	fmt.Fprintf(sh.Out, "%d orders are no longer parked, %d still fail\n", answer.Released, len(answer.StillParked))
	for _, p := range answer.StillParked {
		fmt.Fprintf(sh.Out, "%s: event %d, %s (%s): %s\n", p.Named, p.SequenceNumber, p.EventType, p.Kind, p.Error)
	}
	if answer.NotTried > 0 {
		return fmt.Errorf("%d orders were not tried: %s", answer.NotTried, answer.Error)
	}
	if n := len(answer.StillParked); n > 0 {
		return &shell.BadAnswer{Text: fmt.Sprintf("%d orders still fail", n)}
	}
	return nil
}
