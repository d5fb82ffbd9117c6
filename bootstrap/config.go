package bootstrap

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/redpanda"
	"orderflow/adapters/scylla"
)

// Config is the whole configuration. Start from DefaultConfig.
type Config struct {
	// Store is the kind of the store.
	Store Store
	// Data is the directory of the embedded store.
	Data string
	// Scylla is the address and the settings of the cluster, for StoreScylla.
	Scylla scylla.Config
	// Listen is the address of the HTTP API, host:port. Port 0 chooses a free port.
	Listen string
	// Access says who may use the API.
	Access Access
	// AllowedHosts are the names that a request may have in its Host header, besides localhost and
	// the loopback addresses. When it is empty, a service that listens on a loopback address
	// accepts no other name, and any other service accepts every name.
	AllowedHosts []string
	// Retention is how long the change feed keeps a record. A consumer that was away for longer
	// catches up from the event store.
	Retention time.Duration
	// Sink is where the publisher sends events: "stdout", "none", "file:PATH", "redpanda", or empty
	// for the file [DefaultSinkName] in Data.
	Sink string
	// Redpanda is the address and the settings of the topic: for the sink, for the source, and for
	// verification.
	Redpanda redpanda.Config
	// Source is where the projections read their events.
	Source Source
	// GroupPrefix is the prefix of the consumer groups of the projections, for SourceRedpanda.
	GroupPrefix string
	// Lanes is the number of lanes of each consumer that fills a view: so many batches it handles
	// at once. 0 means as many as fit the store: 2 on the embedded store, where only the processor
	// limits, and few lanes make large batches; 32 on ScyllaDB, where most time is waiting.
	Lanes int
	// PublishLanes is the number of lanes of the publisher; 0 means as many as fit the sink: 4 for
	// a file and the standard output, 8 for a topic. A lane sends all that waits in it, and waits
	// for all of it. Few lanes make large batches: each has one message in the process, one write
	// of what the consumer keeps, and one wait. While a lane waits, the others collect the next
	// batches.
	PublishLanes int
	// StateCache is how many MiB of memory the states of orders may take between their commands. 0
	// keeps none.
	StateCache int
	// SnapshotEvery is the number of events between two snapshots of an order. 0 writes and reads
	// none.
	SnapshotEvery int
	// MaxEvents is the highest number of events of an order. 0 means that there is no such number.
	MaxEvents int
	// PersonalKey is the file with the service key of personal data. Personal fields are sealed
	// when it is given.
	PersonalKey string
	// PersonalKeys is the directory in which the embedded store keeps the keys of subjects. Empty
	// means Data with the suffix ".keys".
	PersonalKeys string
	// PublishPersonal says what is published of personal fields, with a PersonalKey.
	PublishPersonal PublishPersonal
	// CustomerIDs says what is stored as the id of a customer. Hashed ids need a PersonalKey.
	CustomerIDs CustomerIDs
	// PublishFrom says what a publisher sends to a target to which it has never published.
	PublishFrom PublishFrom
	// AcceptLoss lets a publisher of a restored store publish although its target has events that
	// the store does not have.
	AcceptLoss bool
	// ReconcileEvery is the time between two background checks of all aggregates. ReconcileRate is
	// how many aggregates it checks a second. A check of 10 million aggregates takes 2 h 47 min at
	// 1,000 a second.
	ReconcileEvery time.Duration
	ReconcileRate  int
	// Consumers are the consumers that may run in this process. None means all.
	Consumers []string
	// MaxLag is how far a working consumer may be behind before commands are refused until it has
	// caught up, see package pushback. 0 means that commands are never refused for that.
	MaxLag time.Duration
	// Heartbeat is the time between two heartbeats through the change feed.
	Heartbeat time.Duration
	// Chaos lets operators make faults on purpose. It is for practice: on the embedded store and on
	// a loopback address only.
	Chaos bool
	// RollbackGrace is how long the previous generation of a view is kept after a rebuild.
	RollbackGrace time.Duration
	// MostStreams bounds the live streams that clients have open, and MostStreamsOfClient those of
	// one client address.
	MostStreams, MostStreamsOfClient int
	// ShutdownTimeout bounds each step of a stop.
	ShutdownTimeout time.Duration
	// Passive makes a service that only answers, for tools that only read. No consumer runs, no
	// sink is opened, nothing is published, nothing expires, and other processes are not told of
	// the service.
	Passive bool
}

// Store is a kind of store.
type Store string

// The kinds of stores.
const (
	StoreEmbedded Store = "embedded"
	StoreScylla   Store = "scylla"
)

// DefaultConfig returns the configuration with which the binary starts.
func DefaultConfig() Config {
	return Config{
		Store:       StoreEmbedded,
		Data:        "data",
		Scylla:      scylla.Config{Keyspace: "orderflow"},
		Redpanda:    redpanda.Config{Topic: redpanda.Topic{Name: redpanda.DefaultTopic}},
		Source:      SourceStore,
		GroupPrefix: "orderflow.",
		Listen:      "127.0.0.1:8080",
		Access: Access{
			Auth: []Auth{AuthNone}, MetricsAuth: true,
			SessionLife: 12 * time.Hour,
			Limits:      endpoint.Limits{Rate: 5_000, Burst: 10_000, Concurrent: 512},
		},
		Retention:       24 * time.Hour,
		StateCache:      64,
		SnapshotEvery:   50,
		MaxEvents:       100_000,
		Heartbeat:       2 * time.Second,
		RollbackGrace:   time.Hour,
		PublishFrom:     PublishFromBeginning,
		PublishPersonal: PublishOmit,
		CustomerIDs:     CustomerIDsPlain,
		ReconcileEvery:  time.Hour,
		ReconcileRate:   1_000,
		ShutdownTimeout: 10 * time.Second,

		MostStreams: 256, MostStreamsOfClient: 32,
	}
}

// The numbers of lanes that fit what the effect of a consumer waits for.
const (
	lanesInProcess = 2
	lanesOnNetwork = 32
	lanesToFile    = 4
	lanesToTopic   = 8
)

// ViewLanes is Lanes, or the number that fits the store.
func (c Config) ViewLanes() int {
	if c.Store == StoreEmbedded {
		return cmp.Or(c.Lanes, lanesInProcess)
	}
	return cmp.Or(c.Lanes, lanesOnNetwork)
}

// publisherLanes is PublishLanes, or the number that fits the sink.
func (c Config) publisherLanes() int {
	if c.Sink == string(sinkRedpanda) {
		return cmp.Or(c.PublishLanes, lanesToTopic)
	}
	return cmp.Or(c.PublishLanes, lanesToFile)
}

// SettingError says what is wrong with a setting.
type SettingError struct {
	// Setting is the name of the setting, as flags have it; several are joined by " and ".
	Setting string
	// Problem is what the setting got and what it takes.
	Problem string
}

// Error implements error.
func (e *SettingError) Error() string { return e.Setting + ": " + e.Problem }

// settingErrors names the settings in what an adapter says about its configuration, whose fields
// have other names. Each error that err joins begins with the names of fields and a colon.
func settingErrors(err error, settings map[string]string) (errs []error) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	for _, err := range joined.Unwrap() {
		fields, text, _ := strings.Cut(err.Error(), ": ")
		names := strings.Split(fields, " and ")
		for i, field := range names {
			if name := settings[field]; name != "" {
				names[i] = name
			}
		}
		errs = append(errs, &SettingError{strings.Join(names, " and "), text})
	}
	return errs
}

// ValidateScylla reports everything that is wrong with the settings about ScyllaDB.
func (c Config) ValidateScylla() error {
	return errors.Join(settingErrors(c.Scylla.Validate(), map[string]string{
		"Hosts": "scylla-hosts", "Keyspace": "scylla-keyspace", "Username": "scylla-username", "Password": "scylla-password", "Timeout": "scylla-timeout",
		"ReplicationFactor": "scylla-replication-factor", "Replication": "scylla-replication", "TLS.Cert": "scylla-cert", "TLS.Key": "scylla-key",
	})...)
}

// Validate reports everything that is wrong with c, as [SettingError]s.
func (c Config) Validate() error {
	var errs []error
	bad := func(setting, format string, args ...any) {
		errs = append(errs, &SettingError{setting, fmt.Sprintf(format, args...)})
	}
	switch c.Store {
	case StoreEmbedded:
	case StoreScylla:
		if err := c.ValidateScylla(); err != nil {
			errs = append(errs, err)
		}
	default:
		bad("store", "%q is neither %s nor %s", c.Store, StoreEmbedded, StoreScylla)
	}
	if c.Data == "" {
		bad("data", "must name a directory")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen", "%q is not host:port", c.Listen)
	}
	c.Access.validate(c.Listen, bad)
	for _, host := range c.AllowedHosts {
		if host == "" || strings.ContainsAny(host, "/*?#@[] ") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			bad("allowed-hosts", "%q is neither a name nor an IP address; it has no port", host)
		}
	}
	if c.Retention < time.Second {
		bad("retention", "%s is less than a second", c.Retention)
	}
	if c.Lanes < 0 || c.Lanes > 1024 {
		bad("lanes", "%d is not 0 to 1024", c.Lanes)
	}
	if c.PublishLanes < 0 || c.PublishLanes > 4096 {
		bad("publish-lanes", "%d is not 0 to 4096", c.PublishLanes)
	}
	if c.StateCache < 0 || c.StateCache > 1<<16 {
		bad("state-cache", "%d is not 0 to %d MiB", c.StateCache, 1<<16)
	}
	if c.SnapshotEvery != 0 && (c.SnapshotEvery < 50 || c.SnapshotEvery > 1_000_000) {
		bad("snapshot-every", "%d is neither 0 nor 50 to 1000000", c.SnapshotEvery)
	}
	if c.MaxEvents < 0 {
		bad("max-events-per-order", "%d is negative", c.MaxEvents)
	}
	if c.PublishFrom != PublishFromBeginning && c.PublishFrom != PublishFromNow {
		bad("publish-from", "%q is neither %s nor %s", c.PublishFrom, PublishFromBeginning, PublishFromNow)
	}
	c.validatePersonal(bad)
	if c.ReconcileEvery < time.Minute {
		bad("reconcile-every", "%s is less than a minute", c.ReconcileEvery)
	}
	if c.ReconcileRate < 1 || c.ReconcileRate > 1_000_000 {
		bad("reconcile-rate", "%d is not 1 to 1000000", c.ReconcileRate)
	}
	if c.Chaos && (c.Store != StoreEmbedded || !isLoopback(c.Listen)) {
		bad("chaos", "faults are made on the embedded store and on a loopback address only, never where others work")
	}
	if c.MaxLag != 0 && c.MaxLag < time.Second {
		bad("max-lag-before-pushback", "%s is neither 0 nor 1s or more", c.MaxLag)
	}
	if c.Heartbeat < 100*time.Millisecond || c.Heartbeat > time.Minute {
		bad("heartbeat", "%s is not 100ms to 1m", c.Heartbeat)
	}
	if c.MostStreams < 1 || c.MostStreams > 10_000 {
		bad("streams", "%d is not 1 to 10000", c.MostStreams)
	}
	if c.MostStreamsOfClient < 1 || c.MostStreamsOfClient > 10_000 {
		bad("streams-per-client", "%d is not 1 to 10000", c.MostStreamsOfClient)
	}
	if c.RollbackGrace <= 0 {
		bad("rollback-grace", "%s is not positive", c.RollbackGrace)
	}
	if c.ShutdownTimeout <= 0 {
		bad("shutdown-timeout", "%s is not positive", c.ShutdownTimeout)
	}
	if target, err := parseSink(c.Sink, c.Data); err != nil {
		errs = append(errs, err)
	} else {
		known := consumerNames(target)
		for _, name := range c.Consumers {
			if !slices.Contains(known, name) {
				bad("consumers", "%q is none of %s", name, strings.Join(known, ", "))
			}
		}
	}
	if err := c.validateTopic(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// DefaultSinkName is the name of the file in the data directory to which events are published when
// no sink is given.
const DefaultSinkName = "order-events.jsonl"

// sinkKind is a kind of target to which events are published.
type sinkKind string

const (
	sinkNone     sinkKind = "none"
	sinkStdout   sinkKind = "stdout"
	sinkFile     sinkKind = "file"
	sinkRedpanda sinkKind = "redpanda"
)

type sink struct {
	kind sinkKind
	path string
}

const publisherSuffix = "-publisher"

// consumer names the publisher after its target. Another target has not received the events of this
// one, so it gets another consumer with its own offset.
func (s sink) consumer() string { return string(s.kind) + publisherSuffix }

func parseSink(setting, data string) (sink, error) {
	switch kind, path, _ := strings.Cut(setting, ":"); {
	case setting == "":
		return sink{kind: sinkFile, path: filepath.Join(data, DefaultSinkName)}, nil
	case setting == string(sinkNone), setting == string(sinkStdout), setting == string(sinkRedpanda):
		return sink{kind: sinkKind(setting)}, nil
	case kind == string(sinkFile) && path != "":
		return sink{kind: sinkFile, path: path}, nil
	default:
		return sink{}, &SettingError{"sink", fmt.Sprintf("%q is none of stdout, none, redpanda and file:PATH", setting)}
	}
}
