package redpanda

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// ErrRefused is in the error when a broker answers and refuses what the configuration asks for: user, rights, certificate,
// topic. It takes a person to change that, here or there. It comes with [ports.ErrUnavailable], since what was to be done can
// be done afterwards.
var ErrRefused = errors.New("refused by the cluster")

// TooLargeError is the fate of an event that is larger than what the topic takes. It does not get better by itself.
type TooLargeError struct {
	EventID        uuid.UUID
	AggregateID    uuid.UUID
	SequenceNumber uint64
	EventType      string
	// Size is the length of the message before compression, in bytes, and Limit what the topic takes; 0 when it is not known.
	Size, Limit int
}

func (e *TooLargeError) Error() string {
	limit := "more than the topic takes"
	if e.Limit > 0 {
		limit = fmt.Sprintf("more than the %d that the topic takes (its max.message.bytes)", e.Limit)
	}
	return fmt.Sprintf("%s %s, sequence number %d of %s, has %d bytes, %s", e.EventType, e.EventID, e.SequenceNumber, e.AggregateID, e.Size, limit)
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
	return fmt.Sprintf("event %s, sequence number %d of %s, cannot be published: %v", e.EventID, e.SequenceNumber, e.AggregateID, e.Err)
}

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

func invalid(r eventsourcing.Record, err error) error {
	return &InvalidError{EventID: r.EventID, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, Err: err}
}

// request is what kind of request failed; it decides what a failure means.
type request int

const (
	// read leaves nothing behind, or only what is done again.
	read request = iota
	// produce was handed to the client, which may have sent it more than once. That the last attempt surely did not do it
	// says nothing about those before.
	produce
)

// translate turns an error of the client into one of the ports.
func translate(err error, kind request) error {
	switch {
	case err == nil || is(err, ports.ErrUnavailable, ports.ErrOutcomeUnknown,
		ports.ErrNotFound, ports.ErrCorrupt, ports.ErrClosed, ports.ErrOffsetExpired, ports.ErrNoOffset):
		return err
	case kind == read && is(err, context.Canceled, context.DeadlineExceeded): // of what was sent, the caller's never get here
		return err
	case is(err, sarama.ErrOffsetOutOfRange):
		return fmt.Errorf("%w: %w", ports.ErrOffsetExpired, err)
	case refused(err):
		return fmt.Errorf("%w: %w: %w", ports.ErrUnavailable, ErrRefused, err)
	case kind == produce:
		return fmt.Errorf("%w: %w", ports.ErrOutcomeUnknown, err)
	default:
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	}
}

// refused tells whether a broker understood, and will say the same tomorrow. Both clients are asked: the publisher's and the
// readers'.
func refused(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "remote error" { // an alert of TLS, about our certificate
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok { // the broker does not speak TLS there
		return true
	}
	return is(err, errNoTopic,
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed,
		kerr.InvalidTopicException, kerr.InvalidPartitions, kerr.InvalidReplicationFactor, kerr.InvalidConfig, kerr.PolicyViolation,
		sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedSASLMechanism, sarama.ErrIllegalSASLState,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrClusterAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
	)
}

// errNoTopic is the error for a topic that is not there and may not be created.
var errNoTopic = errors.New("the topic does not exist")

// ownFault tells whether a broker will never take a batch for what is in it.
func ownFault(err error) bool {
	return is(err, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.UnsupportedForMessageFormat)
}

// tooLarge tells whether a broker found a batch too large.
func tooLarge(err error) bool { return is(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) }

func is(err error, any ...error) bool {
	return slices.ContainsFunc(any, func(known error) bool { return errors.Is(err, known) })
}
