package redpanda

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// ErrRefused is in the error when a broker answers and refuses what the configuration asks for:
// user, rights, certificate, topic. An operator has to change that in the configuration or in the
// cluster. It comes with [ports.ErrUnavailable], because the operation can be repeated afterwards.
var ErrRefused = errors.New("refused by the cluster")

// ErrNoTopic is in the error for a topic that does not exist and must not be created. It comes with
// ErrRefused.
var ErrNoTopic = errors.New("the topic does not exist")

// ErrCompacted is in the error for a topic that brokers compact. The key of a message is the id of
// its aggregate, so compaction deletes all events of an aggregate but the last one. It comes with
// ErrRefused.
var ErrCompacted = errors.New("brokers compact the topic, which deletes all events of an order but the last one")

// SettingError names the setting behind an error, for the operator who has to correct it.
type SettingError struct {
	// Setting is the name of a field of [Config], such as "TLS.CA", or of two of them.
	Setting string
	// Hint says what is wrong with the setting, or what may be.
	Hint string
	// Err is the cause.
	Err error
}

func (e *SettingError) Error() string { return fmt.Sprintf("%v (%s: %s)", e.Err, e.Setting, e.Hint) }

// Unwrap returns the cause.
func (e *SettingError) Unwrap() error { return e.Err }

// TooLargeError refuses an event that is larger than the topic allows. It is permanent.
type TooLargeError struct {
	EventID        uuid.UUID
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventType      string
	// Size is the length of the message before compression, in bytes. Limit is the topic's limit,
	// or 0 when it is not known.
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	limit := "more than the topic takes"
	if e.Limit > 0 {
		limit = fmt.Sprintf("more than the %d that the topic takes (its max.message.bytes)", e.Limit)
	}
	return fmt.Sprintf("%s %s, sequence number %d of %s, has %d bytes, %s",
		e.EventType, e.EventID, e.SequenceNumber, e.AggregateID, e.Size, limit)
}

// InvalidError refuses an event that cannot be a message. It is permanent.
type InvalidError struct {
	EventID        uuid.UUID
	AggregateID    uuid.UUID
	SequenceNumber uint64
	// Err says what is wrong.
	Err error
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("event %s, sequence number %d of %s, cannot be published: %v",
		e.EventID, e.SequenceNumber, e.AggregateID, e.Err)
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }
