package redpanda

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// ErrRefused is in the error when a broker answers and refuses what the configuration asks for:
// user, rights, certificate, topic. It takes a person to change that, here or there. It comes with
// [ports.ErrUnavailable], since what was to be done can be done afterwards.
var ErrRefused = errors.New("refused by the cluster")

// ErrNoTopic is in the error for a topic that is not there and may not be created. It comes with
// ErrRefused.
var ErrNoTopic = errors.New("the topic does not exist")

// SettingError names the setting that has to do with an error, for whoever has to correct it.
type SettingError struct {
	// Setting is the name of a field of [Config], such as "TLS.CA", or of two of them.
	Setting string
	// Hint says what is wrong with it, or may be.
	Hint string
	// Err is what happened.
	Err error
}

func (e *SettingError) Error() string { return fmt.Sprintf("%v (%s: %s)", e.Err, e.Setting, e.Hint) }

// Unwrap returns what happened.
func (e *SettingError) Unwrap() error { return e.Err }

// TooLargeError is the fate of an event that is larger than what the topic takes. It does not get
// better by itself.
type TooLargeError struct {
	EventID        uuid.UUID
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventType      string
	// Size is the length of the message before compression, in bytes, and Limit what the topic
	// takes; 0 when it is not known.
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

// InvalidError is the fate of an event that cannot be a message. It does not get better by itself.
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
