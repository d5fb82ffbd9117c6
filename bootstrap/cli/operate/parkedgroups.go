package operate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	return sh.reads(&cobra.Command{
		Use:   "groups [CONSUMER]",
		Short: "List what is parked by its cause",
		Long: `List what is parked by its cause: the kind of the failure, the type of the event, and the error without ids, numbers and
quoted texts. The group with the order that has been parked for longest comes first. 'parked retry --group' retries one.`,
		Args:              needs("[CONSUMER]"),
		ValidArgsFunction: sh.AConsumer,
	}, "{\"groups\": […]}, as the API lists them, each with its consumer", sh.listParkedGroups)
}

func (sh tools) listParkedGroups(ctx context.Context, c *client.Client, args []string, output *shell.Output) error {
	consumers, err := consumersOr(ctx, c, args)
	if err != nil {
		return err
	}
	list := listing{none: "no order is parked", header: "CONSUMER\tGROUP\tORDERS\tTYPE\tKIND\tOLDEST\tERROR"}
	for _, consumer := range consumers {
		var answer struct {
			Groups []client.Document[parkedGroup] `json:"groups"`
		}
		ask := client.Request{Method: http.MethodGet, Path: client.ConsumerPath(consumer) + "/parked-groups"}
		if err := c.Do(ctx, ask, &answer); err != nil {
			return c.Known(ctx, consumer, err)
		}
		for _, document := range answer.Groups {
			g := document.Known
			add(&list, consumer, document, "%s\t%d\t%s\t%s\t%s\t%s", g.Fingerprint, g.Aggregates, g.EventType, g.Kind,
				g.Oldest.Format(time.RFC3339), client.OneLine(g.Error))
		}
	}
	return sh.print(&list, "groups", output)
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
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "retry CONSUMER [ORDER]",
		Short: "Handle a parked order, or all of them, from the event that failed",
		Long: `Handle a parked order, or all of them, from the event that failed. Those that have been parked for longest come first.
Exit status 3 when some still fail.`,
		Args:              needs("CONSUMER", "[ORDER]"),
		ValidArgsFunction: sh.AConsumer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.check(args); err != nil {
				return err
			}
			return sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
				if len(args) == 1 {
					return sh.retryAllParked(ctx, c, args[0], options, output)
				}
				return sh.retryParked(ctx, c, args[0], args[1], output)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&options.group, "group", "", "retry the orders of this group only, see 'parked groups'")
	cmd.Flags().IntVar(&options.limit, "limit", 0, "how many orders to retry; 0 for all")
	output = shell.OutputFlag(cmd, "the answer of POST /v1/consumers/{name}/retry-parked")
	return shell.Works.Declare(cmd)
}

// retried is the answer of POST /v1/consumers/{name}/retry-parked.
type retried struct {
	Released    int                            `json:"released"`
	StillParked []client.Document[parkedOrder] `json:"still_parked"`
	NotTried    int                            `json:"not_tried"`
	Error       string                         `json:"error,omitempty"`
}

func (sh tools) retryAllParked(
	ctx context.Context, c *client.Client, consumer string, options retryOptions, output *shell.Output,
) error {
	var document client.Document[retried]
	if err := sh.long(ctx, c, "retrying", client.Request{
		Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(consumer) + "/retry-parked" + options.query(),
	}, &document); err != nil {
		return c.Known(ctx, consumer, err)
	}
	answer := document.Known
	if output.JSON() {
		if err := sh.PrintJSON(document); err != nil {
			return err
		}
	} else {
		printRetried(sh.Out, answer)
	}
	if answer.NotTried > 0 {
		return fmt.Errorf("%d orders were not tried: %s", answer.NotTried, answer.Error)
	}
	if n := len(answer.StillParked); n > 0 {
		return &shell.BadAnswer{Text: fmt.Sprintf("%d orders still fail", n)}
	}
	return nil
}

func printRetried(out io.Writer, answer retried) {
	fmt.Fprintf(out, "%d orders are no longer parked, %d still fail\n", answer.Released, len(answer.StillParked))
	for _, document := range answer.StillParked {
		p := document.Known
		fmt.Fprintf(out, "%s: event %d, %s (%s): %s\n", p.Named, p.SequenceNumber, p.EventType, p.Kind, p.Error)
	}
}
