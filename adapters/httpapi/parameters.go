package httpapi

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain/order"
	"orderflow/ports"
)

// Names of the parameters in paths and queries.
const (
	paramID          = "id"
	paramName        = "name"
	paramOrderID     = "order_id"
	paramLimit       = "limit"
	paramCursor      = "cursor"
	paramStatus      = "status"
	paramSKU         = "sku"
	paramMinSequence = "min_sequence"
	paramPatience    = "patience"
	paramFrom        = "from"
	paramTimeout     = "timeout"
	paramAtSequence  = "at_sequence"
	paramAtTime      = "at_time"
)

const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"

	defaultLimit = 50
	maxLimit     = 200
	// maxKey is the longest customer id or sku that an order can have.
	maxKey = 64
)

// parameter is a parameter of an operation as the OpenAPI document shows it. What is read refers to it by its name.
type parameter struct {
	name, in, description string
	schema                huma.Schema
	example               any
}

func orderIDParameter() parameter {
	return parameter{paramID, inPath, "The order.", huma.Schema{Type: huma.TypeString, Format: "uuid"}, nil}
}

func customerIDParameter() parameter {
	return parameter{paramID, inPath, "The customer.", huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxKey)}, "ann"}
}

func tableParameter() parameter {
	return parameter{paramName, inPath, "The table.", huma.Schema{Type: huma.TypeString, MinLength: new(1)}, "event_store"}
}

func consumerParameter() parameter {
	return parameter{paramName, inPath, "The consumer.", huma.Schema{Type: huma.TypeString, MinLength: new(1)}, "orders-by-sku"}
}

func parkedOrderParameter() parameter {
	return parameter{paramOrderID, inPath, "The order.", huma.Schema{Type: huma.TypeString, Format: "uuid"}, nil}
}

func writtenOrderParameter() parameter {
	return parameter{paramOrderID, inQuery, "Together with min_sequence: wait until the list has that event of this order.", huma.Schema{Type: huma.TypeString, Format: "uuid"}, nil}
}

func limitParameter() parameter {
	return parameter{
		paramLimit, inQuery, "How many entries a page has at most.",
		huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0), Maximum: new(float64(maxLimit)), Default: defaultLimit},
		nil,
	}
}

func cursorParameter() parameter {
	return parameter{paramCursor, inQuery, "next_cursor of the page before.", huma.Schema{Type: huma.TypeString}, nil}
}

func statusParameter() parameter {
	var statuses []any
	for _, status := range order.Statuses() {
		statuses = append(statuses, string(status))
	}
	return parameter{paramStatus, inQuery, "List the orders in this status.", huma.Schema{Type: huma.TypeString, Enum: statuses}, nil}
}

func skuParameter() parameter {
	return parameter{paramSKU, inQuery, "List the orders with this article.", huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(maxKey)}, nil}
}

func minSequenceParameter() parameter {
	return parameter{
		paramMinSequence, inQuery, "Wait until the order is known at least up to this event.",
		huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: new(0.0)},
		nil,
	}
}

func timeoutParameter() parameter {
	return parameter{
		paramTimeout, inQuery, "How long to wait for min_sequence, at most 30s.",
		huma.Schema{Type: huma.TypeString, Default: "2s"},
		"500ms",
	}
}

func patienceParameter() parameter {
	return parameter{
		paramPatience, inQuery, "How long a difference may last that traffic explains, at most 10m.",
		huma.Schema{Type: huma.TypeString, Default: "0s"},
		"10s",
	}
}

func fromParameter() parameter {
	return parameter{
		paramFrom, inQuery, "The offset in each partition to begin with, or begin for the whole topic. From an offset, an order is compared from its first event behind it on.",
		huma.Schema{Type: huma.TypeString, Pattern: `^(begin|[0-9]{1,19})$`, Default: fromBegin},
		"1000",
	}
}

func atSequenceParameter() parameter {
	return parameter{
		paramAtSequence, inQuery, "Show the order as it was right after this event.",
		huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: new(1.0)},
		nil,
	}
}

func atTimeParameter() parameter {
	return parameter{
		paramAtTime, inQuery, "Show the order as it was at this time. Not together with at_sequence.",
		huma.Schema{Type: huma.TypeString, Format: "date-time"},
		nil,
	}
}

func ifNoneMatchParameter() parameter {
	return parameter{
		headerIfNoneMatch, inHeader, "ETags that the client knows; the answer is 304 when one of them is still true.",
		huma.Schema{Type: huma.TypeString},
		`"3"`,
	}
}

func ifMatchParameter() parameter {
	return parameter{
		headerIfMatch, inHeader, "Change the order only if it is at one of these versions (ETags), else answer 412.",
		huma.Schema{Type: huma.TypeString},
		`"3"`,
	}
}

// commandParameters are those that every command has.
func commandParameters() []parameter {
	return []parameter{
		{
			headerIdempotencyKey, inHeader, "Makes the request repeatable: within one order, the same key gives the same answer and no second event. A UUID is the command id itself; from anything else it is derived.",
			huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255), Pattern: "^[!-~]+$"},
			"order-4711-confirm",
		},
		{
			headerCorrelationID, inHeader, "What the command belongs to; by default the command id. The answer repeats it.",
			huma.Schema{Type: huma.TypeString, Format: "uuid"},
			nil,
		},
		{
			headerCausationID, inHeader, "The message that caused the command; by default the command id.",
			huma.Schema{Type: huma.TypeString, Format: "uuid"},
			nil,
		},
	}
}

// queryNumber reads a whole number of at least least.
func (c *call) queryNumber(name string, least uint64) (n uint64, given bool, err error) {
	if !c.query.Has(name) {
		return 0, false, nil
	}
	n, err = strconv.ParseUint(c.query.Get(name), 10, 63)
	if err != nil || n < least {
		return 0, true, invalid(codeInvalidParameter, name, fmt.Sprintf("must be a whole number, at least %d", least))
	}
	return n, true, nil
}

// readPage reads cursor and limit.
func (c *call) readPage() (ports.Cursor, int, error) {
	limit, given, err := c.queryNumber(paramLimit, 1)
	if err != nil || limit > maxLimit {
		return "", 0, invalid(codeInvalidParameter, paramLimit, fmt.Sprintf("must be a whole number from 1 to %d", maxLimit))
	}
	if !given {
		limit = defaultLimit
	}
	cursor, err := readCursor(c.query.Get(paramCursor))
	return cursor, int(limit), err
}

// Cursors of the ports are arbitrary bytes, and what clients see must fit into URLs and JSON.

func showCursor(cursor ports.Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursor))
}

func readCursor(shown string) (ports.Cursor, error) {
	cursor, err := base64.RawURLEncoding.Strict().DecodeString(shown)
	if err != nil || strings.ContainsAny(shown, "\r\n") { // which the decoder skips
		return "", fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
	}
	return ports.Cursor(cursor), nil
}
