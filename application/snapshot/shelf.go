package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Kind is one thing that the histories of an aggregate type are folded to.
type Kind struct {
	// Name is stored with each snapshot.
	Name string
	// AggregateType is the type of the aggregates.
	AggregateType string
	// Version changes when the same events would give other data.
	Version int
	// Grows says that the data grows with the history. Then long histories have fewer snapshots.
	Grows bool
	// Each keeps a snapshot at every multiple of so many events, for readers of the past. 0 keeps
	// the newest one only.
	Each uint64
	// Fold returns the data after more records. data is nil before the first record. The same
	// records always give the same bytes.
	Fold func(data []byte, records []eventsourcing.Record) ([]byte, error)
}

// Found is a snapshot that may be used, if the event at SequenceNumber has the id LastEvent.
type Found struct {
	SequenceNumber uint64
	LastEvent      uuid.UUID
	Data           []byte
}

// The reasons not to use a snapshot.
const (
	// UnfitUnreadable: its row or its data cannot be decoded.
	UnfitUnreadable = "unreadable"
	// UnfitChecksum: its bytes have changed.
	UnfitChecksum = "checksum"
	// UnfitVersion: another version of the program has written it.
	UnfitVersion = "version"
	// UnfitHistory: the history has another event at its sequence number, or none.
	UnfitHistory = "history"
)

// Unfits returns the reasons not to use a snapshot.
func Unfits() []string {
	return []string{UnfitUnreadable, UnfitChecksum, UnfitVersion, UnfitHistory}
}

// Shelf holds the snapshots of one kind. A nil Shelf is empty. Its methods are safe for concurrent
// use.
type Shelf struct {
	keeper *Keeper
	kind   Kind
}

// Newest returns the newest snapshot of an aggregate. Its SequenceNumber is 0 when there is none
// that may be used.
func (s *Shelf) Newest(ctx context.Context, aggregateID uuid.UUID) Found {
	return s.At(ctx, aggregateID, math.MaxUint64)
}

// At is Newest among the snapshots at or before a sequence number.
func (s *Shelf) At(ctx context.Context, aggregateID uuid.UUID, atMost uint64) Found {
	if s == nil {
		return Found{}
	}
	found, unfit := s.at(ctx, aggregateID, atMost)
	if unfit != "" {
		s.Discard(unfit)
		return Found{}
	}
	return found
}

// at also says why a snapshot that is there is not used.
func (s *Shelf) at(ctx context.Context, aggregateID uuid.UUID, atMost uint64) (_ Found, unfit string) {
	snapshot, err := s.keeper.config.Store.LoadSnapshot(ctx, aggregateID, s.kind.Name, atMost)
	switch {
	case errors.Is(err, ports.ErrCorrupt):
		return Found{}, UnfitUnreadable
	case err != nil || snapshot.SequenceNumber == 0:
		return Found{}, ""
	case snapshot.Version != s.kind.Version:
		return Found{}, UnfitVersion
	}
	return unseal(snapshot)
}

// Discard counts a snapshot that a reader found to be of no use, by its reason.
func (s *Shelf) Discard(unfit string) { s.keeper.discards.add(unfit) }

// Follows reports whether records, which begin at the sequence number of a snapshot, are those of
// its history. If not, the snapshot counts as discarded.
func (s *Shelf) Follows(found Found, records []eventsourcing.Record) bool {
	if len(records) > 0 && records[0].SequenceNumber == found.SequenceNumber && records[0].EventID == found.LastEvent {
		return true
	}
	s.Discard(UnfitHistory)
	return false
}

// Due reports whether a snapshot is due after the events from base to head.
func (s *Shelf) Due(base, head uint64) bool {
	step := uint64(s.keeper.config.Every)
	for s.kind.Grows && head > most*step {
		step *= 2
	}
	return base/step != head/step
}

// Note says that somebody had to fold the events from base to head. It does not wait.
func (s *Shelf) Note(aggregateID uuid.UUID, base, head uint64) {
	if s != nil && s.Due(base, head) {
		s.keeper.note(s.kind.AggregateType, aggregateID, head)
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The data of a snapshot is the checksum of the rest, the id of the last event, and the data of its
// kind.
const sealed = 4 + 16

func (k Kind) seal(aggregateID uuid.UUID, found Found) ports.Snapshot {
	data := make([]byte, 4, sealed+len(found.Data))
	data = append(append(data, found.LastEvent[:]...), found.Data...)
	s := ports.Snapshot{
		AggregateID: aggregateID, Kind: k.Name, SequenceNumber: found.SequenceNumber, Version: k.Version, Data: data,
	}
	binary.BigEndian.PutUint32(data, checksum(s))
	return s
}

// checksum covers the place of a snapshot as well, so that bytes in the wrong place do not fit.
func checksum(s ports.Snapshot) uint32 {
	sum := crc32.Update(0, castagnoli, s.AggregateID[:])
	sum = crc32.Update(sum, castagnoli, binary.BigEndian.AppendUint64([]byte(s.Kind), s.SequenceNumber))
	return crc32.Update(sum, castagnoli, s.Data[4:])
}

func unseal(s ports.Snapshot) (found Found, unfit string) {
	if len(s.Data) < sealed || binary.BigEndian.Uint32(s.Data) != checksum(s) {
		return Found{}, UnfitChecksum
	}
	return Found{SequenceNumber: s.SequenceNumber, LastEvent: uuid.UUID(s.Data[4:sealed]), Data: s.Data[sealed:]}, ""
}

// page is how many events are read at once.
const page = 500

// write brings the snapshots of an aggregate up to a head.
func (s *Shelf) write(ctx context.Context, aggregateID uuid.UUID, head uint64) error {
	store := s.keeper.config.Store
	if s.kind.Each > 0 {
		head -= head % s.kind.Each
	}
	if head == 0 {
		return nil
	}
	found, unfit := s.at(ctx, aggregateID, math.MaxUint64)
	if unfit == "" && found.SequenceNumber > 0 {
		records, err := s.keeper.config.History.LoadPage(ctx, aggregateID, found.SequenceNumber-1, 1)
		if err != nil {
			return err
		}
		if !s.Follows(found, records) {
			unfit = UnfitHistory
		}
	}
	if unfit != "" {
		found = Found{}
	}
	save := func(next Found) error {
		if each := s.kind.Each; next.SequenceNumber != head && (each == 0 || next.SequenceNumber%each > 0) {
			return nil
		}
		s.keeper.written.Add(1)
		return store.SaveSnapshot(ctx, s.kind.seal(aggregateID, next))
	}
	drop := func(upTo uint64) error { return store.DropSnapshots(ctx, aggregateID, s.kind.Name, upTo) }
	if unfit != "" { // then what is older is not better
		if err := drop(math.MaxUint64); err != nil {
			return err
		}
	}
	next, err := s.fold(ctx, aggregateID, found, head, save)
	if errors.Is(err, errFold) && found.SequenceNumber > 0 {
		s.Discard(UnfitUnreadable)
		if err := drop(math.MaxUint64); err != nil {
			return err
		}
		found = Found{}
		next, err = s.fold(ctx, aggregateID, found, head, save)
	}
	if err != nil || next.SequenceNumber == found.SequenceNumber || s.kind.Each > 0 {
		return err
	}
	return drop(next.SequenceNumber - 1)
}

// errFold says that data, or an event after it, cannot be decoded.
var errFold = errors.New("fold")

// fold continues a snapshot up to a head, or to the end of the history. It calls each with what it
// has after every part that is read, which ends at the multiples of Kind.Each. each may be nil.
func (s *Shelf) fold(
	ctx context.Context, aggregateID uuid.UUID, found Found, head uint64, each func(Found) error,
) (Found, error) {
	for found.SequenceNumber < head {
		limit := min(page, head-found.SequenceNumber)
		if n := s.kind.Each; n > 0 {
			limit = min(limit, n-found.SequenceNumber%n)
		}
		records, err := s.keeper.config.History.LoadPage(ctx, aggregateID, found.SequenceNumber, int(limit))
		if err != nil || len(records) == 0 {
			return found, err
		}
		if found.Data, err = s.kind.Fold(found.Data, records); err != nil {
			return found, fmt.Errorf("%w: %w", errFold, err)
		}
		last := records[len(records)-1]
		found.SequenceNumber, found.LastEvent = last.SequenceNumber, last.EventID
		if each != nil {
			if err := each(found); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// differs folds the history up to the newest snapshot and says how the snapshots differ from it. It
// is empty when there is no difference, or no snapshot of this version. Then nothing uses them.
func (s *Shelf) differs(ctx context.Context, aggregateID uuid.UUID) (sequence uint64, difference string, err error) {
	var all []Found // the newest one first
	for atMost := uint64(math.MaxUint64); ; {
		found, unfit := s.at(ctx, aggregateID, atMost)
		if unfit != "" && unfit != UnfitVersion {
			return 0, "cannot be used: " + unfit, nil
		}
		if unfit != "" || found.SequenceNumber == 0 {
			break
		}
		all = append(all, found)
		if atMost = found.SequenceNumber - 1; s.kind.Each == 0 {
			break
		}
	}
	var want Found
	for _, found := range slices.Backward(all) {
		want, err = s.fold(ctx, aggregateID, want, found.SequenceNumber, nil)
		switch {
		case err != nil:
			return 0, "", err
		case want.SequenceNumber != found.SequenceNumber:
			return found.SequenceNumber, "is after the end of the history", nil
		case want.LastEvent != found.LastEvent:
			return found.SequenceNumber, "is of another history", nil
		case !bytes.Equal(want.Data, found.Data):
			return found.SequenceNumber, "is not what the events say", nil
		}
	}
	return 0, "", nil
}
