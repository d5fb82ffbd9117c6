package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// tailOptions are the flags of tail.
type tailOptions struct {
	order, from           string
	types                 []string
	status, customer, sku string
	output                *shell.Output
	filters               map[string]*string
	seen                  *recent
	up                    bool // the stream is caught up
	connectionLost        bool
}

func (sh tools) tailCommand() *cobra.Command {
	var o tailOptions
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow events as they are committed",
		Long: `Print the events of one order, or of all orders, as they are committed. When the connection is lost, tail connects again
and continues after the last event. Ctrl-C ends it, with status 0.

The events of all orders start now, or with --from=earliest as far back as the change feed goes. Those of one order start
with its history. A filter shows the events after which the order is in that list: --status=SHIPPED shows shipments.`,
		Example: `  orderflow tail                                  # everything from now on
  orderflow tail --type order.cancelled           # one type of events
  orderflow tail --order ID --from 3              # what comes after event 3
  orderflow tail -o json | jq .data               # one CloudEvent a line`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.tail(ctx, c, &o)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.order, "order", "", "only the events of this order")
	flags.StringSliceVar(&o.types, "type", nil, "only events of these types, with commas between them")
	flags.StringVar(&o.status, "status", "", "only events after which the order is in this status")
	flags.StringVar(&o.customer, "customer", "", "only events of the orders of this customer")
	flags.StringVar(&o.sku, "sku", "", "only events after which the order has this article")
	flags.StringVar(&o.from, "from", "", "now, earliest, or the id of an event to continue after; of an order that is a sequence number")
	shell.Values(cmd, "status", "ACTIVE", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED")
	shell.Values(cmd, "from", "now", "earliest")
	o.output = shell.OutputFlag(cmd, "each event as a CloudEvent, one a line")
	shell.OldJSONFlag(cmd, o.output)
	return shell.OnlyReads.Declare(cmd)
}

// check refuses flags that do not go together.
func (o *tailOptions) check() error {
	o.filters = map[string]*string{"status": &o.status, "customer": &o.customer, "sku": &o.sku}
	if o.order == "" {
		return nil
	}
	if id, err := uuid.Parse(o.order); err != nil || id == uuid.Nil {
		return shell.Bad("order", "%q is not the id of an order", o.order)
	}
	for name, value := range o.filters {
		if *value != "" {
			return shell.Bad(name, "it has no effect with --order: the stream of one order has no filters")
		}
	}
	if len(o.types) > 0 {
		return shell.Bad("type", "it has no effect with --order: the stream of one order has no filters")
	}
	if _, err := strconv.ParseUint(o.from, 10, 63); err != nil && o.from != "" && o.from != "now" && o.from != "earliest" {
		return shell.Bad("from", "%q is neither now, earliest nor a sequence number", o.from)
	}
	return nil
}

// tail prints events until ctx ends. That is its normal end.
func (sh tools) tail(ctx context.Context, c *client.Client, o *tailOptions) error {
	f := &client.Follower{Client: c, Path: "/v1/stream", Query: url.Values{}}
	o.seen = newRecent(mostRecent)
	f.Lost = func(err error, pause time.Duration) {
		if !o.connectionLost {
			fmt.Fprintf(sh.Err, "%v: connecting again\n", err)
		}
		o.connectionLost = true
	}
	switch {
	case o.order != "":
		f.Path = "/v1/orders/" + url.PathEscape(o.order) + "/stream"
		after, err := o.afterOfOrder(ctx, c)
		if err != nil {
			return err
		}
		f.After = after
	case o.from == "now", o.from == "earliest":
		f.Query.Set("from", o.from)
	default:
		f.After = o.from
	}
	for name, value := range o.filters {
		if *value != "" {
			f.Query.Set(name, *value)
		}
	}
	if len(o.types) > 0 {
		f.Query.Set("type", strings.Join(o.types, ","))
	}
	return f.Run(ctx, func(frame client.Frame) error { return sh.tailFrame(o, frame) })
}

// afterOfOrder returns the sequence number after which the stream of an order starts.
func (o *tailOptions) afterOfOrder(ctx context.Context, c *client.Client) (string, error) {
	switch o.from {
	case "now":
		events := 0
		err := c.Parts(ctx, "/v1/orders/"+url.PathEscape(o.order)+"/events", 0, func(part json.RawMessage) error {
			var history struct {
				Events []struct{} `json:"events"`
			}
			err := json.Unmarshal(part, &history)
			events += len(history.Events)
			return err
		})
		return strconv.Itoa(events), err
	case "earliest":
		return "", nil
	default:
		return o.from, nil
	}
}

// tailFrame prints one frame.
func (sh tools) tailFrame(o *tailOptions, frame client.Frame) error {
	if o.connectionLost {
		o.connectionLost = false
		fmt.Fprintln(sh.Err, "connected")
	}
	switch frame.Event {
	case "event":
		return sh.tailEvent(o, frame.Data)
	case "caught-up":
		if !o.up && shell.IsTerminal(sh.Err) {
			fmt.Fprintln(sh.Err, "what comes now happens now; Ctrl-C ends it")
		}
		o.up = true
	case "reset":
		var reset struct {
			Reason         string `json:"reason"`
			Until          string `json:"until"`
			AggregateID    string `json:"aggregate_id"`
			SequenceNumber uint64 `json:"sequence_number"`
		}
		if err := json.Unmarshal(frame.Data, &reset); err != nil {
			return fmt.Errorf("reset: %w", err)
		}
		if reset.AggregateID != "" {
			fmt.Fprintf(sh.Err, "event %d of %s is missing here: it cannot be read\n", reset.SequenceNumber, reset.AggregateID)
			return nil
		}
		fmt.Fprintf(sh.Err, "events are missing here: the change feed does not go back that far (committed before %s)\n",
			reset.Until)
	}
	return nil
}

func (sh tools) tailEvent(o *tailOptions, data []byte) error {
	var e struct {
		Type     string          `json:"type"`
		Subject  string          `json:"subject"`
		Sequence string          `json:"sequence"`
		Time     time.Time       `json:"time"`
		Data     json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	sequence := strings.TrimLeft(e.Sequence, "0")
	if !o.seen.add(e.Subject + "/" + sequence) {
		return nil // it came before the connection was lost
	}
	var err error
	if o.output.JSON() {
		_, err = fmt.Fprintf(sh.Out, "%s\n", data)
	} else {
		_, err = fmt.Fprintf(sh.Out, "%s  %s  %4s  %-19s %s\n",
			e.Time.Local().Format("15:04:05.000"), e.Subject, sequence, e.Type, e.Data)
	}
	return err
}

// mostRecent is how many events are remembered, so that none is printed twice.
const mostRecent = 10_000

// recent remembers the newest keys.
type recent struct {
	keys  map[string]bool
	order []string
	next  int
}

func newRecent(most int) *recent {
	return &recent{keys: map[string]bool{}, order: make([]string, most)}
}

// add reports whether a key is new, and remembers it.
func (r *recent) add(key string) bool {
	if r.keys[key] {
		return false
	}
	delete(r.keys, r.order[r.next])
	r.order[r.next], r.keys[key] = key, true
	r.next = (r.next + 1) % len(r.order)
	return true
}
