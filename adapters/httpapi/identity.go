package httpapi

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// Names of headers in the form that http.Header keys have.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerCorrelationID  = "X-Correlation-Id"
	headerCausationID    = "X-Causation-Id"
	headerIfMatch        = "If-Match"
	headerIfNoneMatch    = "If-None-Match"
)

const mustBeUUID = "must be a UUID other than the nil UUID"

// The namespaces of the ids that are derived (UUIDv5). They never change: a retry after an upgrade must derive the same ids.
func commandNamespace() uuid.UUID {
	return uuid.UUID{0x6f, 0x3c, 0x2e, 0x51, 0x0b, 0x8a, 0x4d, 0x7e, 0x9c, 0x41, 0x1d, 0x52, 0xa7, 0x60, 0xe4, 0x01}
}

func orderNamespace() uuid.UUID {
	return uuid.UUID{0x6f, 0x3c, 0x2e, 0x51, 0x0b, 0x8a, 0x4d, 0x7e, 0x9c, 0x41, 0x1d, 0x52, 0xa7, 0x60, 0xe4, 0x02}
}

// identity is what a command's headers say about where it comes from.
type identity struct {
	commandID     uuid.UUID
	correlationID uuid.UUID
	causationID   uuid.UUID
	// repeatable is set when the client can send the same command again: it came with an Idempotency-Key.
	repeatable bool
}

// identify reads the headers of a command. Without an Idempotency-Key its id is new; correlation and causation default to it.
func identify(header http.Header, newID func() uuid.UUID) (identity, error) {
	key, given, err := single(header, headerIdempotencyKey)
	if err != nil {
		return identity{}, err
	}
	id := identity{repeatable: given}
	if given {
		id.commandID, err = commandIDOf(key)
	} else {
		id.commandID = newID()
	}
	if err != nil {
		return identity{}, err
	}
	if id.correlationID, err = idHeader(header, headerCorrelationID, id.commandID); err != nil {
		return identity{}, err
	}
	id.causationID, err = idHeader(header, headerCausationID, id.commandID)
	return id, err
}

// commandIDOf returns the command id that an Idempotency-Key stands for: itself, or one derived from it.
func commandIDOf(key string) (uuid.UUID, error) {
	if key == "" || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		return uuid.Nil, invalid(codeInvalidParameter, headerIdempotencyKey, "must have 1 to 255 visible ASCII characters")
	}
	if id, ok := parseUUID(key); ok {
		return id, nil
	}
	return uuid.NewSHA1(commandNamespace(), []byte(key)), nil
}

// orderIDOf returns the id of the order that a creation makes when it names none: the same one for the same command, so that
// a repeated creation does not make a second order.
func (id identity) orderIDOf(newID func() uuid.UUID) uuid.UUID {
	if !id.repeatable {
		return newID()
	}
	return uuid.NewSHA1(orderNamespace(), id.commandID[:])
}

// single returns the value of a header that may be given once.
func single(header http.Header, name string) (value string, given bool, err error) {
	switch values := header[name]; len(values) {
	case 0:
		return "", false, nil
	case 1:
		return values[0], true, nil
	default:
		return "", false, invalid(codeInvalidParameter, name, "must not be given twice")
	}
}

func idHeader(header http.Header, name string, otherwise uuid.UUID) (uuid.UUID, error) {
	value, given, err := single(header, name)
	if err != nil || !given {
		return otherwise, err
	}
	id, ok := parseUUID(value)
	if !ok {
		return uuid.Nil, invalid(codeInvalidParameter, name, mustBeUUID)
	}
	return id, nil
}

// parseUUID reads a UUID in its usual form of 36 characters, and refuses the nil one.
func parseUUID(text string) (uuid.UUID, bool) {
	if len(text) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id != uuid.Nil
}
