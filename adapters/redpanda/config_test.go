package redpanda_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/ports"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	valid := func() redpanda.Config { return redpanda.Config{Brokers: []string{"localhost:9092", "[::1]:9092"}} }
	if err := valid().Validate(); err != nil {
		t.Errorf("the least: %v", err)
	}
	for want, change := range map[string]func(*redpanda.Config){
		"Brokers: none":                     func(c *redpanda.Config) { c.Brokers = nil },
		`Brokers: "localhost" is not`:       func(c *redpanda.Config) { c.Brokers = []string{"localhost"} },
		`Brokers: ":9092" is not`:           func(c *redpanda.Config) { c.Brokers = []string{":9092"} },
		`Brokers: "localhost:" is not`:      func(c *redpanda.Config) { c.Brokers = []string{"localhost:"} },
		`Topic.Name: "a b"`:                 func(c *redpanda.Config) { c.Topic.Name = "a b" },
		`Topic.Name: ".."`:                  func(c *redpanda.Config) { c.Topic.Name = ".." },
		"Topic.Partitions: -1":              func(c *redpanda.Config) { c.Topic.Partitions = -1 },
		"Topic.ReplicationFactor: -1":       func(c *redpanda.Config) { c.Topic.ReplicationFactor = -1 },
		`Compression: "rar"`:                func(c *redpanda.Config) { c.Compression = "rar" },
		"Timeout: 1ms":                      func(c *redpanda.Config) { c.Timeout = time.Millisecond },
		"Timeout: 1h":                       func(c *redpanda.Config) { c.Timeout = time.Hour },
		"TLS.Cert and TLS.Key":              func(c *redpanda.Config) { c.TLS = &redpanda.TLS{Cert: "x"} },
		`SASL.Mechanism: "GSSAPI"`:          func(c *redpanda.Config) { c.SASL = &redpanda.SASL{Mechanism: "GSSAPI"} },
		"SASL.Username and SASL.Password":   func(c *redpanda.Config) { c.SASL = &redpanda.SASL{Username: "u"} },
		"SASL.Username and SASL.Password: ": func(c *redpanda.Config) { c.SASL = &redpanda.SASL{Password: "p"} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			config := valid()
			change(&config)
			if err := config.Validate(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			if _, err := redpanda.NewPublisher(config); err == nil {
				t.Error("there is a publisher")
			}
		})
	}
	t.Run("everything at once", func(t *testing.T) {
		t.Parallel()
		err := redpanda.Config{Compression: "rar", Topic: redpanda.Topic{Partitions: -1}}.Validate()
		if err == nil || !containsAll(err.Error(), "Brokers", "Compression", "Topic.Partitions") {
			t.Errorf("%v does not say everything", err)
		}
	})
}

func TestPublisher_Users(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []redpanda.Mechanism{redpanda.MechanismPlain, redpanda.MechanismScramSHA256, redpanda.MechanismScramSHA512} {
		t.Run(string(mechanism), func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, kfake.EnableSASL(), kfake.Superuser(string(mechanism), "ada", "secret"))
			config := configOf(cluster)
			config.SASL = &redpanda.SASL{Mechanism: mechanism, Username: "ada", Password: "secret"}
			publish(t, newPublisher(t, config), history(2)...)

			config.SASL = &redpanda.SASL{Mechanism: mechanism, Username: "ada", Password: "guessed"}
			p := newPublisher(t, config)
			// This broker hangs up.
			if err := p.Connect(t.Context()); !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "wrong user or password") {
				t.Errorf("a wrong password: %v", err)
			}
			// Real ones give an answer.
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: kerr.SaslAuthenticationFailed, TopLevel: true, Count: -1})
			for _, err := range []error{p.Connect(t.Context()), p.Publish(t.Context(), history(1)[0])} {
				if !errors.Is(err, redpanda.ErrRefused) || !errors.Is(err, ports.ErrUnavailable) {
					t.Fatalf("a wrong password: %v", err)
				}
				if !containsAll(err.Error(), "SASL_AUTHENTICATION_FAILED", config.Brokers[0]) || strings.Contains(err.Error(), "guessed") {
					t.Errorf("a wrong password: %v", err)
				}
			}
		})
	}
}

func TestPublisher_Encryption(t *testing.T) {
	t.Parallel()
	certificate, ca := newCertificate(t)
	cluster := newCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	config := configOf(cluster)

	t.Run("a certificate of a known authority is taken", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{CA: ca}
		publish(t, newPublisher(t, config), history(2)...)
	})
	t.Run("another one is not", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{}
		if err := newPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("nor is one for another name", func(t *testing.T) {
		t.Parallel()
		config := config
		config.TLS = &redpanda.TLS{CA: ca, ServerName: "elsewhere"}
		if err := newPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) || !strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("%v, want ErrRefused", err)
		}
	})
	t.Run("the client shows its own where one is wanted", func(t *testing.T) {
		t.Parallel()
		pool := x509.NewCertPool()
		pool.AddCert(certificate.Leaf)
		config := configOf(newCluster(t, kfake.TLS(&tls.Config{
			Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		})))
		config.TLS = &redpanda.TLS{CA: ca}
		if err := newPublisher(t, config).Connect(t.Context()); !errors.Is(err, redpanda.ErrRefused) {
			t.Errorf("without one: %v, want ErrRefused", err)
		}
		config.TLS.Cert, config.TLS.Key = ca, keyFile(t, certificate)
		publish(t, newPublisher(t, config), history(2)...)
	})
	t.Run("without it nothing is published", func(t *testing.T) {
		t.Parallel()
		config := config
		config.Timeout = time.Second
		if err := newPublisher(t, config).Publish(t.Context(), history(1)[0]); !isRetryable(err) {
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
			if _, err := redpanda.NewPublisher(config); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v, want %q", err, name)
			}
		}
	})
}

// newCertificate returns a certificate for loopback and a file with the authority that it is of.
func newCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, path
}

// keyFile returns a file with the key of a certificate.
func keyFile(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPublisher_Topic(t *testing.T) {
	t.Parallel()

	t.Run("is created as configured", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t, kfake.NumBrokers(3))
		config := configOf(cluster)
		config.Topic.Partitions, config.Topic.ReplicationFactor, config.Topic.Settings = 7, 2, map[string]string{"retention.ms": "-1"}
		if err := newPublisher(t, config).Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		info := cluster.TopicInfo(config.Topic.Name)
		if partitions := len(cluster.PartitionInfos(config.Topic.Name)); partitions != 7 || info.NumReplicas != 2 || *info.Configs["retention.ms"] != "-1" {
			t.Errorf("%d partitions, %+v", partitions, info)
		}
	})

	t.Run("is taken as it is where it exists", func(t *testing.T) {
		t.Parallel()
		cluster := newCluster(t)
		config := configOf(cluster)
		for _, partitions := range []int32{3, 5} {
			config.Topic.Partitions = partitions
			publish(t, newPublisher(t, config), history(2)...)
		}
		if n := len(cluster.PartitionInfos(config.Topic.Name)); n != 3 {
			t.Errorf("%d partitions", n)
		}
	})

	t.Run("is missed where it must exist, until it does", func(t *testing.T) {
		t.Parallel()
		config := configOf(newCluster(t))
		strict := config
		strict.Topic.MustExist = true
		p := newPublisher(t, strict)
		for _, err := range []error{p.Connect(t.Context()), p.Publish(t.Context(), history(1)[0])} {
			if !errors.Is(err, redpanda.ErrRefused) || !errors.Is(err, ports.ErrUnavailable) || !containsAll(err.Error(), config.Topic.Name, "does not exist") {
				t.Errorf("%v, want ErrRefused", err)
			}
		}
		if err := newPublisher(t, config).Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		publish(t, p, history(2)...)
	})
}

func TestPublisher_ComesBeforeTheBroker(t *testing.T) {
	t.Parallel()
	b := newBroker(t, t.TempDir())
	config := redpanda.Config{Brokers: []string{b.address}, Topic: redpanda.Topic{Name: "events", ReplicationFactor: 1}, Timeout: time.Second}
	p := newPublisher(t, config)
	err := p.Connect(t.Context())
	if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, redpanda.ErrRefused) || !containsAll(err.Error(), b.address, "refused") {
		t.Errorf("%v, want ErrUnavailable, the broker and the reason", err)
	}
	b.start(t)
	records := history(2)
	publishInTime(t, p, records...)
	expectTopic(t, config, records)
}
