package endpoint

import (
	"net/url"
	"strings"
)

// Rule says which parameters of a query go together. It is a part of the description: as a
// sentence, and for programs as an element of the extension x-parameter-rules.
type Rule struct {
	Kind  RuleKind `json:"rule"`
	Names []string `json:"parameters"`
}

// RuleKind is what a [Rule] requires.
type RuleKind string

// The kinds of rules.
const (
	// ExactlyOne of the parameters must be given.
	ExactlyOne RuleKind = "exactly-one"
	// AtMostOne of the parameters may be given.
	AtMostOne RuleKind = "at-most-one"
	// AllOrNone of the parameters must be given.
	AllOrNone RuleKind = "all-or-none"
)

// String returns the rule as a sentence, without a capital and a period.
func (r Rule) String() string {
	switch r.Kind {
	case ExactlyOne:
		return "exactly one of " + enumerated(r.Names) + " must be given"
	case AtMostOne:
		return "at most one of " + enumerated(r.Names) + " may be given"
	default:
		return enumerated(r.Names) + " must be given together or not at all"
	}
}

// blames returns the parameters that break the rule. It returns none when a query obeys it.
func (r Rule) blames(query url.Values) []string {
	var given []string
	for _, name := range r.Names {
		if query.Has(name) {
			given = append(given, name)
		}
	}
	switch n := len(given); {
	case r.Kind == ExactlyOne && n == 0, r.Kind == AllOrNone && n > 0 && n < len(r.Names):
		return r.Names
	case r.Kind != AllOrNone && n > 1:
		return given
	default:
		return nil
	}
}

// enumerated joins names, such as "a, b and c".
func enumerated(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
