package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// maxLine bounds one line of the input. An order with 1,000 items fits many times.
const maxLine = 1 << 20

// submission sends the commands of one input, in order within each order and in parallel across orders.
type submission struct {
	client  *client
	journal *journal
	// run makes the derived command ids of this input different from those of another input with the same lines.
	run      string
	parallel int
	// answered is called for every line that is dealt with, from several goroutines; refusal is empty for an accepted one.
	answered func(number int, refusal string, repeated bool)
}

// line is one line of the input.
type line struct {
	number int
	text   []byte
}

// send reads input to its end. It stops at the first command that gets no answer, since what follows it must not overtake it.
func (s *submission) send(ctx context.Context, input io.Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	lanes := make([]chan line, s.parallel)
	for i := range lanes {
		lanes[i] = make(chan line, 16)
		group.Go(func() error {
			for {
				select {
				case l, ok := <-lanes[i]:
					if !ok {
						return nil
					}
					if err := s.submit(ctx, l); err != nil {
						return fmt.Errorf("line %d: %w", l.number, err)
					}
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	read := make(chan error, 1)
	go func() { // not waited for when ctx ends: nothing ends a read of a terminal or a pipe
		read <- readLines(input, func(l line) error {
			select {
			case lanes[l.lane(len(lanes))] <- l:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	group.Go(func() error {
		select {
		case err := <-read:
			for _, lane := range lanes {
				close(lane)
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return group.Wait()
}

func readLines(input io.Reader, each func(line) error) error {
	scanner := bufio.NewScanner(input)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	for scanner.Scan() {
		number++
		if len(scanner.Bytes()) == 0 {
			continue
		}
		if err := each(line{number: number, text: append([]byte(nil), scanner.Bytes()...)}); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return nil
}

// lane keeps the lines of one order together. A line without an order is an order of its own.
func (l line) lane(lanes int) int {
	var head struct {
		OrderID string `json:"order_id"`
	}
	h := fnv.New32a()
	if json.Unmarshal(l.text, &head) == nil && head.OrderID != "" {
		// Different spellings of one id belong together.
		if id, err := uuid.Parse(head.OrderID); err == nil {
			h.Write(id[:])
			return int(h.Sum32() % uint32(lanes))
		}
	}
	return l.number % lanes
}

// submit sends one line and returns an error when there is no answer.
func (s *submission) submit(ctx context.Context, l line) error {
	before, ok, err := s.journal.before(l.number, l.text)
	if err != nil {
		return err
	}
	if ok {
		s.answered(l.number, before.refusal, true)
		return nil
	}
	r, err := s.parse(l)
	if err == nil {
		err = s.client.do(ctx, r, nil)
	}
	refusal := ""
	var refused *problem
	var malformed *malformedLine
	switch {
	case errors.As(err, &refused) && refused.Status < 500:
		refusal = refused.Error()
	case errors.As(err, &malformed):
		refusal = malformed.Error()
	case err != nil:
		return err
	}
	if err := s.journal.record(l.number, l.text, refusal); err != nil {
		return err
	}
	s.answered(l.number, refusal, false)
	return nil
}

// malformedLine is a line that is no command.
type malformedLine struct{ reason string }

func (e *malformedLine) Error() string { return "malformed: " + e.reason }

// commandNamespace is where command ids that are derived from an input live.
var commandNamespace = uuid.MustParse("5bd0a1b4-6d0e-4f0c-9d3e-0f6a5d5a7c11")

// route maps the name of a command to its method and the end of its path.
func route(command string) (method, suffix string, ok bool) {
	switch command {
	case "create_order":
		return "POST", "", true
	case "update_items":
		return "PUT", "/items", true
	case "confirm_order":
		return "POST", "/confirm", true
	case "ship_order":
		return "POST", "/ship", true
	case "deliver_order":
		return "POST", "/deliver", true
	case "cancel_order":
		return "POST", "/cancel", true
	default:
		return "", "", false
	}
}

// parse turns a line into a request: the command's name chooses the route, and what is left of the object is the body.
func (s *submission) parse(l line) (request, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(l.text, &fields); err != nil {
		return request{}, &malformedLine{reason: err.Error()}
	}
	var command, orderID, commandID string
	for name, value := range map[string]*string{"command": &command, "order_id": &orderID, "command_id": &commandID} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, value); err != nil {
				return request{}, &malformedLine{reason: name + ": " + err.Error()}
			}
		}
	}
	delete(fields, "command")
	delete(fields, "command_id")

	method, suffix, ok := route(command)
	if !ok {
		return request{}, &malformedLine{reason: fmt.Sprintf("command: unknown name %q", command)}
	}
	r := request{method: method, path: "/v1/orders", key: s.commandID(l, commandID), body: fields}
	if command != "create_order" {
		id, err := uuid.Parse(orderID)
		if err != nil {
			return request{}, &malformedLine{reason: fmt.Sprintf("order_id: %q is not a UUID", orderID)}
		}
		delete(fields, "order_id")
		r.path += "/" + id.String() + suffix
	}
	return r, nil
}

// commandID is the one given, or one derived from the line and its place, so that the same input always gives the same ids.
func (s *submission) commandID(l line, given string) string {
	if given != "" {
		return given
	}
	return uuid.NewSHA1(commandNamespace, fmt.Appendf(nil, "%s\x00%d\x00%s", s.run, l.number, l.text)).String()
}
