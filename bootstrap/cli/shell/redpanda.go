package shell

import (
	"time"

	"github.com/spf13/pflag"

	"orderflow/adapters/redpanda"
)

// redpandaOptions holds the parts of the configuration that are set only when they are switched on.
type redpandaOptions struct {
	tls      bool
	settings redpanda.TLS
	user     redpanda.SASL
}

func (sh *Shell) redpandaFlags(flags *pflag.FlagSet) {
	c, o := &sh.Config.Redpanda, &sh.redpanda
	flags.StringSliceVar(&c.Brokers, "brokers", nil,
		"brokers of Redpanda or Kafka to connect to first, host:port, with commas between them")
	flags.StringVar((*string)(&sh.Config.Source), "source", string(sh.Config.Source),
		"where projections read events: cdc (the change feed of the store) or redpanda (the topic, whose partitions processes share)")
	flags.StringVar(&sh.Config.GroupPrefix, "group-prefix", sh.Config.GroupPrefix,
		"prefix of the consumer groups of the projections")
	flags.StringVar(&c.Topic.Name, "topic", c.Topic.Name, "topic that events are published to and read from")
	flags.Int32Var(&c.Topic.Partitions, "topic-partitions", 12, "partitions, when the topic is created")
	flags.Int16Var(&c.Topic.ReplicationFactor, "topic-replication-factor", 0,
		"copies of each partition, when the topic is created (default: the brokers')")
	flags.BoolVar(&c.Topic.MustExist, "topic-must-exist", false, "do not create the topic")
	flags.BoolVar(&c.Topic.AllowCompacted, "allow-compacted", false,
		"use the topic although brokers compact it, which deletes all events of an order but the last one")
	flags.StringVar((*string)(&c.Compression), "topic-compression", "none", "compression of messages: none, zstd or lz4")
	flags.BoolVar(&c.Metadata, "topic-metadata", false, "also publish the metadata of events, which may name users")
	flags.DurationVar(&c.Timeout, "redpanda-timeout", 10*time.Second, "timeout of one request")
	flags.BoolVar(&o.tls, "redpanda-tls", false, "encrypt connections and verify the brokers' certificates")
	flags.StringVar(&o.settings.CA, "redpanda-ca", "", "file with the certificates to trust (default: those of the system)")
	flags.StringVar(&o.settings.Cert, "redpanda-cert", "", "file with the client's certificate")
	flags.StringVar(&o.settings.Key, "redpanda-key", "", "file with the key of the client's certificate")
	flags.StringVar(&o.settings.ServerName, "redpanda-server-name", "",
		"name that the brokers' certificates must be for (default: the address)")
	flags.StringVar((*string)(&o.user.Mechanism), "redpanda-sasl", "",
		"SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (the default)")
	flags.StringVar(&o.user.Username, "redpanda-username", "", "user (default: none)")
	flags.StringVar(&o.user.Password, "redpanda-password", "",
		"password; better in the environment than on the command line")
}

// complete fills in the configuration when all flags are known.
func (o *redpandaOptions) complete(c *redpanda.Config) {
	if o.tls {
		c.TLS = &o.settings
	}
	if o.user != (redpanda.SASL{}) {
		c.SASL = &o.user
	}
}
