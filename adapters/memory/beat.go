package memory

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var _ ports.Pulse = (*Store)(nil)

// mostBeats bounds the heartbeats that wait for one subscription.
const mostBeats = 16

// beat is a heartbeat with the number of the message after which it comes.
type beat struct {
	after uint64
	at    time.Time
}

// Beat implements [ports.Pulse].
func (s *Store) Beat(ctx context.Context, at time.Time) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	defer s.mu.Unlock()
	for _, sub := range s.subscriptions {
		sub.expect(beat{after: s.data.end(), at: eventsourcing.Timestamp(at)})
	}
	s.wake()
	return nil
}

// expect adds a heartbeat to those that wait. The newest replaces one at the same place. When there
// are too many, it replaces the one before it. The older ones are kept, because otherwise a
// consumer that is always behind would never receive any.
func (sub *subscription) expect(b beat) {
	if n := len(sub.beats); n == mostBeats || n > 0 && sub.beats[n-1].after == b.after {
		sub.beats = sub.beats[:n-1]
	}
	sub.beats = append(sub.beats, b)
}

// heartbeat takes the first heartbeat before which everything has been delivered. It has the
// position of the record that was delivered last. So a commit of the heartbeat commits that record.
func (sub *subscription) heartbeat() (ports.Delivery, bool) {
	if len(sub.beats) == 0 || sub.beats[0].after > sub.delivered {
		return ports.Delivery{}, false
	}
	b := sub.beats[0]
	sub.beats = sub.beats[1:]
	return ports.Delivery{Beat: b.at, Position: positionAt(sub.delivered)}, true
}
