package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/source"
	"orderflow/application/audit"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Source is where the projections read their events. The publisher always reads them from the
// store.
type Source string

// The sources.
const (
	// SourceStore is the change feed of the store.
	SourceStore Source = "cdc"
	// SourceRedpanda is the topic that a publisher fills, in this process or in another one.
	SourceRedpanda Source = "redpanda"
)

// validateTopic returns what is wrong with the settings of the topic.
func (c Config) validateTopic() error {
	var errs []error
	switch c.Source {
	case SourceStore:
	case SourceRedpanda:
		if c.Store == StoreEmbedded {
			// The embedded store does not sync its views one by one. After a crash its views and
			// its own offsets fall back together. The offsets of a consumer group would stay ahead
			// of the views.
			errs = append(errs, &SettingError{
				"source",
				fmt.Sprintf("%s needs a store that processes share, so --store=%s", SourceRedpanda, StoreScylla),
			})
		}
	default:
		errs = append(errs, &SettingError{
			"source", fmt.Sprintf("%q is neither %s nor %s", c.Source, SourceStore, SourceRedpanda),
		})
	}
	target, err := parseSink(c.Sink, c.Data)
	needed := !c.Passive && (c.Source == SourceRedpanda || err == nil && target.kind == sinkRedpanda)
	if needed && !c.hasTopic() {
		errs = append(errs, &SettingError{"brokers", "none given, but the topic needs them"})
	}
	if c.hasTopic() {
		errs = append(errs, settingErrors(c.Redpanda.Validate(), map[string]string{
			"Brokers": "brokers", "Topic.Name": "topic", "Topic.Partitions": "topic-partitions", "Topic.ReplicationFactor": "topic-replication-factor",
			"Compression": "topic-compression", "Timeout": "redpanda-timeout", "TLS.Cert": "redpanda-cert", "TLS.Key": "redpanda-key",
			"SASL.Mechanism": "redpanda-sasl", "SASL.Username": "redpanda-username", "SASL.Password": "redpanda-password",
		})...)
	}
	return errors.Join(errs...)
}

func (c Config) hasTopic() bool { return len(c.Redpanda.Brokers) > 0 }

// redpanda returns the configuration together with the logger of the process.
func (a *App) redpanda() redpanda.Config {
	config := a.config.Redpanda
	config.Logger, config.Store = a.log, a.storeID
	return config
}

// openSource returns the feed of the projections.
func (a *App) openSource(ctx context.Context) (_ ports.ChangeFeed, err error) {
	if a.config.Passive || !a.config.hasTopic() {
		return a.store, nil
	}
	if a.storeID, err = a.store.StoreID(ctx); err != nil || a.config.Source != SourceRedpanda {
		return a.store, err
	}
	feed, err := source.NewFeed(source.Config{Config: a.redpanda(), GroupPrefix: a.config.GroupPrefix, Admit: a.admit})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, feed)
	return feed, nil
}

// admit returns why consumers stop at an event that another store has published. They do not when
// the event is in this store, too, because that was filled from the other one.
func (a *App) admit(ctx context.Context, other uuid.UUID, event eventsourcing.Record) error {
	if a.config.AcceptLoss {
		return nil
	}
	stored, err := a.store.LoadPage(ctx, event.AggregateID, event.SequenceNumber-1, 1)
	switch {
	case errors.Is(err, ports.ErrCorrupt): // the consumer parks the aggregate
		return nil
	case err != nil:
		return fmt.Errorf("look for an event of store %s: %w", other, err)
	case len(stored) > 0 && stored[0].EventID == event.EventID:
		return nil
	}
	return fmt.Errorf("the topic %s has events of store %s, such as event %d of %s, and this is "+
		"store %s, which does not have it. Nothing more is read. If another service uses the topic, "+
		"give one of the two another --topic and --group-prefix. If this is a new store for the same "+
		"topic, serve with --accept-loss: then the events that it does not have are passed over",
		a.config.Redpanda.WithDefaults().Topic.Name, other, event.SequenceNumber, event.AggregateID, a.storeID)
}

// openTopicVerifier compares the topic with the event store, or without brokers the file that
// events go to. It is nil when there is neither.
func (a *App) openTopicVerifier() (ports.TopicVerifier, error) {
	if !a.config.hasTopic() {
		target, err := parseSink(a.config.Sink, a.config.Data)
		if err != nil || target.kind != sinkFile {
			return nil, err
		}
		return audit.New(audit.Config{Store: a.store, Compared: a.compared(), Topic: cloudevents.NewFileReader(target.path)}), nil
	}
	topic, err := source.NewTopicReader(a.redpanda())
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, topic)
	return wholeTopic{audit.New(audit.Config{Store: a.store, Compared: a.compared(), Topic: topic})}, nil
}

// wholeTopic refuses to compare a topic that brokers compact: most of its events would be missing.
type wholeTopic struct{ ports.TopicVerifier }

// VerifyTopic implements ports.TopicVerifier.
func (w wholeTopic) VerifyTopic(ctx context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
	report, err := w.TopicVerifier.VerifyTopic(ctx, options)
	if errors.Is(err, redpanda.ErrCompacted) {
		err = &ports.RefusedError{Reason: withFlags(err).Error()}
	}
	return report, err
}

// TopicFlags returns the flag of each setting that an error about the topic may name.
func TopicFlags() map[string]string {
	return map[string]string{
		"Brokers": "--brokers", "Timeout": "--redpanda-timeout",
		"TLS": "--redpanda-tls", "TLS.CA": "--redpanda-ca", "TLS.Cert": "--redpanda-cert", "TLS.Key": "--redpanda-key",
		"TLS.ServerName": "--redpanda-server-name",
		"SASL":           "--redpanda-sasl", "SASL.Mechanism": "--redpanda-sasl", "SASL.Username": "--redpanda-username",
		"SASL.Password": "--redpanda-password",
		"Topic.Name":    "--topic", "Topic.Partitions": "--topic-partitions", "Topic.ReplicationFactor": "--topic-replication-factor",
		"Topic.AllowCompacted": "--allow-compacted",
	}
}

// withFlags adds to an error about the topic which flags to look at.
func withFlags(err error) error {
	about, ok := errors.AsType[*redpanda.SettingError](err)
	if !ok {
		return err
	}
	var flags []string
	for _, setting := range strings.Split(about.Setting, " and ") {
		if flag := TopicFlags()[setting]; flag != "" {
			flags = append(flags, flag)
		}
	}
	if len(flags) == 0 {
		return err
	}
	return fmt.Errorf("%w; see %s", err, strings.Join(flags, " and "))
}
