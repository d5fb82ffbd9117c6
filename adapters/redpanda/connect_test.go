package redpanda_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/adapters/redpanda/source"
	"orderflow/ports"
)

// whoConnects returns everything that shares the configuration.
func whoConnects(t *testing.T, config redpanda.Config) map[string]func(context.Context) error {
	t.Helper()
	p := topictest.NewPublisher(t, config)
	feed, err := source.NewFeed(source.Config{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	reader, err := source.NewTopicReader(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return map[string]func(context.Context) error{
		"publisher": p.Connect,
		"publish":   func(ctx context.Context) error { return p.Publish(ctx, topictest.History(1)[0]) },
		"subscribe": func(ctx context.Context) error { _, err := feed.Subscribe(ctx, "one"); return err },
		"seek end":  func(ctx context.Context) error { return feed.SeekEnd(ctx, "another") },
		"ranges":    func(ctx context.Context) error { _, err := reader.Ranges(ctx); return err },
		"read": func(ctx context.Context) error {
			return reader.Read(ctx, ports.TopicRange{End: 1}, func(ports.TopicMessage) error { return nil })
		},
	}
}

// Every component reports an error about a broker or a setting in the same words: with the broker,
// and with the setting to check.
func TestConfig_ErrorsNameBrokerAndSetting(t *testing.T) {
	t.Parallel()
	certificate, ca := topictest.NewCertificate(t)
	encrypted := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}})
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	mutual := kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	ada := &redpanda.SASL{Username: "ada", Password: "guessed"}
	refuses := func(key kmsg.Key, err *kerr.Error) func(*kfake.Cluster) {
		return func(c *kfake.Cluster) {
			c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, TopLevel: key == kmsg.SASLAuthenticate, Count: -1})
		}
	}
	for name, test := range map[string]struct {
		broker  func(t *testing.T) []string
		options []kfake.Opt
		fault   func(*kfake.Cluster)
		change  func(*redpanda.Config)
		timeout time.Duration // topictest.Bound where it is 0
		setting string
		text    string
		refused bool
	}{
		"nothing listens":       {broker: closedPort, setting: "Brokers", text: "nothing answers there"},
		"there is no such host": {broker: func(*testing.T) []string { return []string{"nowhere.invalid:9092"} }, setting: "Brokers", text: "no such host"},
		"it never answers":      {broker: silent, timeout: time.Second, setting: "Timeout", text: "no answer within 1s"},
		"it speaks no TLS": {
			change:  func(c *redpanda.Config) { c.TLS = &redpanda.TLS{} },
			timeout: time.Second, setting: "TLS", text: "TLS",
		},
		"it wants TLS": {options: []kfake.Opt{encrypted}, setting: "TLS", text: "may want TLS"},
		"its authority is not known": {
			options: []kfake.Opt{encrypted}, change: func(c *redpanda.Config) { c.TLS = &redpanda.TLS{} },
			setting: "TLS.CA", text: "not trusted", refused: true,
		},
		"its certificate is for another name": {
			options: []kfake.Opt{encrypted}, change: func(c *redpanda.Config) { c.TLS = &redpanda.TLS{CA: ca, ServerName: "elsewhere"} },
			setting: "TLS.ServerName", text: "for another name", refused: true,
		},
		"it wants a certificate": {
			options: []kfake.Opt{mutual}, change: func(c *redpanda.Config) { c.TLS = &redpanda.TLS{CA: ca} },
			setting: "TLS.Cert and TLS.Key", text: "wants one", refused: true,
		},
		"it hangs up on a wrong password": {
			options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "ada", "secret")},
			change:  func(c *redpanda.Config) { c.SASL = ada },
			setting: "SASL", text: "wrong user or password",
		},
		"it says that the password is wrong": {
			options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "ada", "secret")},
			fault:   refuses(kmsg.SASLAuthenticate, kerr.SaslAuthenticationFailed),
			change:  func(c *redpanda.Config) { c.SASL = ada },
			setting: "SASL.Username and SASL.Password", text: "SASL_AUTHENTICATION_FAILED", refused: true,
		},
		"it wants a user": {
			options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "secret")}, setting: "SASL", text: "or a user",
		},
		"it does not know the mechanism": {
			fault:   refuses(kmsg.SASLHandshake, kerr.UnsupportedSaslMechanism),
			options: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "secret")},
			change:  func(c *redpanda.Config) { c.SASL = &redpanda.SASL{Username: "ada", Password: "secret"} },
			setting: "SASL.Mechanism", text: "does not know SCRAM-SHA-512", refused: true,
		},
		"the user has no rights": {
			fault:   refuses(kmsg.Metadata, kerr.TopicAuthorizationFailed),
			setting: "SASL.Username", text: "needs DESCRIBE", refused: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := redpanda.Config{Timeout: cmp.Or(test.timeout, topictest.Bound)}
			if test.broker != nil {
				config.Brokers = test.broker(t)
			} else {
				cluster := topictest.NewCluster(t, test.options...)
				if config.Brokers = cluster.ListenAddrs(); test.fault != nil {
					test.fault(cluster)
				}
			}
			if test.change != nil {
				test.change(&config)
			}
			for what, connect := range whoConnects(t, config) {
				t.Run(what, func(t *testing.T) {
					t.Parallel()
					err := connect(topictest.Within(t))
					named, ok := errors.AsType[*redpanda.SettingError](err)
					if !ok || !strings.Contains(named.Setting, test.setting) || !topictest.ContainsAll(err.Error(), test.text, config.Brokers[0], "order-events") {
						t.Errorf("%v, want %s, %q and the broker", err, test.setting, test.text)
					}
					if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, redpanda.ErrRefused) != test.refused {
						t.Errorf("%v, want ErrUnavailable, and ErrRefused: %t", err, test.refused)
					}
					if config.SASL != nil && strings.Contains(err.Error(), config.SASL.Password) {
						t.Errorf("%v tells the password", err)
					}
				})
			}
		})
	}
}

// closedPort returns an address that nothing listens on.
func closedPort(t *testing.T) []string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return []string{listener.Addr().String()}
}

// silent returns a broker that accepts connections and answers nothing.
func silent(t *testing.T) []string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// the system accepts the connections, and nothing reads from them
	t.Cleanup(func() { _ = listener.Close() })
	return []string{listener.Addr().String()}
}

// With the right settings every component connects. Certificates may be replaced while the process
// runs.
func TestConfig_EverybodyConnects(t *testing.T) {
	t.Parallel()
	certificate, ca := topictest.NewCertificate(t)
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	cluster := topictest.NewCluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ada", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}))
	config := redpanda.Config{
		Brokers: cluster.ListenAddrs(),
		TLS:     &redpanda.TLS{CA: ca, Cert: ca, Key: topictest.KeyFile(t, certificate)},
		SASL:    &redpanda.SASL{Mechanism: redpanda.MechanismScramSHA256, Username: "ada", Password: "secret"},
	}
	record := topictest.History(1)[0]
	feed, err := source.NewFeed(source.Config{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	p, err := publisher.New(publisher.Config{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx := topictest.Within(t)
	if err := p.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := feed.SeekEnd(ctx, "view"); err != nil {
		t.Fatal(err)
	}
	sub, err := feed.Subscribe(ctx, "view")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(ctx, record); err != nil {
		t.Fatal(err)
	}
	if d, err := sub.Next(ctx); err != nil || d.Record.EventID != record.EventID {
		t.Errorf("%+v, %v", d, err)
	}
}
