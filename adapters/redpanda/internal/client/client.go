package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"orderflow/adapters/redpanda"
)

const (
	// Attempts is how often a request is sent at most. The pauses in between cover the move of a
	// leader or a coordinator. The caller handles what takes longer.
	Attempts = 5
	// FirstPause is the pause after the first attempt. It doubles up to LongestPause.
	FirstPause   = 50 * time.Millisecond
	LongestPause = time.Second
	// metadataPause is the shortest time between two requests for the leaders.
	metadataPause = 100 * time.Millisecond
	// LargestBatch bounds a batch, whatever the topic allows. A batch of another program that
	// unpacks to more is not read.
	LargestBatch = 64 << 20
	// largestAnswer bounds what is read from a broker for one request. An answer may contain one
	// batch more than requested.
	largestAnswer = 2 * LargestBatch
)

// Options returns the options of every client of the adapter. c has its defaults. The files that
// TLS names are read to check that they exist. They are read again for each connection, so they may
// be replaced while the process runs.
func Options(c redpanda.Config) ([]kgo.Opt, error) {
	if c.TLS != nil {
		if _, err := encryption(*c.TLS); err != nil {
			return nil, fmt.Errorf("redpanda configuration: %w", err)
		}
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Dialer(dialer(c)),
		kgo.RequestTimeoutOverhead(c.Timeout / 2),
		kgo.RetryTimeout(c.Timeout),
		kgo.RequestRetries(Attempts),
		kgo.RetryBackoffFn(Pause),
		kgo.MetadataMinAge(metadataPause),
		kgo.BrokerMaxReadBytes(largestAnswer),
		kgo.MaxDecompressBatchBytes(LargestBatch),
		kgo.DisableClientMetrics(), // otherwise brokers that ask for it get metrics of the client
	}
	if c.SASL != nil {
		options = append(options, kgo.SASL(user(*c.SASL)))
	}
	return options, nil
}

// Pause returns the time between an attempt, which was number tries, and the next one.
func Pause(tries int) time.Duration {
	return min(FirstPause<<min(max(tries-1, 0), 10), LongestPause)
}

// ErrMissing is in the error for an answer that lacks what was requested. The next answer may
// contain it.
var ErrMissing = errors.New("the broker's answer does not have it")

// Persist retries work during the move of a leader or a coordinator, when brokers answer that
// another one must be asked. When brokers do not answer, the client has already retried.
func Persist(ctx context.Context, work func() error) error {
	for tries := 1; ; tries++ {
		err := work()
		again := kerr.IsRetriable(err) && !Refused(err) || errors.Is(err, ErrMissing)
		if !again || tries == Attempts || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(Pause(tries)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func dialer(c redpanda.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: c.Timeout}
	if c.TLS == nil {
		return plain.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		encrypted, err := encrypt(ctx, c, conn, address)
		if err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("broker %s: %w", address, err)
		}
		return encrypted, nil
	}
}

// encrypt performs the TLS handshake with a broker.
func encrypt(ctx context.Context, c redpanda.Config, conn net.Conn, address string) (net.Conn, error) {
	settings, err := encryption(*c.TLS)
	if err != nil {
		return nil, err
	}
	if settings.ServerName == "" {
		if settings.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	encrypted := tls.Client(conn, settings)
	switch err := encrypted.HandshakeContext(bounded); {
	case ctx.Err() == nil && bounded.Err() != nil: // brokers without TLS wait for more bytes
		return nil, &redpanda.SettingError{
			Setting: "TLS", Hint: "the broker may not speak TLS at that address: use another port, or do without TLS",
			Err: fmt.Errorf("no answer to the TLS handshake within %s", c.Timeout),
		}
	case err != nil:
		return nil, err
	}
	return encrypted, nil
}

func encryption(t redpanda.TLS) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		text, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("TLS.CA: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("TLS.CA: no certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("TLS.Cert and TLS.Key: %w", err)
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

func user(s redpanda.SASL) sasl.Mechanism {
	switch s.Mechanism {
	case redpanda.MechanismPlain:
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()
	case redpanda.MechanismScramSHA256:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()
	default:
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()
	}
}
