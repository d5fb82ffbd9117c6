package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"
)

// consumerStatus is one consumer in the answer of GET /v1/consumers.
type consumerStatus struct {
	Name       string `json:"name"`
	Generation int    `json:"generation"`
	State      string `json:"state"`
	Lag        struct {
		Events     uint64  `json:"events"`
		AgeSeconds float64 `json:"age_seconds"`
		Known      bool    `json:"known"`
	} `json:"lag"`
	Handled    uint64 `json:"handled"`
	Duplicates uint64 `json:"duplicates"`
	Healed     uint64 `json:"healed"`
	Retries    uint64 `json:"retries"`
	Failure    *struct {
		OrderID        string    `json:"order_id"`
		SequenceNumber uint64    `json:"sequence_number"`
		Error          string    `json:"error"`
		Attempts       int       `json:"attempts"`
		Since          time.Time `json:"since"`
	} `json:"failure"`
}

func (c *client) consumers(ctx context.Context) ([]consumerStatus, error) {
	var answer struct {
		Consumers []consumerStatus `json:"consumers"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/v1/consumers"}, &answer)
	return answer.Consumers, err
}

// settle waits until every consumer runs without lag, and returns the statuses of then. When one is failing, or ctx ends, it
// returns the newest statuses that it saw.
func (c *client) settle(ctx context.Context) ([]consumerStatus, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		statuses, err := c.consumers(ctx)
		if err != nil {
			return nil, err
		}
		settled := true
		for _, s := range statuses {
			settled = settled && (s.State == "failing" || s.State == "running" && s.Lag.Known && s.Lag.Events == 0)
		}
		if settled {
			return statuses, nil
		}
		select {
		case <-ctx.Done():
			return statuses, nil
		case <-time.After(pause):
		}
	}
}

func printConsumers(out io.Writer, statuses []consumerStatus) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONSUMER\tSTATE\tLAG (EVENTS)\tLAG (AGE)\tHANDLED\tDUPLICATES\tHEALED\tRETRIES\tGENERATION")
	for _, s := range statuses {
		events, age := "unknown", "unknown"
		if s.Lag.Known {
			events = fmt.Sprint(s.Lag.Events)
			age = time.Duration(s.Lag.AgeSeconds * float64(time.Second)).Round(time.Millisecond).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n",
			s.Name, s.State, events, age, s.Handled, s.Duplicates, s.Healed, s.Retries, s.Generation)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range statuses {
		if f := s.Failure; f != nil {
			where := "its loop"
			if f.SequenceNumber > 0 {
				where = fmt.Sprintf("event %d of order %s", f.SequenceNumber, f.OrderID)
			}
			fmt.Fprintf(out, "\n%s: stuck on %s since %s, %d attempts: %s\n", s.Name, where, f.Since.Format(time.RFC3339), f.Attempts, f.Error)
		}
	}
	return nil
}
