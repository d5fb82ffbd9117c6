package redpanda

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Config holds the address of the cluster, how to connect to it, and the topic. Only Brokers is
// required. Errors name its fields, see [SettingError].
type Config struct {
	// Brokers are the first brokers to connect to, as "host:port". The client finds the others
	// through them.
	Brokers []string
	Topic   Topic
	// Compression of published messages. Empty means none.
	Compression Compression
	// Source is the CloudEvents source of published events. Empty means "/orderflow".
	Source string
	// Store is the id of the event store. Published events carry it, so that a reader knows which
	// store they come from. Empty means that they do not, and that readers do not compare it.
	Store uuid.UUID
	// Metadata also publishes the metadata of each event, which may name users. Without it only the
	// trace context is published.
	Metadata bool

	// TLS is nil for plain connections.
	TLS *TLS
	// SASL is nil for connections without a user.
	SASL *SASL

	// ClientID is the name of this process in the logs and quotas of brokers. Empty means
	// "orderflow".
	ClientID string
	// Timeout bounds one request and one attempt to connect. 0 means 10 seconds. A broker that died
	// without closing its connections is noticed after this time. Publish gives up after at most
	// twice this time.
	Timeout time.Duration
	// Logger gets what an operator should know. Nil means no log.
	Logger *slog.Logger
}

// Topic is the topic to which events are published. A topic that exists is used as it is.
type Topic struct {
	// Name is "order-events" when empty.
	Name string
	// Partitions is the number of partitions of a new topic. 0 means 12. All events of an order are
	// in one partition.
	Partitions int32
	// ReplicationFactor is the number of copies of each partition of a new topic. 0 means the
	// broker's default.
	ReplicationFactor int16
	// Settings are further settings of a new topic, such as retention.ms.
	Settings map[string]string
	// MustExist refuses to create the topic.
	MustExist bool
	// AllowCompacted uses a topic although brokers compact it, see [ErrCompacted].
	AllowCompacted bool
}

// Compression is a compression of batches.
type Compression string

// The compressions.
const (
	CompressionNone Compression = "none"
	CompressionZstd Compression = "zstd"
	CompressionLZ4  Compression = "lz4"
)

// TLS configures encryption. The name in the certificate of each broker is always verified.
type TLS struct {
	// CA is the file with the certificates of trusted authorities. Empty means those of the system.
	CA string
	// Cert and Key are the files with the client's certificate: both or neither.
	Cert, Key string
	// ServerName is the name that certificates must have. Empty means the address that was dialled.
	ServerName string
}

// SASL is the user of connections. PLAIN sends the password unencrypted, so use it with TLS only.
type SASL struct {
	// Mechanism is SCRAM-SHA-512 when empty.
	Mechanism          Mechanism
	Username, Password string
}

// Mechanism is a SASL mechanism.
type Mechanism string

// The mechanisms.
const (
	MechanismPlain       Mechanism = "PLAIN"
	MechanismScramSHA256 Mechanism = "SCRAM-SHA-256"
	MechanismScramSHA512 Mechanism = "SCRAM-SHA-512"
)

// DefaultTopic is the default name of the topic.
const DefaultTopic = "order-events"

var (
	compressions = []Compression{"", CompressionNone, CompressionZstd, CompressionLZ4}
	mechanisms   = []Mechanism{"", MechanismPlain, MechanismScramSHA256, MechanismScramSHA512}
	topicName    = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
)

// Validate returns everything that is wrong, each with the name of its field. It does not read
// files.
func (c Config) Validate() error {
	var problems []error
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	problem(len(c.Brokers) == 0, "Brokers: none given")
	for _, broker := range c.Brokers {
		host, port, err := net.SplitHostPort(broker)
		problem(err != nil || host == "" || port == "", "Brokers: %q is not host:port", broker)
	}
	name := c.Topic.Name
	problem(name != "" && !topicName.MatchString(name) || name == "." || name == "..",
		"Topic.Name: %q is not 1 to 249 letters, digits, dots, underscores and hyphens", name)
	problem(c.Topic.Partitions < 0, "Topic.Partitions: %d is negative", c.Topic.Partitions)
	problem(c.Topic.ReplicationFactor < 0, "Topic.ReplicationFactor: %d is negative", c.Topic.ReplicationFactor)
	problem(!slices.Contains(compressions, c.Compression), "Compression: %q is none of none, zstd, lz4", c.Compression)
	problem(c.Timeout != 0 && (c.Timeout < time.Second || c.Timeout > 10*time.Minute),
		"Timeout: %s is not 1s to 10m", c.Timeout)
	if c.TLS != nil {
		problem((c.TLS.Cert == "") != (c.TLS.Key == ""), "TLS.Cert and TLS.Key: only one of them given")
	}
	if c.SASL != nil {
		problem(!slices.Contains(mechanisms, c.SASL.Mechanism),
			"SASL.Mechanism: %q is none of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.SASL.Mechanism)
		problem(c.SASL.Username == "" || c.SASL.Password == "", "SASL.Username and SASL.Password: both are needed")
	}
	if len(problems) > 0 {
		return fmt.Errorf("redpanda configuration: %w", errors.Join(problems...))
	}
	return nil
}

// WithDefaults returns c with defaults for everything that is not set.
func (c Config) WithDefaults() Config {
	if c.Topic.Name == "" {
		c.Topic.Name = DefaultTopic
	}
	if c.Topic.Partitions == 0 {
		c.Topic.Partitions = 12
	}
	if c.Topic.ReplicationFactor == 0 {
		c.Topic.ReplicationFactor = -1 // the broker's default
	}
	if c.Source == "" {
		c.Source = "/orderflow"
	}
	if c.ClientID == "" {
		c.ClientID = "orderflow"
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.SASL != nil && c.SASL.Mechanism == "" {
		user := *c.SASL
		user.Mechanism = MechanismScramSHA512
		c.SASL = &user
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
