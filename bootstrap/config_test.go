package bootstrap

import (
	"strings"
	"testing"
	"time"
)

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no directory":           {func(c *Config) { c.Data = "" }, "data:"},
		"no port":                {func(c *Config) { c.Listen = "localhost" }, `listen: "localhost"`},
		"a host with a port":     {func(c *Config) { c.AllowedHosts = []string{"shop.example", "shop.example:80"} }, `allowed-hosts: "shop.example:80"`},
		"a host that is a URL":   {func(c *Config) { c.AllowedHosts = []string{"http://shop.example"} }, `allowed-hosts: "http://shop.example"`},
		"a host that is many":    {func(c *Config) { c.AllowedHosts = []string{"*.example"} }, `allowed-hosts: "*.example"`},
		"a retention of nothing": {func(c *Config) { c.Retention = time.Millisecond }, "retention: 1ms"},
		"a lag of a moment":      {func(c *Config) { c.MaxLag = time.Millisecond }, "max-lag-before-pushback: 1ms"},
		"a slow heartbeat":       {func(c *Config) { c.Heartbeat = time.Hour }, "heartbeat: 1h0m0s"},
		"no grace":               {func(c *Config) { c.RollbackGrace = 0 }, "rollback-grace:"},
		"an unknown consumer":    {func(c *Config) { c.Consumers = []string{"nobody"} }, `consumers: "nobody"`},
		"less than no lanes":     {func(c *Config) { c.Lanes = -1 }, "lanes: -1"},
		"too many lanes":         {func(c *Config) { c.Lanes = 1025 }, "lanes: 1025"},
		"no lanes to publish":    {func(c *Config) { c.PublishLanes = -1 }, "publish-lanes: -1"},
		"too many snapshots":     {func(c *Config) { c.SnapshotEvery = 10 }, "snapshot-every: 10"},
		"less than no events":    {func(c *Config) { c.MaxEvents = -1 }, "max-events-per-order: -1"},
		"less than no cache":     {func(c *Config) { c.StateCache = -1 }, "state-cache: -1"},
		"no time to stop":        {func(c *Config) { c.ShutdownTimeout = 0 }, "shutdown-timeout:"},
		"an unknown sink":        {func(c *Config) { c.Sink = "pigeon" }, `sink: "pigeon"`},
		"a sink without a path":  {func(c *Config) { c.Sink = "file:" }, `sink: "file:"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := DefaultConfig()
			test.change(&config)
			if err := config.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	t.Run("hosts", func(t *testing.T) {
		t.Parallel()
		config := DefaultConfig()
		config.AllowedHosts = []string{"shop.example", "10.0.0.7", "fe80::1", "shop"}
		if err := config.Validate(); err != nil {
			t.Error(err)
		}
	})
	t.Run("everything at once", func(t *testing.T) {
		t.Parallel()
		err := Config{}.Validate()
		for _, setting := range []string{"data:", "listen:", "retention:", "shutdown-timeout:"} {
			if err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("%v does not name %s", err, setting)
			}
		}
	})
}

func TestParseSink(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]sink{
		"":                  {kind: sinkFile, path: "dir/order-events.jsonl"},
		"none":              {kind: sinkNone},
		"stdout":            {kind: sinkStdout},
		"file:/var/x:y.log": {kind: sinkFile, path: "/var/x:y.log"},
	} {
		if got, err := parseSink(setting, "dir"); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", setting, got, err, want)
		}
	}
}

// The number of lanes fits what the effect waits for, unless it is given.
func TestConfig_lanes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config      Config
		view, topic int
	}{
		"embedded":         {Config{Store: StoreEmbedded}, 2, 4},
		"scylla":           {Config{Store: StoreScylla}, 32, 4},
		"a topic":          {Config{Store: StoreEmbedded, Sink: "redpanda"}, 2, 8},
		"given":            {Config{Store: StoreScylla, Lanes: 7, PublishLanes: 9}, 7, 9},
		"given on the own": {Config{Store: StoreEmbedded, Lanes: 7, PublishLanes: 9}, 7, 9},
	} {
		if view, topic := test.config.ViewLanes(), test.config.publisherLanes(); view != test.view || topic != test.topic {
			t.Errorf("%s: %d and %d lanes, want %d and %d", name, view, topic, test.view, test.topic)
		}
	}
}
