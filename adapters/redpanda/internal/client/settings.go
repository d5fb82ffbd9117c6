package client

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
)

// Names of the settings of a topic that matter to events.
const (
	maxMessageBytes = "max.message.bytes"
	cleanupPolicy   = "cleanup.policy"
	compact         = "compact"
)

// TopicSettings are those settings of a topic that matter to events. One that the user may not read
// has its zero value.
type TopicSettings struct {
	// MaxBytes is the highest number of bytes of a batch, after compression.
	MaxBytes int
	// Policy is the cleanup policy, such as "delete" or "compact,delete".
	Policy string
}

// ReadTopicSettings asks the brokers for the settings of a topic. Errors: those of the client.
func ReadTopicSettings(ctx context.Context, cl *kgo.Client, name string) (TopicSettings, error) {
	request := kmsg.NewPtrDescribeConfigsRequest()
	topic := kmsg.NewDescribeConfigsRequestResource()
	topic.ResourceType, topic.ResourceName = kmsg.ConfigResourceTypeTopic, name
	topic.ConfigNames = []string{maxMessageBytes, cleanupPolicy}
	request.Resources = append(request.Resources, topic)
	response, err := request.RequestWith(ctx, cl)
	if err != nil {
		return TopicSettings{}, fmt.Errorf("settings of topic %s: %w", name, err)
	}
	var found TopicSettings
	// there is no setting in them when the user may not read it
	for _, resource := range response.Resources {
		for _, setting := range resource.Configs {
			switch {
			case setting.Value == nil:
			case setting.Name == maxMessageBytes:
				found.MaxBytes, _ = strconv.Atoi(*setting.Value) // 0, which is not known
			case setting.Name == cleanupPolicy:
				found.Policy = *setting.Value
			}
		}
	}
	return found, nil
}

// Check returns a [redpanda.ErrCompacted] for a topic that brokers compact, unless that is allowed.
func (s TopicSettings) Check(wanted redpanda.Topic) error {
	policies := strings.FieldsFunc(s.Policy, func(r rune) bool { return r == ',' || r == ' ' })
	if wanted.AllowCompacted || !slices.Contains(policies, compact) {
		return nil
	}
	return fmt.Errorf("topic %s: %w: its %s is %q", wanted.Name, redpanda.ErrCompacted, cleanupPolicy, s.Policy)
}
