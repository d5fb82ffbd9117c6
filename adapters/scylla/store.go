package scylla

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/access"
	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/consumers"
	"orderflow/adapters/scylla/internal/subjects"
	"orderflow/adapters/scylla/internal/views"
	"orderflow/adapters/scylla/schema"
	"orderflow/ports"
)

type (
	// Config says where the cluster is and how to connect to it. Hosts and Keyspace are required.
	Config = cluster.Config
	// TLS is how connections are encrypted. The name in the certificate of each node is always
	// verified.
	TLS = cluster.TLS
	// SchemaStatus compares the schema of a keyspace with the one that this program knows.
	SchemaStatus = schema.Status
	// Posture is how a keyspace is set up, and what should be different.
	Posture = schema.Posture
	// Finding is something about a keyspace that should be different.
	Finding = schema.Finding
)

// The reasons not to start on a schema, see [schema.Status].Check.
var (
	ErrSchemaMissing = schema.ErrMissing
	ErrSchemaOlder   = schema.ErrOlder
	ErrSchemaNewer   = schema.ErrNewer
	ErrSchemaDiffers = schema.ErrDiffers
	ErrSchemaUnfit   = schema.ErrUnfit
)

// ApplySchema is [schema.Apply].
func ApplySchema(ctx context.Context, c Config) (SchemaStatus, error) { return schema.Apply(ctx, c) }

// Status is [schema.Read].
func Status(ctx context.Context, c Config) (SchemaStatus, error) { return schema.Read(ctx, c) }

// Connect opens a session on the keyspace of c. Bootstrap gives one to the change feed; the caller
// closes it.
func Connect(ctx context.Context, c Config) (*gocql.Session, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return cluster.Connect(ctx, c.WithDefaults(), c.Keyspace)
}

// Store implements the storage ports on one keyspace. Several processes may use the same keyspace
// at the same time.
type Store struct {
	*views.Views
	*consumers.Records
	*access.Access
	*subjects.Keys

	cluster *cluster.Client
	// beats counts heartbeats, which use their partitions in turn.
	beats atomic.Uint32
	// background deletes intents that are not needed any more; see forget.
	background errgroup.Group
	closing    sync.Once
}

var (
	_ ports.EventStore       = (*Store)(nil)
	_ ports.HeadScanner      = (*Store)(nil)
	_ ports.RecordLister     = (*Store)(nil)
	_ ports.ViewStore        = (*Store)(nil)
	_ ports.ViewReader       = (*Store)(nil)
	_ ports.ViewDropper      = (*Store)(nil)
	_ ports.ConsumerRegistry = (*Store)(nil)
	_ ports.ParkingLot       = (*Store)(nil)
	_ ports.SkipLog          = (*Store)(nil)
	_ ports.TokenStore       = (*Store)(nil)
	_ ports.OperationLog     = (*Store)(nil)
	_ ports.Leases           = (*Store)(nil)
	_ ports.HistoryPager     = (*Store)(nil)
	_ ports.Snapshots        = (*Store)(nil)
	_ ports.SubjectKeyStore  = (*Store)(nil)
	_ ports.SubjectEraser    = (*Store)(nil)
	_ ports.ErasedSubjects   = (*Store)(nil)
)

// backgroundDeletes bounds the intents that are being deleted while their appends are already
// acknowledged.
const backgroundDeletes = 64

// Open connects and checks that the schema is the one that this program knows.
//
// Errors: ErrUnavailable when no node answers; [ErrSchemaMissing], [ErrSchemaOlder],
// [ErrSchemaNewer], [ErrSchemaDiffers] and [ErrSchemaUnfit].
func Open(ctx context.Context, c Config) (*Store, error) {
	status, err := Status(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := status.Check(); err != nil {
		return nil, err
	}
	client, err := cluster.Open(ctx, c.WithDefaults())
	if err != nil {
		return nil, err
	}
	s := &Store{Views: views.New(client), Records: consumers.New(client), Access: access.New(client), Keys: subjects.New(client), cluster: client}
	s.background.SetLimit(backgroundDeletes)
	return s, nil
}

// Posture looks at how the keyspace is set up. It reads some system tables, and nothing of the
// service's own.
func (s *Store) Posture(ctx context.Context) (Posture, error) {
	if err := s.cluster.Enter(ctx); err != nil {
		return Posture{}, err
	}
	defer s.cluster.Leave()
	return schema.Inspect(ctx, s.cluster.Session, s.cluster.Config.Keyspace)
}

// Now returns the time of the servers, also when the clock of this process is wrong: that clock is
// compared with theirs when the store is opened, and in every pass of the sweeper. Now does no I/O.
func (s *Store) Now() time.Time { return s.cluster.Now() }

// Close waits for the calls in progress, and for the intents of acknowledged appends to be deleted.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.cluster.Drain()
		_ = s.background.Wait() // it never returns an error
		s.cluster.Close()
	})
	return nil
}
