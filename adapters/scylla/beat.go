package scylla

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var _ ports.Pulse = (*Store)(nil)

// A heartbeat is a row of the outbox like no event's: number 0 of a partition of its own, with this
// type and its time and nothing else. The reader of the CDC log knows it by that, and a program
// from before there were heartbeats ignores an update without payload. It is for the log; the row
// itself is gone after a minute.
const (
	heartbeatType = "orderflow.heartbeat"
	writeBeat     = `UPDATE outbox_messages USING TTL 60 SET event_type = ?, created_at = ? WHERE aggregate_id = ? AND sequence_number = 0`
)

// beatKeys is the number of partitions that heartbeats take turns in. Each hashes to another stream
// of the log, so that in some minutes most streams are shown to be read. More would show little
// more: readers say for all streams together how far they are.
const beatKeys = 256

// beatFamily is the id of the first of these partitions; the last two bytes count. They are UUIDs
// of version 8, whose contents are free ("heartb", in ASCII); the ids that Orderflow makes are of
// versions 5 and 7. Should somebody give an order such an id, then nothing happens, because no
// event has number 0.
var beatFamily = uuid.UUID{'h', 'e', 'a', 'r', 't', 'b', 0x80, 0, 0x80}

// beatID is the partition of a heartbeat.
func beatID(turn uint32) uuid.UUID {
	id := beatFamily
	binary.BigEndian.PutUint16(id[14:], uint16(turn%beatKeys))
	return id
}

// Beat implements [ports.Pulse], for a change feed that reads the log of the outbox. It is one
// plain write.
func (s *Store) Beat(ctx context.Context, at time.Time) error {
	if err := s.beat(ctx, at); err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return nil
}

func (s *Store) beat(ctx context.Context, at time.Time) error {
	if err := s.cluster.Enter(ctx); err != nil {
		return err
	}
	defer s.cluster.Leave()
	return s.cluster.Exec(ctx, writeBeat, heartbeatType, eventsourcing.Timestamp(at), beatID(s.beats.Add(1)-1))
}

// isBeat tells whether a row of the outbox is a heartbeat.
func (r *row) isBeat() bool { return r.sequence == 0 && r.record.EventType == heartbeatType }
