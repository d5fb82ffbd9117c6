package aggregateapi

import (
	"fmt"
	"time"

	"orderflow/adapters/httpapi/endpoint"
)

// Names of the parameters in queries.
const (
	paramMinSequence = "min_sequence"
	paramTimeout     = "timeout"
	paramAtSequence  = "at_sequence"
	paramAtTime      = "at_time"
)

const (
	defaultWait = 2 * time.Second
	// upTo30s is the pattern of a duration of at most 30 seconds.
	upTo30s = `^(0|([0-9]|[12][0-9])(\.[0-9]{1,9})?s|30(\.0{1,9})?s|([0-9]{1,4}|[12][0-9]{4})(\.[0-9]{1,6})?ms|30000ms)$`
)

func minSequenceParameter(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramMinSequence, In: endpoint.InQuery,
		Description: "Wait until the " + k.noun() + " is known at least up to this event.", Schema: endpoint.WholeSchema(0),
	}
}

func timeoutParameter() endpoint.Parameter {
	return endpoint.Parameter{
		Name: paramTimeout, In: endpoint.InQuery,
		Description: "How long to wait for min_sequence: a number with its unit s or ms, at most 30s.",
		Schema:      endpoint.Schema{Type: endpoint.TypeString, Pattern: upTo30s, Default: defaultWait.String()},
		Must:        "must be a duration such as 2s or 500ms, at most 30s", Example: "500ms",
	}
}

func momentParameters(k Kind) []endpoint.Parameter {
	return []endpoint.Parameter{
		{
			Name: paramAtSequence, In: endpoint.InQuery,
			Description: "Show the " + k.noun() + " as it was right after this event.", Schema: endpoint.WholeSchema(1),
		},
		{
			Name: paramAtTime, In: endpoint.InQuery, Description: "Show the " + k.noun() + " as it was at this time.",
			Schema: endpoint.Schema{Type: endpoint.TypeString, Format: endpoint.FormatDateTime},
		},
	}
}

// tagsSchema returns the schema of * or a list of at most maxTags entity tags, in which elements
// may be empty.
func tagsSchema() endpoint.Schema {
	const tag = `(W/)?"[!#-~\x80-\xff]*"`
	return endpoint.Schema{
		Type: endpoint.TypeString, MinLength: 1,
		Pattern: `^([ \t]*\*[ \t]*|[ \t,]*` + tag + `([ \t]*,[ \t,]*` + tag + `){0,15}[ \t]*(,[ \t,]*)?)$`,
	}
}

func ifNoneMatchParameter(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: headerIfNoneMatch, In: endpoint.InHeader,
		Description: "ETags of the " + k.noun() + " that the client knows, or *. " +
			"The answer is 304 when one of them is still true. " + atMostTags,
		Schema: tagsSchema(), Example: `"3"`,
	}
}

var atMostTags = fmt.Sprintf("A list has at most %d entity tags.", maxTags)

func ifMatchParameter(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: headerIfMatch, In: endpoint.InHeader,
		Description: "Change the " + k.noun() + " only if it is at one of these versions: ETags, or * for any. " +
			"Otherwise the answer is 412, and actual has the version that it is at. " +
			"Without it, a command that repeatedly loses against others is answered with 409. " +
			atMostTags,
		Schema: tagsSchema(), Example: `"3"`,
	}
}

func ifMatchNewParameter(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: headerIfMatch, In: endpoint.InHeader,
		Description: "A new " + k.noun() + " has no version yet, so that the answer to any ETag is 412. * changes nothing.",
		Schema:      tagsSchema(), Example: "*",
	}
}

// commandParameters returns the parameters that every command has.
func commandParameters(k Kind) []endpoint.Parameter {
	return []endpoint.Parameter{
		{
			Name: headerIdempotencyKey, In: endpoint.InHeader,
			Description: "Makes the request repeatable: within one " + k.noun() +
				", the same key gives the same answer and no second event. " +
				"A UUID is the command id itself; from anything else it is derived. " +
				"A key that stands for another command of this " + k.noun() +
				" already is answered with 422 and the code command_id_reused.",
			Schema:  endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: maxKey, Pattern: "^[!-~]+$"},
			Example: "order-4711-confirm",
		},
		foreignIDParameter(headerCorrelationID, "What the command belongs to; by default the command id. The answer repeats it."),
		foreignIDParameter(headerCausationID, "The message that caused the command; by default the command id."),
	}
}

func foreignIDParameter(name, description string) endpoint.Parameter {
	return endpoint.Parameter{
		Name: name, In: endpoint.InHeader,
		Description: description + " Any printable text. " +
			"If it is no UUID, events have a UUID that is derived from it, and the text in their metadata.",
		Schema: foreignIDSchema(), Example: "4bf92f3577b34da6a3ce929d0e0e4736",
	}
}

func foreignIDSchema() endpoint.Schema {
	return endpoint.Schema{Type: endpoint.TypeString, MaxLength: maxID, Pattern: `^[^\x00-\x1f\x7f-\x9f]*$`}
}

func etagHeader(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: "ETag", Description: "The version of the " + k.noun() + ": its last sequence number in quotes.",
		Schema: endpoint.Schema{Type: endpoint.TypeString, Pattern: `^"[1-9][0-9]*"$`}, Example: `"2"`,
	}
}

func locationHeader(k Kind) endpoint.Parameter {
	return endpoint.Parameter{
		Name: "Location", Description: "The path of the " + k.noun() + ".",
		Schema: endpoint.Schema{Type: endpoint.TypeString, Format: "uri-reference"},
	}
}

func correlationHeader() endpoint.Parameter {
	return endpoint.Parameter{
		Name: headerCorrelationID, Description: "What the command belongs to.", Schema: foreignIDSchema(),
	}
}
