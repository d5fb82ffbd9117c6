package order

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Code names a rule. Codes are part of the API and never change their meaning.
type Code string

// Codes of malformed commands: no order could accept them.
const (
	CodeInvalidOrderID    Code = "invalid_order_id"
	CodeInvalidCustomerID Code = "invalid_customer_id"
	CodeInvalidCurrency   Code = "invalid_currency"
	CodeInvalidItems      Code = "invalid_items"
	CodeInvalidSKU        Code = "invalid_sku"
	CodeDuplicateSKU      Code = "duplicate_sku"
	CodeInvalidQuantity   Code = "invalid_quantity"
	CodeInvalidUnitPrice  Code = "invalid_unit_price"
	CodeTotalTooLarge     Code = "total_too_large"
	CodeInvalidText       Code = "invalid_text"
	CodeUnknownCommand    Code = "unknown_command"
)

// Codes of commands that the state of the order refuses.
const (
	CodeOrderNotFound       Code = "order_not_found"
	CodeOrderExists         Code = "order_exists"
	CodeOrderNotActive      Code = "order_not_active"
	CodeOrderNotConfirmed   Code = "order_not_confirmed"
	CodeOrderNotShipped     Code = "order_not_shipped"
	CodeOrderNotCancellable Code = "order_not_cancellable"
)

// RuleError is the refusal of a command by a business rule.
type RuleError struct {
	Code        Code
	AggregateID uuid.UUID
	// Field is the path of the wrong field, such as "items[2].quantity". It is empty when the rule
	// is not about one field.
	Field string
	// Detail is a text for people.
	Detail string
	// Others are the other rules that a malformed command breaks, in the order of its fields. With
	// this one there are at most [MaxFaults]. They have no others themselves.
	Others []*RuleError
}

// MaxFaults is the highest number of reported faults of a command.
const MaxFaults = 20

func (e *RuleError) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Detail)
	if e.Field != "" {
		text = fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Detail)
	}
	if n := len(e.Others); n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

// Malformed reports whether no order in any state could accept the command.
func (e *RuleError) Malformed() bool {
	switch e.Code {
	case CodeOrderNotFound, CodeOrderExists, CodeOrderNotActive, CodeOrderNotConfirmed, CodeOrderNotShipped,
		CodeOrderNotCancellable:
		return false
	default:
		return true
	}
}

// Refusal implements [eventsourcing.Refused].
func (e *RuleError) Refusal() eventsourcing.Refusal {
	kind := eventsourcing.RefusedByState
	switch {
	case e.Code == CodeOrderNotFound:
		kind = eventsourcing.RefusedMissing
	case e.Malformed():
		kind = eventsourcing.RefusedMalformed
	}
	refusal := eventsourcing.Refusal{Code: string(e.Code), Kind: kind, Field: e.Field, Detail: e.Detail}
	for _, other := range e.Others {
		refusal.Others = append(refusal.Others, other.Refusal())
	}
	return refusal
}

func refused(code Code, c Command, o Order, detail string) error {
	return &RuleError{Code: code, AggregateID: c.AggregateID(), Detail: fmt.Sprintf("%s; this one is %s", detail, o.Status)}
}

// unknownCommand calls no method of c, which may be nil or a nil pointer.
func unknownCommand(c Command) *RuleError {
	return &RuleError{Code: CodeUnknownCommand, Detail: fmt.Sprintf("%T is no command of an order", c)}
}

// Check returns everything that makes c malformed as one *RuleError. It returns nil when some order
// could accept c. Decide calls it.
func Check(c Command) error {
	switch c.(type) {
	case CreateOrder, UpdateItems, ConfirmOrder, ShipOrder, DeliverOrder, CancelOrder:
	default:
		return unknownCommand(c)
	}
	faults := faults{aggregateID: c.AggregateID()}
	if faults.aggregateID == uuid.Nil {
		faults.add(CodeInvalidOrderID, "order_id", "must be a UUID other than the nil UUID")
	}
	faults.checkFields(c)
	if faults.found == nil {
		return nil
	}
	first := faults.found[0]
	first.Others = faults.found[1:]
	return first
}

// faults collects what is wrong with a command.
type faults struct {
	aggregateID uuid.UUID
	found       []*RuleError
}

func (f *faults) add(code Code, field, detail string) {
	if len(f.found) < MaxFaults {
		f.found = append(f.found, &RuleError{Code: code, AggregateID: f.aggregateID, Field: field, Detail: detail})
	}
}

func (f *faults) checkFields(c Command) {
	switch c := c.(type) {
	case CreateOrder:
		// A URL path cannot end in a segment of dots, because clients and servers interpret such
		// segments. So no path could name this customer.
		if !isWord(c.CustomerID, 64, "._-:@") || c.CustomerID == "." || c.CustomerID == ".." {
			f.add(CodeInvalidCustomerID, "customer_id",
				"must be 1 to 64 characters of A-Z a-z 0-9 . _ - : @, and neither . nor ..")
		}
		if !c.Currency.Valid() {
			f.add(CodeInvalidCurrency, "currency", "must be an ISO 4217 code such as EUR")
		}
		f.checkItems(c.Items)
	case UpdateItems:
		f.checkItems(c.Items)
	case ConfirmOrder:
		f.checkText("payment_reference", c.PaymentReference, 128)
	case ShipOrder:
		f.checkText("carrier", c.Carrier, 64)
		f.checkText("tracking_number", c.TrackingNumber, 128)
	case CancelOrder:
		f.checkText("reason", c.Reason, 500)
	default: // DeliverOrder has no other field
	}
}

func (f *faults) checkItems(items []Item) {
	if len(items) == 0 || len(items) > MaxItems {
		f.add(CodeInvalidItems, "items", fmt.Sprintf("must have 1 to %d items, has %d", MaxItems, len(items)))
		return
	}
	before := len(f.found)
	lineOf := make(map[string]int, len(items))
	for i, item := range items {
		field := func(name string) string { return fmt.Sprintf("items[%d].%s", i, name) }
		if first, twice := lineOf[item.SKU]; twice {
			f.add(CodeDuplicateSKU, field("sku"), fmt.Sprintf("%s is already in items[%d]", item.SKU, first))
		} else if isWord(item.SKU, MaxSKU, "._-") {
			lineOf[item.SKU] = i
		} else {
			f.add(CodeInvalidSKU, field("sku"), "must be 1 to 64 characters of A-Z a-z 0-9 . _ -")
		}
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			f.add(CodeInvalidQuantity, field("quantity"), fmt.Sprintf("must be 1 to %d, is %d", MaxQuantity, item.Quantity))
		}
		if item.UnitPrice < 0 {
			f.add(CodeInvalidUnitPrice, field("unit_price"), fmt.Sprintf("must not be negative, is %d", item.UnitPrice))
		}
	}
	if len(f.found) > before {
		return // the total is not known
	}
	if _, ok := Total(items); !ok {
		f.add(CodeTotalTooLarge, "items", "the total of the order does not fit into 64 bits")
	}
}

// isWord reports whether s has 1 to limit characters, each an ASCII letter, a digit or one of
// extra.
func isWord(s string, limit int, extra string) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		default:
			if strings.IndexByte(extra, b) < 0 {
				return false
			}
		}
	}
	return true
}

// checkText accepts 1 to limit characters other than control characters.
func (f *faults) checkText(field, s string, limit int) {
	switch {
	case s == "":
		f.add(CodeInvalidText, field, "must not be empty")
	case !utf8.ValidString(s):
		f.add(CodeInvalidText, field, "must be valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		f.add(CodeInvalidText, field, fmt.Sprintf("must have at most %d characters, has %d",
			limit, utf8.RuneCountInString(s)))
	case strings.ContainsFunc(s, unicode.IsControl):
		f.add(CodeInvalidText, field, "must not contain control characters")
	}
}
