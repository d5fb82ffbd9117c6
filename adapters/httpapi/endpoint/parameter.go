package endpoint

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Formats of a [Schema].
const (
	FormatUUID     = "uuid"
	FormatDateTime = "date-time"
	FormatInt64    = "int64"
)

// MustBeUUID says what is wrong with a text that is not a UUID.
const MustBeUUID = "must be a UUID other than the nil UUID"

// UUIDSchema returns the schema of a UUID other than the nil UUID.
func UUIDSchema() Schema { return Schema{Type: TypeString, Format: FormatUUID} }

// WholeSchema returns the schema of a whole number of at least least, which fits into 64 bits.
func WholeSchema(least float64) Schema {
	return Schema{Type: TypeInteger, Format: FormatInt64, Minimum: &least}
}

// check returns what is wrong with a value in a path or query. It returns "" when the schema allows
// the value. The description and check use the same schema, so they agree.
func (s Schema) check(value string) string {
	switch {
	case s.Type == TypeInteger:
		return s.checkWhole(value)
	case !utf8.ValidString(value):
		return "must be valid UTF-8"
	case s.Format == FormatUUID:
		if _, ok := ParseUUID(value); !ok {
			return MustBeUUID
		}
	case s.Format == FormatDateTime:
		if _, ok := ParseTime(value); !ok {
			return "must be an RFC 3339 time such as 2026-03-01T12:00:00Z (a + in it is written %2B)"
		}
	case s.Enum != nil && !slices.Contains(s.Enum, any(value)):
		return "must be one of " + strings.Trim(fmt.Sprint(s.Enum), "[]")
	case s.MaxLength > 0:
		if n := utf8.RuneCountInString(value); n < s.MinLength || n > s.MaxLength {
			return fmt.Sprintf("must have %d to %d characters, has %d", s.MinLength, s.MaxLength, n)
		}
	case s.MinLength > 0 && value == "":
		return "must not be empty"
	}
	return ""
}

func (s Schema) checkWhole(value string) string {
	least, most := 0.0, math.Inf(1)
	if s.Minimum != nil {
		least = *s.Minimum
	}
	if s.Maximum != nil {
		most = *s.Maximum
	}
	n, err := strconv.ParseUint(value, 10, 63)
	switch {
	case err == nil && float64(n) >= least && float64(n) <= most:
		return ""
	case s.Maximum != nil:
		return fmt.Sprintf("must be a whole number from %.0f to %.0f", least, most)
	default:
		return fmt.Sprintf("must be a whole number, at least %.0f", least)
	}
}

// ParseUUID reads a UUID in its usual form of 36 characters. It refuses the nil UUID.
func ParseUUID(text string) (uuid.UUID, bool) {
	if len(text) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id != uuid.Nil
}

// ParseTime reads a time in the form of RFC 3339, and in no other form.
func ParseTime(text string) (t time.Time, ok bool) {
	err := t.UnmarshalText([]byte(text)) // time.Parse accepts more
	return t, err == nil
}

// Names of parameters that many operations have.
const (
	ParamID     = "id"
	ParamLimit  = "limit"
	ParamCursor = "cursor"
	// ParamReason is why an operator acts. It is put into the context of the call.
	ParamReason = "reason"
)

// The number of entries on a page.
const (
	defaultLimit = 50
	// MaxLimit is the greatest limit of a page.
	MaxLimit = 200
)

// IDParameter returns the parameter for the aggregate that the path names. See
// [Call.ReadAggregate].
func IDParameter(name, description string) Parameter {
	return Parameter{Name: name, In: InPath, Description: description, Schema: UUIDSchema()}
}

// PageParameters returns limit and cursor. See [Call.Page].
func PageParameters() []Parameter {
	most := float64(MaxLimit)
	limit := WholeSchema(1)
	limit.Format, limit.Maximum, limit.Default = "", &most, defaultLimit
	return []Parameter{
		{Name: ParamLimit, In: InQuery, Description: "How many entries a page has at most.", Schema: limit},
		{
			Name: ParamCursor, In: InQuery, Description: "next_cursor of the page before. Any other text is refused.",
			Schema: Schema{Type: TypeString, Pattern: "^[A-Za-z0-9_-]*$"}, Must: mustBeOurs, Code: CodeBadCursor,
		},
	}
}
