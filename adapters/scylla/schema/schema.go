// Package schema keeps the schema of a keyspace: the files *.cql, with comments for the operators
// of the cluster. It applies each file once, and compares them with what is there.
package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
)

// The reasons not to start on a schema.
var (
	// ErrMissing says that the keyspace, or all of its tables, do not exist.
	ErrMissing = errors.New("the schema is missing")
	// ErrOlder says that the schema lacks something that this program needs.
	ErrOlder = errors.New("the schema is older than this program")
	// ErrNewer says that the schema has something that this program does not know.
	ErrNewer = errors.New("the schema is newer than this program")
	// ErrDiffers says that a part of the schema that was applied is not the one that this program
	// knows.
	ErrDiffers = errors.New("the schema differs from the one of this program")
	// ErrUnfit says that the keyspace is set up so that the service cannot work with it.
	ErrUnfit = errors.New("the keyspace does not fit")
)

// Status compares the schema of a keyspace with the one that this program knows.
type Status struct {
	Keyspace string
	// ServerVersion is the version of the node that answered.
	ServerVersion string
	// Exists reports whether the keyspace has the tables that record the schema.
	Exists bool
	// These are names of parts of the schema. Applied are those that are there. Pending are those
	// that this program knows and that are not there. Unknown are those that are there and that
	// this program does not know. Changed are those with other contents.
	Applied, Pending, Unknown, Changed []string
	// Posture is how the keyspace is set up. It is empty when there is no keyspace.
	Posture Posture
}

// Check returns the reason not to start, with the way out.
func (s Status) Check() error {
	if err := s.Posture.Err(); err != nil {
		return fmt.Errorf("keyspace %s: %w", s.Keyspace, err)
	}
	switch {
	case !s.Exists:
		return fmt.Errorf("keyspace %s: %w: run `orderflow schema apply`", s.Keyspace, ErrMissing)
	case len(s.Unknown) > 0:
		return fmt.Errorf("keyspace %s: %w: it has %s; start a newer version of this program",
			s.Keyspace, ErrNewer, strings.Join(s.Unknown, ", "))
	case len(s.Changed) > 0:
		return fmt.Errorf("keyspace %s: %w: %s was applied in another form; use another keyspace",
			s.Keyspace, ErrDiffers, strings.Join(s.Changed, ", "))
	case len(s.Pending) > 0:
		return fmt.Errorf("keyspace %s: %w: %s is to be applied: run `orderflow schema apply`",
			s.Keyspace, ErrOlder, strings.Join(s.Pending, ", "))
	}
	return nil
}

// Read connects and compares.
func Read(ctx context.Context, c cluster.Config) (Status, error) {
	if err := c.Validate(); err != nil {
		return Status{}, err
	}
	session, err := cluster.Connect(ctx, c.WithDefaults(), "")
	if err != nil {
		return Status{}, err
	}
	defer session.Close()
	status, err := (&admin{session: session, keyspace: c.Keyspace}).status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("schema status: %w", err)
	}
	return status, nil
}

// admin works on the schema of a keyspace, which need not exist.
type admin struct {
	session  *gocql.Session
	keyspace string
}

// component says whose schema the rows of schema_versions are about.
const component = "orderflow"

func (a *admin) status(ctx context.Context) (Status, error) {
	status := Status{Keyspace: a.keyspace}
	known, err := migrations()
	if err != nil {
		return status, err
	}
	if status.ServerVersion, err = serverVersion(ctx, a.session); err != nil {
		return status, err
	}
	if status.Posture, err = Inspect(ctx, a.session, a.keyspace); err != nil {
		return status, err
	}
	if status.Exists, err = a.exists(ctx); err != nil {
		return status, err
	}
	applied := map[int]migration{}
	if status.Exists {
		if applied, err = a.applied(ctx); err != nil {
			return status, err
		}
	}
	for _, m := range known[1:] {
		was, ok := applied[m.version]
		switch {
		case !ok:
			status.Pending = append(status.Pending, m.name)
		case was.checksum != m.checksum:
			status.Changed = append(status.Changed, m.name)
		default:
			status.Applied = append(status.Applied, m.name)
		}
		delete(applied, m.version)
	}
	for _, m := range applied {
		status.Unknown = append(status.Unknown, m.name)
	}
	slices.Sort(status.Unknown)
	status.Exists = status.Exists && len(status.Pending) < len(known)-1
	return status, nil
}

// exists reports whether the table of versions exists. It asks the system tables, because the
// driver's own metadata may be old.
func (a *admin) exists(ctx context.Context) (bool, error) {
	var table string
	err := a.session.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_versions'`,
		a.keyspace).WithContext(ctx).Idempotent(true).Scan(&table)
	if errors.Is(err, gocql.ErrNotFound) {
		return false, nil
	}
	return err == nil, cluster.Translate(ctx, err, cluster.Read)
}

func (a *admin) applied(ctx context.Context) (map[int]migration, error) {
	iter := a.session.Query(fmt.Sprintf(`SELECT version, name, checksum FROM %s.schema_versions WHERE component = ?`,
		a.keyspace), component).
		WithContext(ctx).Idempotent(true).Iter()
	applied := map[int]migration{}
	var m migration
	for iter.Scan(&m.version, &m.name, &m.checksum) {
		applied[m.version] = m
	}
	return applied, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
