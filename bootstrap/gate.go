package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/adapters/cloudevents"
	"orderflow/adapters/redpanda/source"
	"orderflow/application/audit"
	"orderflow/application/failure"
	"orderflow/application/incarnation"
	"orderflow/ports"
)

// openGate puts a gate in front of the publisher, for the case that the store was restored.
func (a *App) openGate(ctx context.Context, target sink) (*incarnation.Gate, error) {
	id, err := a.store.StoreID(ctx)
	if err != nil {
		return nil, err
	}
	return incarnation.Open(ctx, incarnation.Config{
		Publisher: a.publisher, Store: id, Views: a.store, AcceptLoss: a.config.AcceptLoss, Logger: a.log,
		Ahead:   func(ctx context.Context) (string, error) { return a.ahead(ctx, target) },
		Backoff: failure.Backoff{First: time.Second, Max: time.Minute},
	})
}

// ahead returns what a target has that is not in the store.
func (a *App) ahead(ctx context.Context, target sink) (text string, err error) {
	var reader ports.TopicReader
	switch target.kind {
	case sinkFile:
		reader = cloudevents.NewFileReader(target.path)
	case sinkRedpanda:
		topic, err := source.NewTopicReader(a.redpanda())
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, topic.Close()) }()
		reader = topic
	default:
		return "", nil // it cannot be read
	}
	verifier := audit.New(audit.Config{Store: a.store, Topic: reader})
	report, err := verifier.VerifyTopic(ctx, ports.TopicOptions{From: ports.FromBegin})
	if errors.Is(err, ports.ErrNotFound) {
		return "", nil
	}
	if err != nil || report.Unknown == 0 {
		return "", err
	}
	text = fmt.Sprintf("%d messages that are no events of the store", report.Unknown)
	for _, found := range report.Shown {
		if found.Kind == ports.TopicUnknown {
			return fmt.Sprintf("%s, such as event %d of %s", text, found.SequenceNumber, found.AggregateID), nil
		}
	}
	return text, nil
}
