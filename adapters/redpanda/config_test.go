package redpanda_test

import (
	"strings"
	"testing"
	"time"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/topictest"
	"orderflow/adapters/redpanda/publisher"
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
			if _, err := publisher.New(publisher.Config{Config: config}); err == nil {
				t.Error("there is a publisher")
			}
		})
	}
	t.Run("everything at once", func(t *testing.T) {
		t.Parallel()
		err := redpanda.Config{Compression: "rar", Topic: redpanda.Topic{Partitions: -1}}.Validate()
		if err == nil || !topictest.ContainsAll(err.Error(), "Brokers", "Compression", "Topic.Partitions") {
			t.Errorf("%v does not say everything", err)
		}
	})
}
