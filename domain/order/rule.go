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

// Codes of commands that the order's state refuses.
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
	// Field is the path of the offending field, such as "items[2].quantity"; empty when the rule is not about one field.
	Field string
	// Detail is for people.
	Detail string
}

func (e *RuleError) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Detail)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Malformed reports whether no order in any state could accept the command.
func (e *RuleError) Malformed() bool {
	switch e.Code {
	case CodeOrderNotFound, CodeOrderExists, CodeOrderNotActive, CodeOrderNotConfirmed, CodeOrderNotShipped, CodeOrderNotCancellable:
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
	return eventsourcing.Refusal{Code: string(e.Code), Kind: kind, Field: e.Field, Detail: e.Detail}
}

func refused(code Code, c Command, o Order, detail string) error {
	return &RuleError{Code: code, AggregateID: c.AggregateID(), Detail: fmt.Sprintf("%s; this one is %s", detail, o.Status)}
}

// unknownCommand calls no method of c, which may be nil or a nil pointer.
func unknownCommand(c Command) *RuleError {
	return &RuleError{Code: CodeUnknownCommand, Detail: fmt.Sprintf("%T is no command of an order", c)}
}

// Check reports what makes c malformed, as a *RuleError; nil when some order could accept it. Decide includes it.
func Check(c Command) error {
	switch c.(type) {
	case CreateOrder, UpdateItems, ConfirmOrder, ShipOrder, DeliverOrder, CancelOrder:
	default:
		return unknownCommand(c)
	}
	if c.AggregateID() == uuid.Nil {
		return &RuleError{Code: CodeInvalidOrderID, Field: "order_id", Detail: "must be a UUID other than the nil UUID"}
	}
	if rule := checkFields(c); rule != nil {
		rule.AggregateID = c.AggregateID()
		return rule
	}
	return nil
}

func checkFields(c Command) *RuleError {
	switch c := c.(type) {
	case CreateOrder:
		if !isWord(c.CustomerID, 64, "._-:@") {
			return &RuleError{Code: CodeInvalidCustomerID, Field: "customer_id", Detail: "must be 1 to 64 characters of A-Z a-z 0-9 . _ - : @"}
		}
		if !c.Currency.Valid() {
			return &RuleError{Code: CodeInvalidCurrency, Field: "currency", Detail: "must be an ISO 4217 code such as EUR"}
		}
		return checkItems(c.Items)
	case UpdateItems:
		return checkItems(c.Items)
	case ConfirmOrder:
		return checkText("payment_reference", c.PaymentReference, 128)
	case ShipOrder:
		if rule := checkText("carrier", c.Carrier, 64); rule != nil {
			return rule
		}
		return checkText("tracking_number", c.TrackingNumber, 128)
	case CancelOrder:
		return checkText("reason", c.Reason, 500)
	default: // DeliverOrder has no other field
		return nil
	}
}

func checkItems(items []Item) *RuleError {
	if len(items) == 0 || len(items) > MaxItems {
		return &RuleError{Code: CodeInvalidItems, Field: "items", Detail: fmt.Sprintf("must have 1 to %d items, has %d", MaxItems, len(items))}
	}
	lineOf := make(map[string]int, len(items))
	for i, item := range items {
		field := func(name string) string { return fmt.Sprintf("items[%d].%s", i, name) }
		if !isWord(item.SKU, MaxSKU, "._-") {
			return &RuleError{Code: CodeInvalidSKU, Field: field("sku"), Detail: "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"}
		}
		if first, twice := lineOf[item.SKU]; twice {
			return &RuleError{Code: CodeDuplicateSKU, Field: field("sku"), Detail: fmt.Sprintf("%s is already in items[%d]", item.SKU, first)}
		}
		lineOf[item.SKU] = i
		if item.Quantity < 1 || item.Quantity > MaxQuantity {
			return &RuleError{Code: CodeInvalidQuantity, Field: field("quantity"), Detail: fmt.Sprintf("must be 1 to %d, is %d", MaxQuantity, item.Quantity)}
		}
		if item.UnitPrice < 0 {
			return &RuleError{Code: CodeInvalidUnitPrice, Field: field("unit_price"), Detail: fmt.Sprintf("must not be negative, is %d", item.UnitPrice)}
		}
	}
	if _, ok := Total(items); !ok {
		return &RuleError{Code: CodeTotalTooLarge, Field: "items", Detail: "the total of the order does not fit into 64 bits"}
	}
	return nil
}

// isWord reports whether s has 1 to limit characters, each an ASCII letter, a digit or one of extra.
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
func checkText(field, s string, limit int) *RuleError {
	bad := func(detail string) *RuleError { return &RuleError{Code: CodeInvalidText, Field: field, Detail: detail} }
	if s == "" {
		return bad("must not be empty")
	}
	if !utf8.ValidString(s) {
		return bad("must be valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > limit {
		return bad(fmt.Sprintf("must have at most %d characters, has %d", limit, n))
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return bad("must not contain control characters")
		}
	}
	return nil
}
