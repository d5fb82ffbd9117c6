package subject

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"orderflow/domain/eventsourcing"
)

// The codes of refusals. They are part of the API and never change their meaning.
const (
	CodeUnknownCommand = "unknown_command"
	CodeInvalidSubject = "invalid_subject"
	CodeInvalidText    = "invalid_text"
	CodeInvalidCount   = "invalid_count"

	CodeOtherSubject = "other_subject"
	CodeNotRequested = "erasure_not_requested"
)

// The limits of texts, in characters.
const (
	MaxReason    = 500
	MaxReference = 128
)

// RuleError is the refusal of a command by a rule.
type RuleError struct{ refusal eventsourcing.Refusal }

func (e *RuleError) Error() string { return fmt.Sprintf("%s: %s", e.refusal.Code, e.refusal.Detail) }

// Refusal implements [eventsourcing.Refused].
func (e *RuleError) Refusal() eventsourcing.Refusal { return e.refusal }

var token = regexp.MustCompile(`^[0-9A-Za-z]{1,128}$`)

// Check returns what makes c malformed, as a *RuleError; nil when some subject could accept it.
// Decide includes it.
func Check(c Command) error {
	switch c := c.(type) {
	case RequestErasure:
		if !token.MatchString(c.Token) || c.SubjectID != ID(c.Token) {
			return malformed(CodeInvalidSubject, "subject", "must be the token of the subject with this id")
		}
		if c.Reason == "" {
			return malformed(CodeInvalidText, "reason", "must not be empty")
		}
		if err := checkText("reason", c.Reason, MaxReason); err != nil {
			return err
		}
		return checkText("reference", c.Reference, MaxReference)
	case RecordErasure:
		if min(c.Counts.Aggregates, c.Counts.Rewritten, c.Counts.Plain) < 0 {
			return malformed(CodeInvalidCount, "counts", "must not be negative")
		}
		return nil
	default:
		return unknownCommand(c)
	}
}

// checkText accepts at most limit characters other than control characters.
func checkText(field, s string, limit int) error {
	switch {
	case !utf8.ValidString(s):
		return malformed(CodeInvalidText, field, "must be valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		return malformed(CodeInvalidText, field, fmt.Sprintf("must have at most %d characters, has %d", limit, utf8.RuneCountInString(s)))
	case strings.ContainsFunc(s, unicode.IsControl):
		return malformed(CodeInvalidText, field, "must not contain control characters")
	default:
		return nil
	}
}

func malformed(code, field, detail string) error {
	return &RuleError{eventsourcing.Refusal{Code: code, Kind: eventsourcing.RefusedMalformed, Field: field, Detail: detail}}
}

func unknownCommand(c Command) error {
	return malformed(CodeUnknownCommand, "", fmt.Sprintf("%T is no command of a subject", c))
}

func refused(code, detail string) error {
	return &RuleError{eventsourcing.Refusal{Code: code, Detail: detail}}
}

func notFound() error {
	return &RuleError{eventsourcing.Refusal{
		Code: CodeNotRequested, Kind: eventsourcing.RefusedMissing, Detail: "no erasure was requested",
	}}
}
