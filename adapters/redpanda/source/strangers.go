package source

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	"orderflow/adapters/redpanda/internal/message"
	"orderflow/adapters/redpanda/internal/topic"
	"orderflow/ports"
)

// strangers counts messages that are no events. Only the first one of a kind is logged, so that a
// program that writes many cannot fill the log.
type strangers struct {
	log *slog.Logger

	mu    sync.Mutex
	found map[string]map[message.Kind]*ports.Stranger // by consumer
}

func (s *strangers) count(consumer string, m topic.Message, err error) {
	kind := message.KindOf(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found == nil {
		s.found = make(map[string]map[message.Kind]*ports.Stranger)
	}
	if s.found[consumer] == nil {
		s.found[consumer] = make(map[message.Kind]*ports.Stranger)
	}
	known := s.found[consumer][kind]
	if known == nil {
		known = &ports.Stranger{Kind: string(kind)}
		s.found[consumer][kind] = known
		s.log.Error("a message of the topic is no event and is skipped; further ones of the kind are only counted",
			"consumer", consumer, "kind", kind, "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "error", err)
	}
	known.Count++
	known.Last, known.Reason = position(m.Partition, m.Offset), err.Error()
}

// Strangers implements [ports.Strangers]. The kinds are those of package message.
func (f *Feed) Strangers(consumer string) []ports.Stranger {
	f.strangers.mu.Lock()
	defer f.strangers.mu.Unlock()
	kinds := f.strangers.found[consumer]
	found := make([]ports.Stranger, 0, len(kinds))
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		found = append(found, *kinds[kind])
	}
	return found
}
