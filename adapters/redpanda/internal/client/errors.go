package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/ports"
)

// Request is the kind of request that failed. It decides what a failure means.
type Request int

const (
	// Read leaves nothing behind, or only what is done again.
	Read Request = iota
	// Produce was given to the client, which may have sent it more than once. When the last attempt
	// has certainly failed, that says nothing about the attempts before.
	Produce
)

// Translate turns an error of the client into an error of package ports.
func Translate(err error, kind Request) error {
	switch {
	case err == nil || Is(err, ports.ErrUnavailable, ports.ErrOutcomeUnknown,
		ports.ErrNotFound, ports.ErrCorrupt, ports.ErrClosed, ports.ErrOffsetExpired, ports.ErrNoOffset):
		return err
	case kind == Read && Is(err, context.Canceled, context.DeadlineExceeded):
		return err
	case Is(err, kerr.OffsetOutOfRange):
		return fmt.Errorf("%w: %w", ports.ErrOffsetExpired, err)
	case kind == Read && Is(err, kgo.ErrClientClosed):
		return fmt.Errorf("%w: %w", ports.ErrClosed, err)
	case Refused(err):
		return fmt.Errorf("%w: %w: %w", ports.ErrUnavailable, redpanda.ErrRefused, err)
	case kind == Produce:
		return fmt.Errorf("%w: %w", ports.ErrOutcomeUnknown, err)
	default:
		return fmt.Errorf("%w: %w", ports.ErrUnavailable, err)
	}
}

// Refused reports whether a broker has understood the request and will always refuse it.
func Refused(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if isAlert(err) {
		return true
	}
	// the broker does not speak TLS there
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	return Is(err, redpanda.ErrNoTopic, redpanda.ErrCompacted,
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed,
		kerr.InvalidTopicException, kerr.InvalidPartitions, kerr.InvalidReplicationFactor,
		kerr.InvalidConfig, kerr.PolicyViolation,
	)
}

// isAlert reports whether a broker ended TLS with an alert, which is about our certificate.
func isAlert(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "remote error"
}

// Is reports whether err is one of those.
func Is(err error, any ...error) bool {
	return slices.ContainsFunc(any, func(known error) bool { return errors.Is(err, known) })
}

// Explain adds the broker to an error and, when it is known, the setting behind it. c has its
// defaults.
func Explain(c redpanda.Config, err error) error {
	if err == nil {
		return nil
	}
	if setting, hint := blame(c, err); setting != "" {
		err = &redpanda.SettingError{Setting: setting, Hint: hint, Err: err}
	}
	return fmt.Errorf("topic %s on %s: %w", c.Topic.Name, strings.Join(c.Brokers, ","), err)
}

// blame returns the setting behind an error, and the reason. It returns nothing when no setting can
// be corrected, and when the error already names one.
func blame(c redpanda.Config, err error) (setting, hint string) {
	if _, named := errors.AsType[*redpanda.SettingError](err); named || Is(err, context.Canceled, ports.ErrClosed) {
		return "", ""
	}
	if setting, hint := blameTLS(err); setting != "" {
		return setting, hint
	}
	if setting, hint := blameAnswer(c, err); setting != "" {
		return setting, hint
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "Brokers", "no such host; the name is one of those, or what such a broker says that others are called"
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok && failed.Op == "dial" {
		return "Brokers", "nothing answers there; the address is one of those, or what such a broker says that others have"
	}
	if failed, ok := errors.AsType[net.Error](err); ok && failed.Timeout() {
		return "Timeout", fmt.Sprintf("the broker gave no answer within %s", c.Timeout)
	}
	return "", ""
}

// blameTLS does so for errors while a connection is made.
func blameTLS(err error) (setting, hint string) {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS.ServerName", "the broker's certificate is for another name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS.CA", "the broker's certificate is of an authority that is not trusted"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS.CA", "the broker's certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS", "the broker does not speak TLS at that address: use another port, or do without TLS"
	}
	if isAlert(err) {
		return "TLS.Cert and TLS.Key", "the broker does not take the client's certificate, or wants one"
	}
	return "", ""
}

// blameAnswer does so for answers of brokers.
func blameAnswer(c redpanda.Config, err error) (setting, hint string) {
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return "SASL.Username and SASL.Password", "the broker does not take them"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return "SASL.Mechanism", fmt.Sprintf("the broker does not know %s", mechanism(c))
	case errors.Is(err, kerr.IllegalSaslState):
		return "SASL", "the broker expects no user, or another way to prove it"
	case hungUp(err) && c.SASL != nil:
		return "SASL and TLS", "the broker hung up: some do that to a wrong user or password, " +
			"all to a client that wants TLS where they do not, and the other way round"
	case hungUp(err):
		return "SASL and TLS", "the broker hung up: it may want TLS, or a user"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return who(c), "the user may not read with this consumer group: it needs READ on the group"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return who(c), "the user may not use the topic: it needs DESCRIBE, READ to read and WRITE to publish"
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return who(c), "the user may not do this on the cluster: " +
			"it needs CREATE for a topic that is missing, and IDEMPOTENT_WRITE on old brokers"
	case Is(err, redpanda.ErrNoTopic, kerr.InvalidTopicException, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID):
		return "Topic.Name", "there is no such topic; a publisher creates it unless Topic.MustExist is set"
	case errors.Is(err, redpanda.ErrCompacted):
		return "Topic.AllowCompacted", "set cleanup.policy of the topic to delete, or use another topic; " +
			"allow it only when the topic need not have the history"
	case errors.Is(err, kerr.InvalidPartitions):
		return "Topic.Partitions", "the cluster does not allow as many"
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return "Topic.ReplicationFactor", "the cluster has fewer brokers, or does not allow it"
	case Is(err, kerr.InvalidConfig, kerr.PolicyViolation):
		return "Topic.Settings", "the cluster does not allow them"
	}
	return "", ""
}

// hungUp reports whether a broker ended the connection in place of an answer.
func hungUp(err error) bool {
	return Is(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE)
}

func mechanism(c redpanda.Config) redpanda.Mechanism {
	if c.SASL == nil {
		return ""
	}
	return c.SASL.Mechanism
}

func who(c redpanda.Config) string {
	if c.SASL == nil && c.TLS != nil && c.TLS.Cert != "" {
		return "TLS.Cert"
	}
	return "SASL.Username"
}

// Trouble keeps why the last broker could not be asked. When a request has waited for too long, or
// for a connection that another request has seen break, the client does not say why. It is a hook
// of the client.
type Trouble struct {
	mu  sync.Mutex
	err error
}

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (t *Trouble) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		t.set(err)
	}
}

// OnBrokerRead implements kgo.HookBrokerRead.
func (t *Trouble) OnBrokerRead(broker kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		err = fmt.Errorf("broker %s: %w", net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port))), err)
	}
	t.set(err)
}

func (t *Trouble) set(err error) {
	if Is(err, context.Canceled, kgo.ErrClientClosed) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// Explain adds the last failure to an error that does not contain it.
func (t *Trouble) Explain(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, answered := errors.AsType[*kerr.Error](err)
	if err == nil || answered || t.err == nil || errors.Is(err, t.err) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, t.err)
}
