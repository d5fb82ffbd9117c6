package operate

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// skippedEvent is an event that a consumer skips, as the API shows it.
type skippedEvent struct {
	AggregateID    string    `json:"aggregate_id"`
	SequenceNumber uint64    `json:"sequence_number"`
	EventType      string    `json:"event_type"`
	Reason         string    `json:"reason"`
	Error          string    `json:"error"`
	SkippedAt      time.Time `json:"skipped_at"`
}

func (sh tools) skipsCommand() *cobra.Command {
	return sh.reads(&cobra.Command{
		Use:               "skips [CONSUMER]",
		Short:             "List the skipped events",
		Args:              needs("[CONSUMER]"),
		ValidArgsFunction: sh.AConsumer,
	}, "{\"skips\": […]}, as the API lists them, each with its consumer", sh.listSkips)
}

func (sh tools) unskipCommand() *cobra.Command {
	return shell.Works.Declare(&cobra.Command{
		Use:   "unskip CONSUMER ORDER EVENT",
		Short: "Skip an event no longer, and add its effect to the view",
		Long: `Take back the decision to skip an event. EVENT is its number in the history of the order.

The rows of the order then contain the event. That is refused for a publisher that has published later events of the
order, and on a store that cannot replace the rows of one order.`,
		Args:              needs("CONSUMER", "ORDER", "EVENT"),
		ValidArgsFunction: sh.AConsumer,
		RunE: sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
			sequence, err := strconv.ParseUint(args[2], 10, 63)
			if err != nil || sequence == 0 {
				return &shell.UsageError{
					Err: fmt.Errorf("EVENT: %q is not the number of an event, which is 1 or more", args[2]),
				}
			}
			body := map[string]any{"aggregate_id": args[1], "sequence_number": sequence}
			err = sh.long(ctx, c, "adding the event", client.Request{
				Reason: *sh.reason, Method: http.MethodPost, Path: client.ConsumerPath(args[0]) + "/unskip", Body: body,
			}, nil)
			if err != nil {
				return c.Known(ctx, args[0], err)
			}
			_, err = fmt.Fprintf(sh.Out, "event %d of order %s is not skipped any more\n", sequence, args[1])
			return err
		}),
	})
}

// listSkips lists the skips of the consumer in args, or of all.
func (sh tools) listSkips(ctx context.Context, c *client.Client, args []string, output *shell.Output) error {
	consumers, err := consumersOr(ctx, c, args)
	if err != nil {
		return err
	}
	list := listing{none: "no event is skipped", header: "CONSUMER\tORDER\tEVENT\tTYPE\tSKIPPED AT\tREASON\tERROR"}
	for _, consumer := range consumers {
		type page struct {
			client.Next
			Skips []client.Document[skippedEvent] `json:"skips"`
		}
		_, err := client.Pages(ctx, c, client.ConsumerPath(consumer)+"/skips", math.MaxInt, func(found page) int {
			for _, document := range found.Skips {
				s := document.Known
				add(&list, consumer, document, "%s\t%d\t%s\t%s\t%s\t%s", s.AggregateID, s.SequenceNumber, s.EventType,
					s.SkippedAt.Format(time.RFC3339), client.OneLine(s.Reason), client.OneLine(s.Error))
			}
			return len(found.Skips)
		})
		if err != nil {
			return c.Known(ctx, consumer, err)
		}
	}
	return sh.print(&list, "skips", output)
}
