package publisher_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
	"orderflow/ports"
)

func TestPublisher_Users(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []redpanda.Mechanism{redpanda.MechanismPlain, redpanda.MechanismScramSHA256, redpanda.MechanismScramSHA512} {
		t.Run(string(mechanism), func(t *testing.T) {
			t.Parallel()
			cluster := topictest.NewCluster(t, kfake.EnableSASL(), kfake.Superuser(string(mechanism), "ada", "secret"))
			config := configOf(cluster)
			config.SASL = &redpanda.SASL{Mechanism: mechanism, Username: "ada", Password: "secret"}
			publish(t, topictest.NewPublisher(t, config), topictest.History(2)...)

			config.SASL = &redpanda.SASL{Mechanism: mechanism, Username: "ada", Password: "guessed"}
			p := topictest.NewPublisher(t, config)
			// This broker closes the connection.
			if err := p.Connect(t.Context()); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "wrong user or password") {
				t.Errorf("a wrong password: %v", err)
			}
			// Real brokers answer.
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: kerr.SaslAuthenticationFailed, TopLevel: true, Count: -1})
			for _, err := range []error{p.Connect(t.Context()), p.Publish(t.Context(), topictest.History(1)[0])} {
				if !errors.Is(err, redpanda.ErrRefused) || !errors.Is(err, ports.ErrUnavailable) {
					t.Fatalf("a wrong password: %v", err)
				}
				if !topictest.ContainsAll(err.Error(), "SASL_AUTHENTICATION_FAILED", config.Brokers[0]) || strings.Contains(err.Error(), "guessed") {
					t.Errorf("a wrong password: %v", err)
				}
			}
		})
	}
}

func TestPublisher_Encryption(t *testing.T) {
	t.Parallel()
	certificate, ca := topictest.NewCertificate(t)
	cluster := topictest.NewCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	config := configOf(cluster)

	t.Run("a certificate of a known authority is taken", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{CA: ca}
		publish(t, topictest.NewPublisher(t, config), topictest.History(2)...)
	})
	t.Run("another one is not", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{}
		if err := topictest.NewPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("nor is one for another name", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{CA: ca, ServerName: "elsewhere"}
		if err := topictest.NewPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("the client shows its own where one is wanted", func(t *testing.T) {
		t.Parallel()
		pool := x509.NewCertPool()
		pool.AddCert(certificate.Leaf)
		config := configOf(topictest.NewCluster(t, kfake.TLS(&tls.Config{
			Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		})))
		config.TLS = &redpanda.TLS{CA: ca}
		if err := topictest.NewPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) {
			t.Errorf("without one: %v, want ErrRefused", err)
		}
		config.TLS.Cert, config.TLS.Key = ca, topictest.KeyFile(t, certificate)
		publish(t, topictest.NewPublisher(t, config), topictest.History(2)...)
	})
	t.Run("without it nothing is published", func(t *testing.T) {
		t.Parallel()
		config := config
		config.Timeout = time.Second
		if err := topictest.NewPublisher(t, config).Publish(t.Context(), topictest.History(1)[0]); !topictest.IsRetryable(err) {
			t.Errorf("%v", err)
		}
	})
	t.Run("files that do not help are named", func(t *testing.T) {
		t.Parallel()
		for name, settings := range map[string]redpanda.TLS{
			"TLS.CA": {CA: filepath.Join(t.TempDir(), "none")}, "no certificate in": {CA: os.Args[0]}, "TLS.Cert and TLS.Key": {Cert: "none", Key: "none"},
		} {
			config := config
			config.TLS = &settings
			if _, err := publisher.New(publisher.Config{Config: config}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v, want %q", err, name)
			}
		}
	})
}

func TestPublisher_Topic(t *testing.T) {
	t.Parallel()

	t.Run("is created as configured", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t, kfake.NumBrokers(3))
		config := configOf(cluster)
		config.Topic.Partitions, config.Topic.ReplicationFactor, config.Topic.Settings = 7, 2, map[string]string{"retention.ms": "-1"}
		if err := topictest.NewPublisher(t, config).Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		info := cluster.TopicInfo(config.Topic.Name)
		if partitions := len(cluster.PartitionInfos(config.Topic.Name)); partitions != 7 || info.NumReplicas != 2 || *info.Configs["retention.ms"] != "-1" {
			t.Errorf("%d partitions, %+v", partitions, info)
		}
	})

	t.Run("is taken as it is where it exists", func(t *testing.T) {
		t.Parallel()
		cluster := topictest.NewCluster(t)
		config := configOf(cluster)
		for _, partitions := range []int32{3, 5} {
			config.Topic.Partitions = partitions
			publish(t, topictest.NewPublisher(t, config), topictest.History(2)...)
		}
		if n := len(cluster.PartitionInfos(config.Topic.Name)); n != 3 {
			t.Errorf("%d partitions", n)
		}
	})

	t.Run("is missed where it must exist, until it does", func(t *testing.T) {
		t.Parallel()
		config := configOf(topictest.NewCluster(t))
		strict := config
		strict.Topic.MustExist = true
		p := topictest.NewPublisher(t, strict)
		for _, err := range []error{p.Connect(t.Context()), p.Publish(t.Context(), topictest.History(1)[0])} {
			if !errors.Is(err, redpanda.ErrRefused) || !errors.Is(err, ports.ErrUnavailable) || !topictest.ContainsAll(err.Error(), config.Topic.Name, "does not exist") {
				t.Errorf("%v, want ErrRefused", err)
			}
		}
		if err := topictest.NewPublisher(t, config).Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, p, topictest.History(2)...)
	})
}

func TestPublisher_ComesBeforeTheBroker(t *testing.T) {
	t.Parallel()
	b := topictest.NewBroker(t, t.TempDir())
	config := redpanda.Config{Brokers: []string{b.Address}, Topic: redpanda.Topic{Name: "events", ReplicationFactor: 1}, Timeout: time.Second}
	p := topictest.NewPublisher(t, config)
	err := p.Connect(t.Context())
	if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, redpanda.ErrRefused) || !topictest.ContainsAll(err.Error(), b.Address, "refused") {
		t.Errorf("%v, want ErrUnavailable, the broker and the reason", err)
	}
	b.Start(t)
	records := topictest.History(2)
	topictest.PublishInTime(t, p, records...)
	expectTopic(t, config, records)
}
