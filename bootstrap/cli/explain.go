package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// explanation is the answer of GET /v1/orders/{id}/explain.
type explanation struct {
	client.Named
	Events []explainedEvent `json:"events"`
}

type explainedEvent struct {
	SequenceNumber uint64              `json:"sequence_number"`
	EventType      string              `json:"event_type"`
	CommandID      string              `json:"command_id"`
	TraceID        string              `json:"trace_id"`
	CreatedAt      time.Time           `json:"created_at"`
	Consumers      []explainedConsumer `json:"consumers"`
}

type explainedConsumer struct {
	Consumer   string    `json:"consumer"`
	Applied    bool      `json:"applied"`
	SeenAt     time.Time `json:"seen_at"`
	HandledAt  time.Time `json:"handled_at"`
	Deliveries int       `json:"deliveries"`
	Unknown    string    `json:"unknown"`
	Placement  *struct {
		Partition int32 `json:"partition"`
		Offset    int64 `json:"offset"`
	} `json:"placement"`
}

func (sh tools) explainCommand() *cobra.Command {
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "explain ORDER",
		Short: "Show what each consumer has done with each event of an order",
		Long: `Show each event of an order: its command, when it was committed, when each consumer received and finished it, and where
the broker has put it. Times count from the commit. In the bars, '.' is the time before the consumer received the event
and '#' the time that the consumer needed; each event has its own scale.

The views say whether an event was applied. The times come from the memory of the running service, which keeps its newest
events. An event that is older than the service, or that another process has applied, has no times, and the line says so.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &shell.UsageError{Err: fmt.Errorf("%s: takes one argument, the id of an order", cmd.CommandPath())}
			}
			if _, err := uuid.Parse(args[0]); err != nil {
				return &shell.UsageError{Err: fmt.Errorf("%s: %q is not the id of an order", cmd.CommandPath(), args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.explain(ctx, c, args[0], output.JSON())
			})
		},
	}
	output = shell.OutputFlag(cmd, "the answers of GET /v1/aggregates/{id}/explain, one for each 1,000 events")
	shell.OldJSONFlag(cmd, output)
	return shell.OnlyReads.Declare(cmd)
}

func (sh tools) explain(ctx context.Context, c *client.Client, order string, asJSON bool) error {
	begun := false
	return c.Parts(ctx, "/v1/orders/"+order+"/explain", 0, func(part json.RawMessage) error {
		if asJSON {
			var indented bytes.Buffer
			if err := json.Indent(&indented, bytes.TrimSpace(part), "", "  "); err != nil {
				return err
			}
			_, err := fmt.Fprintln(sh.Out, indented.String())
			return err
		}
		var told explanation
		if err := json.Unmarshal(part, &told); err != nil {
			return err
		}
		defer func() { begun = true }()
		return printExplanation(sh.Out, told, !begun)
	})
}

// The widths of a line, which has at most 100 columns.
const (
	nameWidth = 20
	timeWidth = 8
	barWidth  = 20
)

// printExplanation prints a part of an explanation. The first part has a title.
func printExplanation(out io.Writer, told explanation, title bool) error {
	var b strings.Builder
	if title {
		fmt.Fprintf(&b, "%s\n", told.Named)
	}
	for _, e := range told.Events {
		fmt.Fprintf(&b, "\n%d  %s  committed %s\n",
			e.SequenceNumber, e.EventType, e.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"))
		fmt.Fprintf(&b, "   command %s\n", e.CommandID)
		if e.TraceID != "" {
			fmt.Fprintf(&b, "   trace   %s\n", e.TraceID)
		}
		scale := e.scale()
		ends := ""
		if scale > 0 {
			ends = "0" + padded(waterfallTime(scale), 1-barWidth)
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(waterfallLine("", "seen", "done", ends, ""), " "))
		for _, c := range e.Consumers {
			fmt.Fprintf(&b, "%s\n", strings.TrimRight(c.line(e.CreatedAt, scale), " "))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// scale returns the time that a full bar stands for. It is 0 when there is nothing to show.
func (e explainedEvent) scale() time.Duration {
	var longest time.Duration
	for _, c := range e.Consumers {
		longest = max(longest, c.SeenAt.Sub(e.CreatedAt), c.HandledAt.Sub(e.CreatedAt))
	}
	return longest
}

func (c explainedConsumer) line(committed time.Time, scale time.Duration) string {
	if c.SeenAt.IsZero() {
		return waterfallLine(c.Consumer, "", "", c.gap(), "")
	}
	seen, done, note := c.SeenAt.Sub(committed), "", c.where()
	filled := waterfallBar(seen, scale, '.')
	switch {
	case c.HandledAt.IsZero() && !c.Applied:
		done = "not yet"
		filled += ">"
	case c.HandledAt.IsZero():
		done = "yes"
	default:
		handled := c.HandledAt.Sub(committed)
		done = waterfallTime(handled)
		filled += strings.Repeat("#", max(1, len(waterfallBar(handled, scale, '#'))-len(filled)))
		if !c.Applied {
			done, note = "no", "failed"
		}
	}
	if c.Deliveries > 1 {
		note = strings.TrimSpace(fmt.Sprintf("%s x%d", note, c.Deliveries))
	}
	return waterfallLine(c.Consumer, waterfallTime(seen), done, filled[max(0, len(filled)-barWidth):], note)
}

// gap says why there are no times.
func (c explainedConsumer) gap() string {
	if c.Placement != nil { // this process has published it, so it came from the store
		return "applied from the store, " + c.where()
	}
	switch c.Unknown {
	case "before_start":
		return "applied; committed before this process started"
	case "forgotten":
		return "applied; no longer remembered"
	case "elsewhere":
		return "applied by another process, or from the event store"
	case "waiting":
		return "not applied yet"
	default:
		return c.Unknown
	}
}

func (c explainedConsumer) where() string {
	if c.Placement == nil {
		return ""
	}
	return fmt.Sprintf("partition %d offset %d", c.Placement.Partition, c.Placement.Offset)
}

func waterfallLine(name, seen, done, filled, note string) string {
	if len(name) > nameWidth {
		name = name[:nameWidth-1] + "~"
	}
	return "   " + padded(name, nameWidth) + " " + padded(seen, -timeWidth) + " " + padded(done, -timeWidth) + "  " +
		padded(filled, barWidth) + " " + note
}

// waterfallBar draws d on a scale.
func waterfallBar(d, scale time.Duration, with rune) string {
	if d <= 0 || scale <= 0 {
		return ""
	}
	return strings.Repeat(string(with), int(min(1, float64(d)/float64(scale))*barWidth))
}

// waterfallTime renders d with about three digits.
func waterfallTime(d time.Duration) string {
	switch {
	case d >= time.Hour || d <= -time.Hour:
		return fmt.Sprintf("%.1fh", d.Hours())
	case d >= time.Minute || d <= -time.Minute:
		return fmt.Sprintf("%.1fm", d.Minutes())
	case d >= time.Second || d <= -time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	default:
		return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
	}
}

// padded fills text with spaces up to a width. A negative width fills on the left.
func padded(text string, width int) string {
	fill := strings.Repeat(" ", max(0, max(width, -width)-len(text)))
	if width < 0 {
		return fill + text
	}
	return text + fill
}
