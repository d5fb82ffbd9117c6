package memory

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

var (
	_ ports.EventStore       = (*Store)(nil)
	_ ports.HeadScanner      = (*Store)(nil)
	_ ports.ChangeFeed       = (*Store)(nil)
	_ ports.ViewStore        = (*Store)(nil)
	_ ports.ViewReader       = (*Store)(nil)
	_ ports.ViewDropper      = (*Store)(nil)
	_ ports.ViewRepairer     = (*Store)(nil)
	_ ports.ViewChecker      = (*Store)(nil)
	_ ports.BulkReader       = (*Store)(nil)
	_ ports.StateLister      = (*Store)(nil)
	_ ports.ConsumerRegistry = (*Store)(nil)
	_ ports.ParkingLot       = (*Store)(nil)
	_ ports.SkipLog          = (*Store)(nil)
	_ ports.Leases           = (*Store)(nil)
	_ ports.RecordLister     = (*Store)(nil)
	_ ports.StoreIdentity    = (*Store)(nil)
	_ ports.HistoryPager     = (*Store)(nil)
	_ ports.CommandFinder    = (*Store)(nil)
	_ ports.Snapshots        = (*Store)(nil)
	_ ports.TokenStore       = (*Store)(nil)
	_ ports.OperationLog     = (*Store)(nil)
	_ ports.SubjectKeyStore  = (*Store)(nil)
	_ ports.SubjectEraser    = (*Store)(nil)
)

// Options configure a [Store].
type Options struct {
	// Now is the clock for the age of a lag and for leases. Nil means time.Now.
	Now func() time.Time
}

// Store keeps everything that the service stores. All its methods are safe for concurrent use.
type Store struct {
	now func() time.Time

	mu     sync.Mutex // guards all fields below
	closed bool
	// changed is closed and replaced whenever a blocked Next should check again.
	changed chan struct{}
	// subscriptions holds the open subscription of each consumer.
	subscriptions map[string]*subscription
	data          *data
}

// data is what survives a restart.
type data struct {
	id        uuid.UUID
	histories map[uuid.UUID][]eventsourcing.Record
	// aggregates lists the keys of histories in the order of their first appends.
	aggregates []uuid.UUID

	outbox []message
	// expired is the number of messages that were dropped from the front of outbox.
	expired uint64
	offsets map[string]uint64

	views     map[ports.ViewID]*view
	consumers map[string]ports.ConsumerRecord
	parked    map[string]map[uuid.UUID]ports.ParkedAggregate // by consumer
	skips     map[string]map[event]ports.Skip                // by consumer
	snapshots map[snapshotKey]map[uint64]ports.Snapshot      // by sequence number
	leases    map[string]lease

	tokens     map[string]ports.AccessToken // by name
	operations map[operationAt]ports.OperationEntry

	subjectKeys map[ports.Subject]subjectKey
}

// New returns an empty store.
func New(options Options) *Store {
	return open(options.Now, &data{
		id:        uuid.New(),
		histories: map[uuid.UUID][]eventsourcing.Record{},
		offsets:   map[string]uint64{},
		views:     map[ports.ViewID]*view{},
		consumers: map[string]ports.ConsumerRecord{},
		parked:    map[string]map[uuid.UUID]ports.ParkedAggregate{},
		skips:     map[string]map[event]ports.Skip{},
		snapshots: map[snapshotKey]map[uint64]ports.Snapshot{},
		leases:    map[string]lease{},

		tokens:     map[string]ports.AccessToken{},
		operations: map[operationAt]ports.OperationEntry{},

		subjectKeys: map[ports.Subject]subjectKey{},
	})
}

func open(now func() time.Time, d *data) *Store {
	if now == nil {
		now = time.Now
	}
	return &Store{now: now, changed: make(chan struct{}), subscriptions: map[string]*subscription{}, data: d}
}

// Close ends the store and its subscriptions. It always returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	clear(s.subscriptions)
	s.wake()
	return nil
}

// Reopen closes s and returns a new store with the contents of s, as after a restart of the
// process.
func (s *Store) Reopen() *Store {
	_ = s.Close() // it always returns nil
	return open(s.now, s.data)
}

// StoreID implements [ports.StoreIdentity].
func (s *Store) StoreID(ctx context.Context) (uuid.UUID, error) {
	if err := s.enter(ctx); err != nil {
		return uuid.Nil, err
	}
	defer s.mu.Unlock()
	return s.data.id, nil
}

// enter locks the store, unless the call must end with an error. When the error is nil, the caller
// unlocks mu.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ports.ErrClosed
	}
	return nil
}

// wake lets every blocked Next check again. The caller holds mu.
func (s *Store) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}
