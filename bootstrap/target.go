package bootstrap

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/application/filling"
	"orderflow/ports"
)

// PublishFrom says what a publisher sends to a target to which it has never published.
type PublishFrom string

// The values of PublishFrom.
const (
	// PublishFromBeginning: every event from the first one.
	PublishFromBeginning PublishFrom = "beginning"
	// PublishFromNow: the events that are committed after the start of the process.
	PublishFromNow PublishFrom = "now"
)

// identified is a publisher that knows the identity of its target better than its address does.
type identified interface {
	// Identity changes when the target at the address is replaced.
	Identity() string
}

// identity names the target of a publisher. It is compared with the target to which the publisher
// was bound.
func (a *App) identity(target sink, publisher any) (string, error) {
	if known, ok := publisher.(identified); ok && known.Identity() != "" {
		return string(target.kind) + ":" + known.Identity(), nil
	}
	switch target.kind {
	case sinkFile: // a passive service does not open it
		id, err := cloudevents.ReadIdentity(target.path)
		return string(sinkFile) + ":" + id, err
	case sinkRedpanda:
		brokers := slices.Sorted(slices.Values(a.config.Redpanda.Brokers))
		return string(sinkRedpanda) + ":" + a.config.Redpanda.Topic.Name + "@" + strings.Join(brokers, ","), nil
	default:
		return string(target.kind), nil
	}
}

// sameTarget reports whether two identities name the same target. A list of brokers may change:
// while one broker remains in it, it is the same cluster.
func sameTarget(a, b string) bool {
	if a == b {
		return true
	}
	topicA, brokersA, okA := strings.Cut(a, "@")
	topicB, brokersB, okB := strings.Cut(b, "@")
	if !okA || !okB || topicA != topicB || !strings.HasPrefix(a, string(sinkRedpanda)+":") {
		return false
	}
	known := strings.Split(brokersA, ",")
	return slices.ContainsFunc(strings.Split(brokersB, ","),
		func(broker string) bool { return slices.Contains(known, broker) })
}

// publisherName returns the name of the consumer that publishes to a target, and binds it to the
// target.
func (a *App) publisherName(ctx context.Context, target sink, identity string) (string, error) {
	plain := target.consumer()
	binder := filling.Binder{
		Views: a.store, Leases: a.store.leases, Owner: ports.LeaseOwner{ID: uuid.New(), Address: a.URL()}, Same: sameTarget,
	}
	if a.config.Passive {
		name, _, err := binder.Find(ctx, plain, identity)
		return name, err
	}
	name, bound, err := binder.Bind(ctx, plain, identity)
	if err == nil && name != plain && bound == "" {
		a.log.Warn("the publisher has a new target and starts as a new consumer",
			"consumer", name, "target", identity, "publish_from", a.config.PublishFrom)
	}
	return name, err
}
