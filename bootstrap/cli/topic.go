package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderflow/adapters/redpanda"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

func (sh tools) verifyTopicCommand() *cobra.Command {
	var from string
	var patience time.Duration
	var output *shell.Output
	cmd := &cobra.Command{
		Use:   "topic",
		Short: "Compare the topic, or the file that events go to, with the event store",
		Long: `Read the topic and compare it with the event store: every event must be there, in order within its order, in the
partition of its order, equal to the stored event, and there must be nothing else. Live traffic may go on: an event counts
as missing only if no missing event arrives for as long as --patience. Repeated messages are counted. Delivery is at least
once, so they are no violation.

Without brokers, the file of the publisher is compared in the same way; its offsets are bytes.

The service does the work, so it must know the topic. If none runs, the topic is the one that the data directory was last
served with, unless --brokers and --topic name another one.

With --from=begin an event that the topic no longer holds is missing. With an offset, reading starts at that offset in each
partition, and an order is compared from its first event after it.

Exit status: 0 when nothing is wrong, 3 when there are violations.`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := strconv.ParseUint(from, 10, 63); from != "begin" && err != nil {
				return shell.Bad("from", "%q is neither begin nor an offset", from)
			}
			if err := checkPatience(patience); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.ReadsTopic, func(ctx context.Context, c *client.Client) error {
				return sh.verifyTopic(ctx, c, from, patience, output)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "begin", "offset in each partition to begin with, or begin")
	cmd.Flags().DurationVar(&patience, "patience", 10*time.Second, "how long what is missing may take to come")
	shell.Values(cmd, "from", "begin")
	output = shell.OutputFlag(cmd, "the report of POST /v1/verify/topic")
	return shell.ReadsTopic.Declare(cmd)
}

func (sh tools) asyncAPICommand() *cobra.Command {
	return shell.NeedsNothing.Declare(&cobra.Command{
		Use:   "asyncapi",
		Short: "Print the description of the topic (AsyncAPI 3, YAML), for the services that consume it",
		Args:  shell.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := sh.Out.Write(redpanda.AsyncAPI())
			return err
		},
	})
}

// topicReport is the result in the answer of POST /v1/verify/topic.
type topicReport struct {
	Orders     uint64 `json:"orders"`
	Unjudged   uint64 `json:"unjudged"`
	Messages   uint64 `json:"messages"`
	Expired    uint64 `json:"expired"`
	Doubled    uint64 `json:"doubled"`
	Missing    uint64 `json:"missing"`
	OutOfOrder uint64 `json:"out_of_order"`
	Unknown    uint64 `json:"unknown"`
	Scattered  uint64 `json:"scattered"`
	Shown      []struct {
		Kind string `json:"kind"`
		client.Named
		SequenceNumber uint64 `json:"sequence_number"`
		Detail         string `json:"detail"`
	} `json:"shown"`
}

func (r *topicReport) violations() uint64 { return r.Missing + r.OutOfOrder + r.Unknown + r.Scattered }

func (sh tools) verifyTopic(
	ctx context.Context, c *client.Client, from string, patience time.Duration, output *shell.Output,
) error {
	meter := sh.Progress("reading the topic", "messages")
	defer meter.Stop()
	report, err := readVerification(ctx, c, from, patience, meter.Set)
	meter.Stop()
	var refusal *client.Problem
	switch {
	case errors.As(err, &refusal) && refusal.Code == "route_not_found":
		return errors.New("the service knows no topic, and no file that events go to: start it with --brokers, or with --sink=file:PATH")
	case errors.As(err, &refusal) && refusal.Code == "not_found":
		return errors.New("there is no such topic or file yet: the publisher creates it, under the name in --topic or --sink")
	case errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable:
		return errors.New("the brokers cannot be reached; the log of the service tells more")
	case err != nil:
		return err
	}
	if output.JSON() {
		if err := sh.PrintJSON(report); err != nil {
			return err
		}
	} else {
		report.Known.print(sh.Out)
	}
	if n := report.Known.violations(); n > 0 {
		return &shell.BadAnswer{Text: fmt.Sprintf("%d violations", n)}
	}
	return nil
}

// readVerification reads the answer line by line. The last line is the result.
func readVerification(
	ctx context.Context, c *client.Client, from string, patience time.Duration, progress func(read, total uint64),
) (*client.Document[topicReport], error) {
	query := url.Values{"from": {from}, "patience": {patience.String()}}
	answer, err := c.Stream(ctx, client.Request{Method: http.MethodPost, Path: "/v1/verify/topic?" + query.Encode()})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	for lines := json.NewDecoder(answer); ; {
		var line struct {
			Progress *struct{ Read, Total uint64 }
			Report   *client.Document[topicReport]
			Problem  *client.Problem
		}
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("the answer ends without a result: has the service been stopped?")
		case err != nil:
			return nil, fmt.Errorf("answer of /v1/verify/topic: %w", err)
		case line.Problem != nil:
			return nil, line.Problem
		case line.Report != nil:
			return line.Report, nil
		case line.Progress != nil:
			progress(line.Progress.Read, line.Progress.Total)
		}
	}
}

func (r *topicReport) print(out io.Writer) {
	fmt.Fprintf(out, "%d orders, %d messages, %d doubled\n", r.Orders, r.Messages, r.Doubled)
	if r.Expired > 0 {
		fmt.Fprintf(out, "the topic no longer holds %d messages before those\n", r.Expired)
	}
	if r.Unjudged > 0 {
		fmt.Fprintf(out, "%d orders have nothing behind that offset and were not compared\n", r.Unjudged)
	}
	fmt.Fprintf(out, "%d missing, %d out of order, %d unknown, %d scattered\n",
		r.Missing, r.OutOfOrder, r.Unknown, r.Scattered)
	if r.violations() == 0 {
		fmt.Fprintln(out, "the topic holds every event, in order within each order")
		return
	}
	for _, f := range r.Shown {
		event := ""
		if f.SequenceNumber > 0 {
			event = fmt.Sprintf("event %d of %s: ", f.SequenceNumber, f.Named)
		}
		fmt.Fprintf(out, "%s: %s%s\n", f.Kind, event, f.Detail)
	}
	if more := r.violations() - uint64(len(r.Shown)); more > 0 {
		fmt.Fprintf(out, "and %d more violations, of which some share a line\n", more)
	}
}
