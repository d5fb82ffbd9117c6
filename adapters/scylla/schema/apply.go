package schema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
)

const (
	// schemaLease is how long the lock on the schema lasts after a process that held it has died.
	schemaLease = time.Minute
	lockPause   = 100 * time.Millisecond
)

// Apply creates the keyspace if it does not exist, and applies what is pending. It may be repeated,
// and called by several processes at once: one works, and the others wait for it. It creates tables
// and adds columns, and sets the options that the files name. It never drops anything.
//
// Errors: [ErrNewer], [ErrDiffers] and [ErrUnfit], nothing done; the context's error when another
// process holds the lock.
func Apply(ctx context.Context, c cluster.Config) (Status, error) {
	if err := c.Validate(); err != nil {
		return Status{}, err
	}
	c = c.WithDefaults()
	session, err := cluster.Connect(ctx, c, "")
	if err != nil {
		return Status{}, err
	}
	defer session.Close()
	status, err := (&admin{session: session, keyspace: c.Keyspace}).apply(ctx, c)
	if err != nil {
		return status, fmt.Errorf("apply schema: %w", err)
	}
	return status, nil
}

func (a *admin) apply(ctx context.Context, c cluster.Config) (Status, error) {
	status, err := a.status(ctx)
	if err != nil {
		return status, err
	}
	// this also lets a service without the right to change anything call Apply
	if status.Check() == nil {
		return status, nil
	}
	if err := status.Posture.Err(); err != nil {
		return status, fmt.Errorf("keyspace %s: %w", c.Keyspace, err)
	}
	known, err := migrations()
	if err != nil {
		return status, err
	}
	if !status.Exists {
		if err := a.createKeyspace(ctx, c, status.ServerVersion); err != nil {
			return status, err
		}
	}
	// In the session of the keyspace, statements are the same as in the files.
	session, err := cluster.Connect(ctx, c, c.Keyspace)
	if err != nil {
		return status, err
	}
	defer session.Close()
	here, err := Inspect(ctx, session, a.keyspace)
	if err != nil {
		return status, err
	}
	if err := a.run(ctx, session, here, known[0]); err != nil {
		return status, err
	}
	unlock, err := lock(ctx, session)
	if err != nil {
		return status, err
	}
	defer unlock()
	if status, err = a.status(ctx); err != nil {
		return status, err
	}
	if len(status.Unknown)+len(status.Changed) > 0 {
		return status, status.Check()
	}
	for _, m := range known[1:] {
		if !slices.Contains(status.Pending, m.name) {
			continue
		}
		if err := a.run(ctx, session, here, m); err != nil {
			return status, err
		}
		err := session.Query(`INSERT INTO schema_versions (component, version, name, checksum, applied_at) VALUES (?, ?, ?, ?, ?)`,
			component, m.version, m.name, m.checksum, c.Now().UTC()).WithContext(ctx).Exec()
		if err != nil {
			return status, fmt.Errorf("%s: record that it is applied: %w",
				m.name, cluster.Translate(ctx, err, cluster.PlainWrite))
		}
	}
	if err := warm(ctx, session); err != nil {
		return status, err
	}
	return a.status(ctx)
}

func (a *admin) createKeyspace(ctx context.Context, c cluster.Config, version string) error {
	tablets, err := TabletsOption(version)
	if err != nil {
		return err
	}
	replication := fmt.Sprintf("'replication_factor': %d", c.ReplicationFactor)
	if len(c.Replication) > 0 {
		var copies []string
		for _, dc := range slices.Sorted(maps.Keys(c.Replication)) {
			copies = append(copies, fmt.Sprintf("'%s': %d", dc, c.Replication[dc]))
		}
		replication = strings.Join(copies, ", ")
	}
	cql := fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', %s}%s",
		c.Keyspace, replication, tablets)
	if err := a.session.Query(cql).WithContext(ctx).Exec(); err != nil {
		return fmt.Errorf("create keyspace %s: %w", c.Keyspace, cluster.Translate(ctx, err, cluster.PlainWrite))
	}
	return nil
}

// run executes the statements of a file, which wait for the nodes to agree on the schema. It leaves
// out what this server does not know, or already has.
func (a *admin) run(ctx context.Context, session *gocql.Session, here Posture, m migration) error {
	for _, cql := range m.statements {
		there, err := addsColumnThatIsThere(ctx, session, a.keyspace, cql)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if cql = here.server.fit(cql, here.Tablets); there || cql == "" {
			continue
		}
		if err := session.Query(cql).WithContext(ctx).Exec(); err != nil {
			return fmt.Errorf("%s: %w", m.name, cluster.Translate(ctx, err, cluster.PlainWrite))
		}
	}
	return nil
}

// AddsColumn matches a statement that adds one column to a table.
var AddsColumn = regexp.MustCompile(`^ALTER TABLE (\w+) ADD (\w+) `)

// addsColumnThatIsThere reports whether a statement adds a column that the table has. CQL has no
// way to say "if not exists" for a column, and such a statement fails: the process that executed it
// before may have died before it recorded that. The system tables are asked, because the driver's
// own metadata may be old.
func addsColumnThatIsThere(ctx context.Context, session *gocql.Session, keyspace, cql string) (bool, error) {
	names := AddsColumn.FindStringSubmatch(cql)
	if names == nil {
		return false, nil
	}
	var column string
	err := session.Query(`SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ? AND column_name = ?`,
		keyspace, names[1], names[2]).WithContext(ctx).Idempotent(true).Scan(&column)
	if errors.Is(err, gocql.ErrNotFound) {
		return false, nil
	}
	return err == nil, cluster.Translate(ctx, err, cluster.Read)
}

// lock waits until no other process changes the schema. unlock may be called when ctx has ended.
func lock(ctx context.Context, session *gocql.Session) (unlock func(), err error) {
	owner := gocql.MustRandomUUID()
	const take = `INSERT INTO schema_lock (name, owner) VALUES ('schema', ?) IF NOT EXISTS USING TTL ?`
	for {
		found := map[string]any{}
		applied, err := session.Query(take, owner, int(schemaLease/time.Second)).WithContext(ctx).MapScanCAS(found)
		// or it was applied by an attempt whose answer got lost
		if applied || err == nil && found["owner"] == owner {
			return func() { free(context.WithoutCancel(ctx), session, owner) }, nil
		}
		if err != nil && (cluster.NotApplied(err, cluster.ConditionalWrite) || ctx.Err() != nil) {
			return nil, fmt.Errorf("lock: %w", cluster.Translate(ctx, err, cluster.ConditionalWrite))
		}
		timer := time.NewTimer(lockPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("another process holds the lock on the schema: %w", ctx.Err())
		}
	}
}

// free releases the lock. When that fails, the lock expires.
func free(ctx context.Context, session *gocql.Session, owner gocql.UUID) {
	_, _ = session.Query(`DELETE FROM schema_lock WHERE name = 'schema' IF owner = ?`,
		owner).WithContext(ctx).MapScanCAS(map[string]any{})
}
