package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Named is the aggregate that an answer is about. An earlier version of the service returns only
// the id of an order.
type Named struct {
	AggregateID   string `json:"aggregate_id"`
	AggregateType string `json:"aggregate_type"`
	OrderID       string `json:"order_id"`
}

// ID returns the id of the aggregate. It is empty when the answer is about none.
func (n Named) ID() string { return cmp.Or(n.AggregateID, n.OrderID) }

// String returns a text such as "order 0195f3a0-…".
func (n Named) String() string { return cmp.Or(n.AggregateType, "order") + " " + n.ID() }

// Status is one consumer in the answer of GET /v1/consumers.
type Status struct {
	Name     string      `json:"name"`
	State    string      `json:"state"`
	Live     Generation  `json:"live"`
	Previous *Generation `json:"previous"`
	Lag      struct {
		Events          uint64   `json:"events"`
		AgeSeconds      float64  `json:"age_seconds"`
		Known           bool     `json:"known"`
		HeadroomSeconds *float64 `json:"headroom_seconds"`
		// Error says why the lag is not known, if something is wrong.
		Error string `json:"error"`
	} `json:"lag"`
	Parked       int            `json:"parked"`
	Waiting      int            `json:"waiting"`
	OldestParked time.Time      `json:"oldest_parked"`
	Rebuild      *RebuildStatus `json:"rebuild"`
	Holder       *struct {
		Address string `json:"address"`
	} `json:"holder"`
	Handled    uint64 `json:"handled"`
	Duplicates uint64 `json:"duplicates"`
	Foreign    uint64 `json:"foreign"`
	Failure    *struct {
		Named
		SequenceNumber uint64    `json:"sequence_number"`
		Kind           string    `json:"kind"`
		Error          string    `json:"error"`
		Attempts       int       `json:"attempts"`
		Since          time.Time `json:"since"`
	} `json:"failure"`
}

// Generation is a filling of a view.
type Generation struct {
	Number  int `json:"number"`
	Version int `json:"version"`
}

// RebuildStatus is the progress of a rebuild.
type RebuildStatus struct {
	Phase      string        `json:"phase"`
	Generation Generation    `json:"generation"`
	Done       uint64        `json:"done"`
	Total      uint64        `json:"total"`
	StartedAt  time.Time     `json:"started_at"`
	Report     *Verification `json:"report"`
	Error      string        `json:"error"`
}

// Verification is the report of a comparison.
type Verification struct {
	Orders      uint64 `json:"orders"`
	Events      uint64 `json:"events"`
	Rows        uint64 `json:"rows"`
	Skipped     uint64 `json:"skipped"`
	Repaired    uint64 `json:"repaired"`
	Differences uint64 `json:"differences"`
	Shown       []struct {
		Named
		Consumer string `json:"consumer"`
		Detail   string `json:"detail"`
	} `json:"shown"`
}

// VerificationProgress says how far a verification is.
type VerificationProgress struct {
	Running   bool    `json:"running"`
	Phase     string  `json:"phase"`
	Done      uint64  `json:"done"`
	Total     uint64  `json:"total"`
	PerSecond float64 `json:"per_second"`
}

// Consumers returns the status of each consumer.
func (c *Client) Consumers(ctx context.Context) ([]Status, error) {
	documents, err := c.ConsumerDocuments(ctx)
	return KnownOf(documents), err
}

// ConsumerDocuments returns the status of each consumer as the service has sent it.
func (c *Client) ConsumerDocuments(ctx context.Context) ([]Document[Status], error) {
	var answer struct {
		Consumers []Document[Status] `json:"consumers"`
	}
	err := c.Do(ctx, Request{Method: http.MethodGet, Path: "/v1/consumers"}, &answer)
	return answer.Consumers, err
}

// Consumer returns the status of one consumer. Its error names the existing ones.
func (c *Client) Consumer(ctx context.Context, name string) (Status, error) {
	document, err := c.ConsumerDocument(ctx, name)
	return document.Known, err
}

// ConsumerDocument is Consumer with the status as the service has sent it.
func (c *Client) ConsumerDocument(ctx context.Context, name string) (found Document[Status], err error) {
	documents, err := c.ConsumerDocuments(ctx)
	if err != nil {
		return found, err
	}
	for _, d := range documents {
		if d.Known.Name == name {
			found = d
		}
	}
	_, err = Find(KnownOf(documents), name)
	return found, err
}

// Find returns the status of one consumer. Its error names the existing ones.
func Find(statuses []Status, name string) (Status, error) {
	var names []string
	for _, s := range statuses {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Status{}, &NoSuchError{
		Text: fmt.Sprintf("there is no consumer %s; there are: %s", name, strings.Join(names, ", ")),
	}
}

// ErrNoSuch is the error for an unknown name.
var ErrNoSuch = errors.New("there is no such thing")

// NoSuchError is ErrNoSuch with the names that exist.
type NoSuchError struct{ Text string }

func (e *NoSuchError) Error() string        { return e.Text }
func (e *NoSuchError) Is(target error) bool { return target == ErrNoSuch }

// ConsumerPath returns the prefix of the paths of a consumer.
func ConsumerPath(name string) string { return "/v1/consumers/" + url.PathEscape(name) }

// After reports whether the status belongs to another rebuild or another phase than an earlier
// status. A requested rebuild starts a little later, and until then the status is that of the
// previous one.
func (s *RebuildStatus) After(before *RebuildStatus) bool {
	return s != nil && (before == nil || !s.StartedAt.Equal(before.StartedAt) || s.Phase != before.Phase)
}

// errorWidth bounds an error in a table. 'parked show' prints all of it.
const errorWidth = 60

// OneLine shortens a text to one line that fits into a table.
func OneLine(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= errorWidth {
		return string(runes)
	}
	return string(runes[:errorWidth-1]) + "…"
}
