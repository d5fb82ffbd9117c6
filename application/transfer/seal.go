package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/google/uuid"

	"orderflow/application/command"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Sealing says how an import seals personal data that is not sealed in the source. All fields are
// required.
type Sealing struct {
	Codec SealingCodec
	// Owner returns the subject of an aggregate from its first event. It is empty when the
	// aggregate has no personal data.
	Owner func(first eventsourcing.Record) (ports.Subject, error)
	Keys  ports.SubjectKeys
}

// SealingCodec seals and opens the personal fields of stored events.
type SealingCodec interface {
	// SealStored returns a record with sealed fields. A field of an erased subject is stored as
	// erased. What is sealed already stays.
	SealStored(r eventsourcing.Record) (eventsourcing.Record, error)
	// Open returns a record with open fields, and null for each field of an erased subject.
	Open(r eventsourcing.Record) (eventsourcing.Record, error)
}

// sealed returns the records of a part as they are to be stored. A *ports.ImportFault refuses the
// aggregate.
func (w *worker) sealed(ctx context.Context, part ports.ImportPart) ([]eventsourcing.Record, error) {
	if w.config.Seal == nil {
		return part.Records, nil
	}
	var records []eventsourcing.Record
	err := w.retry(ctx, func() (err error) {
		if err = w.own(ctx, part.Records[0]); err == nil {
			records, err = w.seal(ctx, part.Records)
		}
		return err
	})
	if err == nil || retryable(err) || ctx.Err() != nil {
		return records, err
	}
	return nil, &ports.ImportFault{
		Line: part.Line, AggregateID: part.Records[0].AggregateID, Reason: "personal data cannot be sealed: " + err.Error(),
	}
}

func retryable(err error) bool {
	return errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrClosed)
}

// own finds whose data the aggregate of a part has. Its first event is in the part, or it came
// before.
func (w *worker) own(ctx context.Context, first eventsourcing.Record) error {
	id := first.AggregateID
	if w.owned == id {
		return nil
	}
	owner, known := w.owners[id]
	if !known && first.SequenceNumber > 1 {
		stored, err := w.config.Target.LoadPage(ctx, id, 0, 1)
		if err != nil || len(stored) == 0 {
			return err // without a first event the part is refused
		}
		first = stored[0]
	}
	if !known {
		var err error
		if owner, err = w.config.Seal.Owner(first); err != nil {
			return fmt.Errorf("whose it is cannot be read: %w", err)
		}
	}
	w.owned, w.owner = id, owner
	if w.owners != nil {
		w.owners[id] = owner
	}
	return nil
}

// seal seals records of the aggregate that is owned.
func (w *worker) seal(ctx context.Context, records []eventsourcing.Record) ([]eventsourcing.Record, error) {
	w.erased = false
	var key []byte
	if w.owner != "" {
		var err error
		key, err = w.config.Seal.Keys.SubjectKey(ctx, w.owner, true)
		if w.erased = errors.Is(err, ports.ErrSubjectErased); err != nil && !w.erased {
			return nil, err
		}
	}
	sealed := make([]eventsourcing.Record, len(records))
	for i, r := range records {
		// it is from before there was a key
		if w.owner != "" && r.Metadata[ports.MetadataSubject] == "" {
			r.Metadata = maps.Clone(r.Metadata)
			if r.Metadata == nil {
				r.Metadata = make(map[string]string, 1)
			}
			r.Metadata[ports.MetadataSubject] = string(w.owner)
			command.KeyDigest(r.Metadata, key)
		}
		var err error
		if sealed[i], err = w.config.Seal.Codec.SealStored(r); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// same reports whether a stored record is the one that is to be imported. Sealed fields have other
// bytes each time, so they are compared open.
func (w *worker) same(stored, wanted eventsourcing.Record) bool {
	if Same(stored, wanted) {
		return true
	}
	if w.config.Seal == nil || w.owner == "" || stored.Metadata[ports.MetadataSubject] != wanted.Metadata[ports.MetadataSubject] {
		return false
	}
	stored, err := w.config.Seal.Codec.Open(stored)
	if err != nil {
		return false
	}
	if wanted, err = w.config.Seal.Codec.Open(wanted); err != nil {
		return false
	}
	if w.erased { // what was stored before the erasure has digests of the key that is destroyed
		stored.Metadata, wanted.Metadata = maps.Clone(stored.Metadata), maps.Clone(wanted.Metadata)
		command.RemoveKeyedDigests(stored.Metadata)
		command.RemoveKeyedDigests(wanted.Metadata)
	}
	return Same(stored, wanted)
}

// differs says how a stored record differs from the one that is to be imported.
func (w *worker) differs(stored, wanted eventsourcing.Record) string {
	if w.config.Seal != nil && wanted.Metadata[ports.MetadataSubject] != "" && stored.Metadata[ports.MetadataSubject] == "" {
		return fmt.Sprintf("event %d is in the store already, and was stored without sealing: histories are never changed, "+
			"so import into a new store", stored.SequenceNumber)
	}
	return fmt.Sprintf("event %d is another one in the store", stored.SequenceNumber)
}

// owning is whose data the aggregate of the last part has.
type owning struct {
	owned uuid.UUID
	owner ports.Subject
	// erased says that the data of the owner was erased.
	erased bool
	// owners has the owner of each aggregate, in a dry run. It is nil otherwise.
	owners map[uuid.UUID]ports.Subject
}
