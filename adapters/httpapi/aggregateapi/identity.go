package aggregateapi

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// Names of headers in the form that http.Header keys have.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerCorrelationID  = "X-Correlation-Id"
	headerCausationID    = "X-Causation-Id"
	headerIfMatch        = "If-Match"
	headerIfNoneMatch    = "If-None-Match"
)

// The keys of the metadata that keeps ids of other systems as they came, if they are not UUIDs.
const (
	metadataCorrelationID = "correlation_id"
	metadataCausationID   = "causation_id"
)

// The keys of the metadata that says who has sent a command, where clients have to say.
const (
	metadataActor      = "actor"
	metadataActorToken = "actor_token"
)

const (
	maxKey = 255 // bytes of an Idempotency-Key
	maxID  = 128 // characters of an id of another system
)

// The namespaces of the ids that are derived (UUIDv5). They never change: a retry after an upgrade
// must derive the same ids.
func commandNamespace() uuid.UUID { return namespace(0x01) }

func aggregateNamespace() uuid.UUID { return namespace(0x02) }

func foreignNamespace() uuid.UUID { return namespace(0x03) }

func namespace(last byte) uuid.UUID {
	return uuid.UUID{0x6f, 0x3c, 0x2e, 0x51, 0x0b, 0x8a, 0x4d, 0x7e, 0x9c, 0x41, 0x1d, 0x52, 0xa7, 0x60, 0xe4, last}
}

// identity is what the headers of a command say about its origin.
type identity struct {
	commandID     uuid.UUID
	correlationID uuid.UUID
	causationID   uuid.UUID
	// correlation is the correlation id as the client knows it.
	correlation string
	// metadata has what a UUID cannot keep. It is nil if there is nothing.
	metadata map[string]string
	// repeatable reports whether the client can send the same command again: it came with an
	// Idempotency-Key.
	repeatable bool
}

// identify reads the headers of a command. Without an Idempotency-Key its id is new; correlation
// and causation default to it.
func identify(header http.Header, newID func() uuid.UUID) (identity, error) {
	var wrong []endpoint.FieldError
	blame := func(name, message string) {
		wrong = append(wrong, endpoint.FieldError{Field: name, Message: message})
	}
	var id identity
	switch keys := header[headerIdempotencyKey]; len(keys) {
	case 0:
		id.commandID = newID()
	case 1:
		var ok bool
		if id.commandID, ok = commandIDOf(keys[0]); !ok {
			blame(headerIdempotencyKey, fmt.Sprintf("must have 1 to %d visible ASCII characters", maxKey))
		}
		id.repeatable = true
	default:
		blame(headerIdempotencyKey, "must not be given twice")
	}
	id.correlationID, id.causationID, id.correlation = id.commandID, id.commandID, id.commandID.String()
	if text, ok := foreignID(header, headerCorrelationID); !ok {
		blame(headerCorrelationID, mustBePrintable)
	} else if text != "" {
		id.correlation = text
		id.correlationID = id.own(metadataCorrelationID, text)
	}
	if text, ok := foreignID(header, headerCausationID); !ok {
		blame(headerCausationID, mustBePrintable)
	} else if text != "" {
		id.causationID = id.own(metadataCausationID, text)
	}
	if wrong != nil {
		return identity{}, endpoint.Invalid(endpoint.CodeInvalidParameter, wrong...)
	}
	return id, nil
}

var mustBePrintable = fmt.Sprintf("must have at most %d printable characters", maxID)

// foreignID reads a header with an id that may come from another system. It returns "" if there is
// none.
func foreignID(header http.Header, name string) (text string, ok bool) {
	text = strings.Join(header[name], ", ") // several lines are one value, RFC 9110
	return text, utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxID &&
		!strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// by puts who sends the command into the metadata.
func (id *identity) by(who ports.Principal) {
	for key, text := range map[string]string{metadataActor: who.Subject, metadataActorToken: who.TokenID} {
		if text == "" {
			continue
		}
		if id.metadata == nil {
			id.metadata = make(map[string]string)
		}
		id.metadata[key] = text
	}
}

// own returns the UUID that stands for an id of another system. Unless it is a UUID itself, the
// text is kept in the metadata.
func (id *identity) own(key, text string) uuid.UUID {
	if same, ok := endpoint.ParseUUID(text); ok {
		return same
	}
	if id.metadata == nil {
		id.metadata = make(map[string]string)
	}
	id.metadata[key] = text
	return uuid.NewSHA1(foreignNamespace(), []byte(text))
}

// commandIDOf returns the command id for an Idempotency-Key: the key itself, or an id derived from
// it.
func commandIDOf(key string) (uuid.UUID, bool) {
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		return uuid.Nil, false
	}
	if id, ok := endpoint.ParseUUID(key); ok {
		return id, true
	}
	return uuid.NewSHA1(commandNamespace(), []byte(key)), true
}

// newAggregateID returns the id of the aggregate that a creation creates when it names none. It is
// the same for the same command, so that a repeated creation does not create a second one.
func (id identity) newAggregateID(newID func() uuid.UUID) uuid.UUID {
	if !id.repeatable {
		return newID()
	}
	return uuid.NewSHA1(aggregateNamespace(), id.commandID[:])
}
