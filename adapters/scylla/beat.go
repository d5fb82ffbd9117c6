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

// A heartbeat is a special row of the outbox: its number is 0, in a partition of its own, with this
// type and its time and nothing else. So the reader of the CDC log recognises it. A program from
// before there were heartbeats ignores an update without payload. Only the log needs the row: it
// expires after a minute.
const (
	heartbeatType = "orderflow.heartbeat"
	writeBeat     = `UPDATE outbox_messages USING TTL 60 SET event_type = ?, created_at = ? WHERE aggregate_id = ? AND sequence_number = 0`
)

// beatKeys is the number of partitions that heartbeats use in turn. Each hashes to another stream
// of the log, so in some minutes most streams are shown to be read. More partitions would show
// little more: readers report one position for all streams together.
const beatKeys = 256

// beatFamily is the id of the first of these partitions; the last two bytes count. They are UUIDs
// of version 8, whose contents are free ("heartb", in ASCII). The ids that Orderflow makes are of
// versions 5 and 7. If an aggregate gets such an id all the same, nothing happens, because no event
// has number 0.
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

// isBeat reports whether a row of the outbox is a heartbeat.
func (r *row) isBeat() bool { return r.sequence == 0 && r.record.EventType == heartbeatType }
