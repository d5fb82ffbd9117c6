package operate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// erasure is an answer of /v1/customers/{id}/erasure.
type erasure struct {
	Subject     string    `json:"subject"`
	State       string    `json:"state"`
	RequestedAt time.Time `json:"requested_at"`
	EndedAt     time.Time `json:"ended_at"`
	Aggregates  int64     `json:"aggregates"`
	Rewritten   int64     `json:"rewritten"`
	PlainEvents int64     `json:"plain_events"`
	Waits       string    `json:"waits"`
}

type forgetOptions struct {
	reason, reference     string
	force, status, noWait bool
	output                *shell.Output
}

func (o forgetOptions) check() error {
	switch {
	case o.status && (o.force || o.noWait || o.reason+o.reference != ""):
		return shell.Bad("status", "it changes nothing, so it needs no other flag")
	case !o.status && o.reason == "":
		return shell.Bad("reason", "it is missing: say why the data is erased. It is kept for ever, so do not name the customer")
	default:
		return nil
	}
}

func (sh tools) forgetCommand() *cobra.Command {
	var options forgetOptions
	cmd := &cobra.Command{
		Use:   "forget CUSTOMER",
		Short: "Erase the personal data of a customer",
		Long: `Destroy the key with which the personal data of a customer is sealed: payment references, tracking numbers, carriers and
reasons of all orders cannot be read any more, here and in every copy of the events. It cannot be undone. The orders stay,
with their articles and amounts. Then the read models and snapshots of the orders are written again; the command waits for
that. An erasure goes on after a restart of the service, and without this command: an interrupt ends only the waiting.

CUSTOMER is the id that clients give, also when the store has a hash of it (--customer-ids=hashed).

It needs a service with --personal-key. The reason and the reference are kept for ever and published: do not name the
customer in them.

Exit status: 3 when events from before personal data was sealed still have it, or while the erasure has not ended.`,
		Example: `  orderflow forget ann --reason "the customer has asked for it" --reference "ticket 4711"
  orderflow forget ann --status`,
		Args: needs("CUSTOMER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.check(); err != nil {
				return err
			}
			return sh.WithService(func(ctx context.Context, c *client.Client, args []string) error {
				return sh.forget(ctx, c, args[0], options)
			})(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.reason, "reason", "", "why, without the name of the customer")
	flags.StringVar(&options.reference, "reference", "", "what the request refers to, such as the number of a ticket")
	flags.BoolVar(&options.force, "force", false, "erase although orders are not finished; they cannot be shipped or cancelled then")
	flags.BoolVar(&options.status, "status", false, "only say how far the erasure is")
	flags.BoolVar(&options.noWait, "no-wait", false, "return when the key is destroyed")
	options.output = shell.OutputFlag(cmd, "the erasure, as GET /v1/customers/{id}/erasure has it")
	return shell.Works.Declare(cmd)
}

func (sh tools) forget(ctx context.Context, c *client.Client, customer string, options forgetOptions) error {
	path := "/v1/customers/" + url.PathEscape(customer) + "/eras"
	get := client.Request{Method: http.MethodGet, Path: path + "ure", Patient: true}
	var document client.Document[erasure]
	var err error
	if options.status {
		err = c.Do(ctx, get, &document)
	} else {
		body := map[string]any{"reason": options.reason, "reference": options.reference, "force": options.force}
		err = c.Do(ctx, client.Request{Method: http.MethodPost, Path: path + "e", Body: body, Slow: true}, &document)
	}
	if refusal := (*client.Problem)(nil); errors.As(err, &refusal) && refusal.Code == "route_not_found" {
		return errors.New("this service seals no personal data, so it cannot erase any: serve it with --personal-key")
	}
	if err == nil && !options.status && !options.noWait {
		err = sh.awaitErasure(ctx, c, get, &document)
	}
	if ctx.Err() != nil {
		return &shell.Interruption{
			Means: "an erasure that was requested goes on, in the running service or in the next one", Err: context.Cause(ctx),
		}
	}
	if err != nil {
		return err
	}
	return sh.forgotten(customer, document, options.output)
}

// awaitErasure waits until the erasure has ended, and says what it waits for.
func (sh tools) awaitErasure(ctx context.Context, c *client.Client, get client.Request, document *client.Document[erasure]) error {
	shown := ""
	for pause := 20 * time.Millisecond; document.Known.State == "requested"; pause = min(2*pause, time.Second) {
		if waits := document.Known.Waits; waits != shown {
			shown = waits
			fmt.Fprintln(sh.Err, "it waits:", client.OneLine(waits))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		var next client.Document[erasure]
		if err := c.Do(ctx, get, &next); err != nil {
			return err
		}
		*document = next
	}
	return nil
}

// forgotten reports how far an erasure is.
func (sh tools) forgotten(customer string, document client.Document[erasure], output *shell.Output) error {
	e := document.Known
	if output.JSON() {
		if err := sh.PrintJSON(document); err != nil {
			return err
		}
	} else if e.State == "done" {
		fmt.Fprintf(sh.Out, "the personal data of %s is erased since %s: %d orders, %d views and snapshots of them were written again\n",
			customer, e.EndedAt.UTC().Format(time.RFC3339), e.Aggregates, e.Rewritten)
	}
	switch e.State {
	case "done":
		return nil
	case "partial":
		return &shell.BadAnswer{Text: fmt.Sprintf(
			"the personal data of %s is erased, except for %d events of %d orders from before personal data was sealed, which still have it",
			customer, e.PlainEvents, e.Aggregates)}
	default:
		text := "the key of " + customer + " is destroyed, and read models and snapshots are not written again everywhere yet"
		if e.Waits != "" {
			text += ": " + client.OneLine(e.Waits)
		}
		return &shell.BadAnswer{Text: text}
	}
}
