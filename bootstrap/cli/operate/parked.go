package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// parkedOrder is an order that a consumer has parked, as the API shows it.
type parkedOrder struct {
	client.Named
	SequenceNumber uint64    `json:"sequence_number"`
	EventID        string    `json:"event_id"`
	EventType      string    `json:"event_type"`
	Kind           string    `json:"kind"`
	Error          string    `json:"error"`
	Attempts       int       `json:"attempts"`
	FailedAt       time.Time `json:"failed_at"`
	ParkedAt       time.Time `json:"parked_at"`
	RetriedAt      time.Time `json:"retried_at"`
}

// parkedDetails is the answer of GET /v1/consumers/{name}/parked/{order_id}.
type parkedDetails struct {
	Parked  parkedOrder `json:"parked"`
	Waiting []struct {
		SequenceNumber uint64    `json:"sequence_number"`
		EventID        string    `json:"event_id"`
		EventType      string    `json:"event_type"`
		EventVersion   int       `json:"event_version"`
		CreatedAt      time.Time `json:"created_at"`
	} `json:"waiting"`
	WaitingError string `json:"waiting_error"`
}

func parkedPath(consumer, order string) string {
	return client.ConsumerPath(consumer) + "/parked/" + order
}

func (sh tools) parkedCommand() *cobra.Command {
	const documents = "{\"parked\": […]}, as the API lists them, each with its consumer"
	cmd := &cobra.Command{
		Use:   "parked",
		Short: "Show, retry or skip orders that consumers have parked",
		Long: `When an event cannot be handled, the consumer retries for a while and then parks the order: later events of that order
wait, and all other orders are handled. The kind of the failure says who has to act:

  newer        a newer version of the program has written the event; that version continues by itself
  undecodable  this version of the program cannot read the event: run one that can, then retry
  store        the store refuses the effect
  refused      the target of the publisher refuses the event
  bug          the program has a bug: run a version without it, then retry`,
		Args: shell.NoArgs,
	}
	sh.reads(cmd, documents, sh.listParked)
	var reason string
	skip := &cobra.Command{
		Use:   "skip CONSUMER ORDER --reason=TEXT",
		Short: "Skip the event that fails, and continue with the next one",
		Long: `Skip the event that fails and handle the rest of the order. The consumer skips that event everywhere, also in a rebuild,
and also when the cause of the failure is gone, until 'parked unskip' takes that back. The reason is stored. Exit status 3
when a later event fails as well.`,
		Args:              needs("CONSUMER", "ORDER"),
		ValidArgsFunction: sh.AConsumer,
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return shell.Bad("reason", "it must say why the event may be missing")
			}
			return sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
				return sh.skipParked(ctx, c, args[0], args[1], reason)
			})(cmd, args)
		},
	}
	skip.Flags().StringVar(&reason, "reason", "", "why the event may be missing")
	cmd.AddCommand(
		sh.reads(&cobra.Command{
			Use:               "ls [CONSUMER]",
			Short:             "List the parked orders",
			Args:              needs("[CONSUMER]"),
			ValidArgsFunction: sh.AConsumer,
		}, documents, sh.listParked),
		sh.reads(&cobra.Command{
			Use:               "show CONSUMER ORDER",
			Short:             "Show why an order is parked, and which events wait",
			Args:              needs("CONSUMER", "ORDER"),
			ValidArgsFunction: sh.AConsumer,
		}, "the answer of GET /v1/consumers/{name}/parked/{aggregate_id}", sh.showParked),
		sh.parkedGroupsCommand(),
		sh.retryParkedCommand(),
		shell.Works.Declare(skip),
		sh.skipsCommand(),
		sh.unskipCommand(),
	)
	return cmd
}

// reads completes a command that only reads, and prints what it has read in one of two ways.
func (sh tools) reads(
	cmd *cobra.Command, documents string,
	run func(ctx context.Context, c *client.Client, args []string, output *shell.Output) error,
) *cobra.Command {
	output := shell.OutputFlag(cmd, documents)
	cmd.RunE = sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
		return run(ctx, c, args, output)
	})
	return shell.OnlyReads.Declare(cmd)
}

// listParked lists the parked aggregates of the consumer in args, or of all.
func (sh tools) listParked(ctx context.Context, c *client.Client, args []string, output *shell.Output) error {
	consumers, err := consumersOr(ctx, c, args)
	if err != nil {
		return err
	}
	list := listing{none: "no order is parked", header: "CONSUMER\tORDER\tEVENT\tTYPE\tKIND\tATTEMPTS\tPARKED AT\tERROR"}
	for _, consumer := range consumers {
		type page struct {
			client.Next
			Parked []client.Document[parkedOrder] `json:"parked"`
		}
		_, err := client.Pages(ctx, c, client.ConsumerPath(consumer)+"/parked", math.MaxInt, func(found page) int {
			for _, document := range found.Parked {
				p := document.Known
				add(&list, consumer, document, "%s\t%d\t%s\t%s\t%d\t%s\t%s", p.ID(), p.SequenceNumber, p.EventType, p.Kind, p.Attempts,
					p.ParkedAt.Format(time.RFC3339), client.OneLine(p.Error))
			}
			return len(found.Parked)
		})
		if err != nil {
			return c.Known(ctx, consumer, err)
		}
	}
	return sh.print(&list, "parked", output)
}

func (sh tools) showParked(ctx context.Context, c *client.Client, args []string, output *shell.Output) error {
	consumer, order := args[0], args[1]
	var document client.Document[parkedDetails]
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: parkedPath(consumer, order)}, &document); err != nil {
		return c.Known(ctx, consumer, err)
	}
	if output.JSON() {
		return sh.PrintJSON(document)
	}
	d := document.Known
	p := d.Parked
	fmt.Fprintf(sh.Out, "%s is parked by %s\n\n", p.Named, consumer)
	table := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "event\t%d, %s, %s\n", p.SequenceNumber, p.EventType, p.EventID)
	fmt.Fprintf(table, "kind\t%s\n", p.Kind)
	fmt.Fprintf(table, "error\t%s\n", p.Error)
	fmt.Fprintf(table, "attempts\t%d\n", p.Attempts)
	fmt.Fprintf(table, "failed\t%s\n", p.FailedAt.Format(time.RFC3339))
	fmt.Fprintf(table, "parked\t%s\n", p.ParkedAt.Format(time.RFC3339))
	if !p.RetriedAt.IsZero() {
		fmt.Fprintf(table, "retried\t%s\n", p.RetriedAt.Format(time.RFC3339))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if d.WaitingError != "" {
		_, err := fmt.Fprintf(sh.Out, "\nthe waiting events cannot be read: %s\n", d.WaitingError)
		return err
	}
	fmt.Fprintln(sh.Out, "\nwaiting:")
	for _, e := range d.Waiting {
		fmt.Fprintf(table, "  %d\t%s\tv%d\t%s\t%s\n",
			e.SequenceNumber, e.EventType, e.EventVersion, e.CreatedAt.Format(time.RFC3339), e.EventID)
	}
	return table.Flush()
}

func (sh tools) retryParked(ctx context.Context, c *client.Client, consumer, order string, output *shell.Output) error {
	err := sh.long(ctx, c, "retrying", client.Request{
		Reason: *sh.reason, Method: http.MethodPost, Path: parkedPath(consumer, order) + "/retry",
	}, nil)
	still := stillParked(err)
	switch {
	case err != nil && still == nil:
		return c.Known(ctx, consumer, err)
	case output.JSON():
		result := retried{Released: 1, StillParked: []client.Document[parkedOrder]{}}
		if still != nil {
			result = retried{StillParked: []client.Document[parkedOrder]{still.Parked}}
		}
		if err := sh.PrintJSON(result); err != nil {
			return err
		}
	case still == nil:
		fmt.Fprintf(sh.Out, "order %s is no longer parked\n", order)
	}
	if still != nil {
		return &shell.BadAnswer{Text: still.Detail}
	}
	return nil
}

// stillParkedProblem says that an order has failed again.
type stillParkedProblem struct {
	Detail string                       `json:"detail"`
	Parked client.Document[parkedOrder] `json:"parked"`
}

// stillParked returns err when it says that an order has failed again.
func stillParked(err error) *stillParkedProblem {
	var refusal *client.Problem
	if !errors.As(err, &refusal) || refusal.Code != "still_parked" {
		return nil
	}
	still := &stillParkedProblem{Detail: refusal.Detail}
	_ = json.Unmarshal(refusal.Document, still) // what it does not say is not shown
	return still
}

// skipParked names the event that failed, so that a request that is repeated does not skip another
// event.
func (sh tools) skipParked(ctx context.Context, c *client.Client, consumer, order, reason string) error {
	var d parkedDetails
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: parkedPath(consumer, order)}, &d); err != nil {
		return c.Known(ctx, consumer, err)
	}
	body := map[string]any{"reason": reason, "sequence_number": d.Parked.SequenceNumber}
	err := sh.long(ctx, c, "skipping", client.Request{
		Method: http.MethodPost, Path: parkedPath(consumer, order) + "/skip", Body: body,
	}, nil)
	still := stillParked(err)
	if err != nil && still == nil {
		return err
	}
	fmt.Fprintf(sh.Out, "event %d (%s) of order %s is skipped\n", d.Parked.SequenceNumber, d.Parked.EventType, order)
	if still != nil {
		return &shell.BadAnswer{Text: still.Detail}
	}
	_, err = fmt.Fprintf(sh.Out, "order %s is no longer parked\n", order)
	return err
}
