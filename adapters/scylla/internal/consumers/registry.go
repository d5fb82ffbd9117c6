package consumers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

const (
	selectConsumer = `SELECT revision, save_id, paused, catching_up, effects_from, live_number, live_version, next_number, next_version,
		previous_number, previous_version, switched_at FROM view_generations WHERE consumer = ?`
	updateConsumer = `UPDATE view_generations SET revision = ?, save_id = ?, paused = ?, catching_up = ?, effects_from = ?, live_number = ?,
		live_version = ?, next_number = ?, next_version = ?, previous_number = ?, previous_version = ?, switched_at = ?
		WHERE consumer = ? IF revision = ?`
)

// Consumer implements [ports.ConsumerRegistry]. It reads at the serial level, which sees every
// earlier save.
func (s *Records) Consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	record, err := s.consumer(ctx, name)
	if err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer %s: %w", name, err)
	}
	return record, nil
}

func (s *Records) consumer(ctx context.Context, name string) (ports.ConsumerRecord, error) {
	if err := s.c.Enter(ctx); err != nil {
		return ports.ConsumerRecord{}, err
	}
	defer s.c.Leave()
	record, _, err := s.readConsumer(ctx, name)
	if err == nil && record.Revision == 0 {
		err = ports.ErrNotFound
	}
	return record, err
}

// readConsumer returns a record and the id of the save that wrote it. The revision is 0 when there
// is none.
func (s *Records) readConsumer(ctx context.Context, name string) (record ports.ConsumerRecord, saveID uuid.UUID, err error) {
	record.Name = name
	var from, switched *int64
	err = s.c.Query(ctx, selectConsumer, name).Consistency(s.c.Config.SerialConsistency).Scan(
		&record.Revision, &saveID, &record.Paused, &record.CatchingUp, &from, &record.Live.Number, &record.Live.Version,
		&record.Next.Number, &record.Next.Version, &record.Previous.Number, &record.Previous.Version, &switched)
	if errors.Is(err, gocql.ErrNotFound) {
		return record, saveID, nil
	}
	record.From, record.SwitchedAt = timeOf(from), timeOf(switched)
	return record, saveID, cluster.Translate(ctx, err, cluster.Read)
}

// SaveConsumer implements [ports.ConsumerRegistry].
func (s *Records) SaveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	saved, err := s.saveConsumer(ctx, record)
	if err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("save consumer %s at %d: %w", record.Name, record.Revision, err)
	}
	return saved, nil
}

// saveConsumer saves in the same way as an append commits: when the outcome is unknown, a serial
// read shows it, and if nothing happened the same statement is sent again. The condition keeps it
// from happening twice.
func (s *Records) saveConsumer(ctx context.Context, record ports.ConsumerRecord) (ports.ConsumerRecord, error) {
	if err := s.c.Enter(ctx); err != nil {
		return record, err
	}
	defer s.c.Leave()
	expected, saveID := record.Revision, uuid.New()
	record.Revision++
	args := bindConsumer(record, saveID, expected)
	var failure error
	onItsWay := false
	for range cluster.CommitAttempts {
		applied, found, err := s.c.Conditional(ctx, updateConsumer, args...)
		// A refusal that shows the revision of this very save may be one of its second copy, when
		// the driver has sent it twice.
		revision, _ := found["revision"].(int64)
		switch {
		case applied:
			return record, nil
		case err == nil && failure == nil && uint64(revision) != record.Revision:
			return record, ports.ErrVersionConflict
		case err != nil && cluster.NotApplied(err, cluster.ConditionalWrite):
			return record, cluster.Undecided(err, onItsWay)
		case err != nil:
			failure, onItsWay = err, onItsWay || !cluster.Answered(err)
		}
		now, savedBy, err := s.settledConsumer(ctx, record.Name)
		switch {
		case err != nil:
			return record, cluster.Undecided(err, true)
		case savedBy == saveID:
			return record, nil
		// the stored record was saved after one that may have been this one
		case now.Revision > record.Revision:
			return record, cluster.Undecided(cmp.Or(failure, errOvertaken), true)
		case now.Revision != expected:
			return record, ports.ErrVersionConflict
		}
	}
	return record, cluster.Undecided(cmp.Or(failure, errOvertaken), onItsWay)
}

var errOvertaken = errors.New("another save came before the outcome was known")

func (s *Records) settledConsumer(
	ctx context.Context, name string,
) (record ports.ConsumerRecord, saveID uuid.UUID, err error) {
	err = s.c.Insist(ctx, cluster.LookAttempts, func() error {
		record, saveID, err = s.readConsumer(ctx, name)
		return err
	})
	return record, saveID, err
}

func bindConsumer(r ports.ConsumerRecord, saveID uuid.UUID, expected uint64) []any {
	condition := any(nil) // there is no record yet
	if expected > 0 {
		condition = int64(expected)
	}
	return []any{
		int64(r.Revision), saveID, r.Paused, r.CatchingUp, timeOrNull(r.From), r.Live.Number, r.Live.Version,
		r.Next.Number, r.Next.Version, r.Previous.Number, r.Previous.Version, timeOrNull(r.SwitchedAt), r.Name, condition,
	}
}

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func timeOf(millis *int64) time.Time {
	if millis == nil {
		return time.Time{}
	}
	return time.UnixMilli(*millis).UTC()
}
