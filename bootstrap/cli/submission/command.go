package submission

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/strictjson"
)

// Command is a command for an order.
type Command struct {
	// ID makes the command idempotent.
	ID string
	// Name is one of [Names].
	Name string
	// OrderID is the id of the order. It is the nil id for a creation, whose body may name the id.
	OrderID uuid.UUID
	// Body holds the other fields of the line, as they are written there.
	Body map[string]json.RawMessage

	// lane identifies the order before there is an answer. Commands with the same lane are sent one
	// after the other.
	lane string
}

// creation is the name of the command that creates an order.
const creation = "create_order"

// Names returns the names of all commands.
func Names() []string {
	return []string{creation, "update_items", "confirm_order", "ship_order", "deliver_order", "cancel_order"}
}

// malformedError says why a line is not a command.
type malformedError struct{ reason string }

func (e *malformedError) Error() string { return "malformed: " + e.reason }

func malformed(format string, args ...any) error {
	return &malformedError{fmt.Sprintf(format, args...)}
}

// parse reads a line of a run.
func parse(l line, run string) (Command, error) {
	c := Command{lane: fmt.Sprint("line ", l.number), Body: map[string]json.RawMessage{}}
	if l.tooLong() {
		return c, malformed("the line has %d bytes, and %d are the most", l.size, MaxLine)
	}
	var orderID string
	var given, named bool
	r := strictjson.New(l.text)
	r.Members(func(name string) {
		switch name {
		case "command":
			c.Name = r.Text()
			named = true
		case "command_id":
			c.ID = r.Text()
			given = true
		case "order_id":
			raw := bytes.Clone(r.Value())
			c.Body[name] = raw
			_ = json.Unmarshal(raw, &orderID) // a value that is not a string names no order
		default:
			c.Body[name] = bytes.Clone(r.Value())
		}
	})
	if id, err := uuid.Parse(orderID); err == nil {
		c.OrderID, c.lane = id, id.String() // different spellings of one id are the same order
	}
	if faults := r.End(); len(faults) > 0 {
		var texts []string
		for _, fault := range faults {
			texts = append(texts, strings.TrimPrefix(fault.Field+": "+fault.Message, ": "))
		}
		return c, malformed("%s", strings.Join(texts, "; "))
	}
	switch {
	case !named:
		return c, malformed("command: is required; the names are %s", strings.Join(Names(), ", "))
	case !slices.Contains(Names(), c.Name):
		return c, malformed("command: unknown name %q; the names are %s", c.Name, strings.Join(Names(), ", "))
	case c.Name == creation:
		c.OrderID = uuid.Nil // the API checks the body
	case c.OrderID == uuid.Nil:
		return c, malformed("order_id: %q is not a UUID", orderID)
	default:
		delete(c.Body, "order_id")
	}
	if !given {
		c.ID = derivedID(l, run)
	} else if !visible(c.ID) {
		return c, malformed("command_id: must have 1 to 255 visible ASCII characters")
	}
	return c, nil
}

// visible reports whether a text can be the id of a command, see the header Idempotency-Key of the
// API.
func visible(id string) bool {
	return id != "" && len(id) <= 255 && !strings.ContainsFunc(id, func(c rune) bool { return c < '!' || c > '~' })
}

// commandNamespace is the UUID namespace of command ids that are derived from an input.
var commandNamespace = uuid.MustParse("5bd0a1b4-6d0e-4f0c-9d3e-0f6a5d5a7c11")

// derivedID returns the id of the command in a line. It never changes: the same line at the same
// place of the same run is the same command.
func derivedID(l line, run string) string {
	return uuid.NewSHA1(commandNamespace, fmt.Appendf(nil, "%s\x00%d\x00%s", run, l.number, l.text)).String()
}
