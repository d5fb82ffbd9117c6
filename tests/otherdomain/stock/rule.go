package stock

import (
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// The codes of refusals. They are part of the API and never change their meaning.
const (
	CodeUnknownCommand  = "unknown_command"
	CodeInvalidID       = "invalid_id"
	CodeInvalidText     = "invalid_text"
	CodeInvalidQuantity = "invalid_quantity"

	CodeNotFound        = "stock_item_not_found"
	CodeOtherArticle    = "other_article"
	CodeAlreadyReserved = "already_reserved"
	CodeNotEnough       = "not_enough_stock"
)

// MaxQuantity bounds each quantity.
const MaxQuantity = 1_000_000

// RuleError is the refusal of a command by a rule.
type RuleError struct{ refusal eventsourcing.Refusal }

func (e *RuleError) Error() string {
	return fmt.Sprintf("%s: %s", e.refusal.Code, e.refusal.Detail)
}

// Refusal implements [eventsourcing.Refused].
func (e *RuleError) Refusal() eventsourcing.Refusal { return e.refusal }

// Check reports what makes c malformed, as a *RuleError; nil when some item could accept it. Decide
// includes it.
func Check(c Command) error {
	switch c := c.(type) {
	case Receive:
		return first(
			checkID("item_id", c.ItemID), checkWord("sku", c.SKU), checkQuantity(c.Quantity),
			checkWord("reference", c.Reference))
	case Reserve:
		return first(checkID("item_id", c.ItemID), checkID("order_id", c.OrderID), checkQuantity(c.Quantity))
	case Release:
		return first(checkID("item_id", c.ItemID), checkID("order_id", c.OrderID))
	default:
		return unknownCommand(c)
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkID(field string, id uuid.UUID) error {
	if id == uuid.Nil {
		return malformed(CodeInvalidID, field, "must be a UUID other than the nil UUID")
	}
	return nil
}

var word = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func checkWord(field, text string) error {
	if !word.MatchString(text) {
		return malformed(CodeInvalidText, field, "must be 1 to 64 characters of A-Z a-z 0-9 . _ -")
	}
	return nil
}

func checkQuantity(quantity int64) error {
	if quantity < 1 || quantity > MaxQuantity {
		return malformed(CodeInvalidQuantity, "quantity", fmt.Sprintf("must be 1 to %d, is %d", MaxQuantity, quantity))
	}
	return nil
}

func malformed(code, field, detail string) error {
	return &RuleError{eventsourcing.Refusal{Code: code, Kind: eventsourcing.RefusedMalformed, Field: field, Detail: detail}}
}

func unknownCommand(c Command) error {
	return malformed(CodeUnknownCommand, "", fmt.Sprintf("%T is no command of a stock item", c))
}

func refused(code, format string, args ...any) error {
	return &RuleError{eventsourcing.Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}}
}

func notFound() error {
	return &RuleError{eventsourcing.Refusal{
		Code: CodeNotFound, Kind: eventsourcing.RefusedMissing, Detail: "there is no such stock item",
	}}
}
