package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
)

// consumerStatus is one consumer in the answer of GET /v1/consumers.
type consumerStatus struct {
	Name     string      `json:"name"`
	State    string      `json:"state"`
	Live     generation  `json:"live"`
	Previous *generation `json:"previous"`
	Lag      struct {
		Events          uint64   `json:"events"`
		AgeSeconds      float64  `json:"age_seconds"`
		Known           bool     `json:"known"`
		HeadroomSeconds *float64 `json:"headroom_seconds"`
	} `json:"lag"`
	Parked       int            `json:"parked"`
	OldestParked time.Time      `json:"oldest_parked"`
	Rebuild      *rebuildStatus `json:"rebuild"`
	Holder       *struct {
		Address string `json:"address"`
	} `json:"holder"`
	Handled    uint64 `json:"handled"`
	Duplicates uint64 `json:"duplicates"`
	Failure    *struct {
		OrderID        string    `json:"order_id"`
		SequenceNumber uint64    `json:"sequence_number"`
		Kind           string    `json:"kind"`
		Error          string    `json:"error"`
		Attempts       int       `json:"attempts"`
		Since          time.Time `json:"since"`
	} `json:"failure"`
}

type generation struct {
	Number  int `json:"number"`
	Version int `json:"version"`
}

type rebuildStatus struct {
	Phase      string        `json:"phase"`
	Generation generation    `json:"generation"`
	Done       uint64        `json:"done"`
	Total      uint64        `json:"total"`
	StartedAt  time.Time     `json:"started_at"`
	Report     *verification `json:"report"`
	Error      string        `json:"error"`
}

// verification is the report of a comparison.
type verification struct {
	Orders      uint64 `json:"orders"`
	Events      uint64 `json:"events"`
	Rows        uint64 `json:"rows"`
	Skipped     uint64 `json:"skipped"`
	Repaired    uint64 `json:"repaired"`
	Differences uint64 `json:"differences"`
	Shown       []struct {
		OrderID  uuid.UUID `json:"order_id"`
		Consumer string    `json:"consumer"`
		Detail   string    `json:"detail"`
	} `json:"shown"`
}

func (v *verification) printDifferences(out io.Writer) {
	for _, d := range v.Shown {
		about := ""
		if d.OrderID != uuid.Nil {
			about = "order " + d.OrderID.String() + ": "
		}
		if d.Consumer != "" {
			about += d.Consumer + ": "
		}
		fmt.Fprintln(out, about+d.Detail)
	}
	if more := v.Differences - uint64(len(v.Shown)); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}

func (c *client) consumers(ctx context.Context) ([]consumerStatus, error) {
	var answer struct {
		Consumers []consumerStatus `json:"consumers"`
	}
	err := c.do(ctx, request{method: http.MethodGet, path: "/v1/consumers"}, &answer)
	return answer.Consumers, err
}

// consumer returns the status of one. Its error names those that there are.
func (c *client) consumer(ctx context.Context, name string) (consumerStatus, error) {
	statuses, err := c.consumers(ctx)
	if err != nil {
		return consumerStatus{}, err
	}
	return find(statuses, name)
}

// find returns the status of one. Its error names those that there are.
func find(statuses []consumerStatus, name string) (consumerStatus, error) {
	var names []string
	for _, s := range statuses {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return consumerStatus{}, &noSuchError{fmt.Sprintf("there is no consumer %s; there are: %s", name, strings.Join(names, ", "))}
}

// errNoSuch is the error of a name that nothing has.
var errNoSuch = errors.New("there is no such thing")

// noSuchError is errNoSuch with the names that there are.
type noSuchError struct{ text string }

func (e *noSuchError) Error() string        { return e.text }
func (e *noSuchError) Is(target error) bool { return target == errNoSuch }

// consumerPath is what the paths of a consumer begin with.
func consumerPath(name string) string { return "/v1/consumers/" + url.PathEscape(name) }

func printConsumers(out io.Writer, statuses []consumerStatus, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONSUMER\tSTATE\tLAG (EVENTS)\tLAG (AGE)\tHEADROOM\tPARKED\tGENERATION\tPROCESS")
	for _, s := range statuses {
		events, age, headroom := "unknown", "unknown", "unknown"
		if s.Lag.Known {
			events = fmt.Sprint(s.Lag.Events)
			age = time.Duration(s.Lag.AgeSeconds * float64(time.Second)).Round(time.Millisecond).String()
		}
		if s.Lag.HeadroomSeconds != nil {
			headroom = time.Duration(*s.Lag.HeadroomSeconds * float64(time.Second)).Round(time.Second).String()
		}
		state, parked := s.State, "0"
		if state == "parked" {
			state = fmt.Sprintf("parked(%d)", s.Parked)
		}
		if s.Parked > 0 {
			parked = fmt.Sprintf("%d, for %s", s.Parked, now.Sub(s.OldestParked).Round(time.Second))
		}
		process := "here"
		if s.Holder != nil {
			process = s.Holder.Address
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d (v%d)\t%s\n", s.Name, state, events, age, headroom, parked, s.Live.Number, s.Live.Version, process)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range statuses {
		s.printFailure(out)
		s.printRebuild(out)
	}
	return nil
}

func (s consumerStatus) printFailure(out io.Writer) {
	f := s.Failure
	if f == nil {
		return
	}
	where := "its loop"
	if f.SequenceNumber > 0 {
		where = fmt.Sprintf("event %d of order %s", f.SequenceNumber, f.OrderID)
	}
	kind := ""
	if f.Kind != "" {
		kind = " (" + f.Kind + ")"
	}
	fmt.Fprintf(out, "\n%s: stuck on %s since %s, %d attempts%s: %s\n", s.Name, where, f.Since.Format(time.RFC3339), f.Attempts, kind, f.Error)
}

func (s consumerStatus) printRebuild(out io.Writer) {
	r := s.Rebuild
	if r == nil {
		return
	}
	switch r.Phase {
	case "filling", "verifying":
		of := ""
		if r.Total > 0 {
			of = fmt.Sprintf(" of %d", r.Total)
		}
		fmt.Fprintf(out, "\n%s: %s generation %d: %d%s orders\n", s.Name, r.Phase, r.Generation.Number, r.Done, of)
	case "refused":
		fmt.Fprintf(out, "\n%s: generation %d is refused, generation %d stays live\n", s.Name, r.Generation.Number, s.Live.Number)
		if r.Report != nil {
			r.Report.printDifferences(out)
		}
	case "switched":
		if s.Previous != nil {
			fmt.Fprintf(out, "\n%s: generation %d is kept for a while, 'orderflow consumers rebuild %s --rollback' goes back to it\n", s.Name, s.Previous.Number, s.Name)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(out, "%s: does not get on: %s\n", s.Name, r.Error)
	}
}
