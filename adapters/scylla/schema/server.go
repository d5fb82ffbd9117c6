package schema

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
)

// server is what the version of a server says about it.
type server struct{ major, minor int }

// enterprise are the open source versions from which the editions by year before 2025 come.
var enterprise = map[server]server{
	{2021, 1}: {4, 3}, {2022, 1}: {5, 0}, {2022, 2}: {5, 1}, {2023, 1}: {5, 2}, {2024, 1}: {5, 4}, {2024, 2}: {6, 0},
}

// serverVersion returns the version of the node that answers, such as "6.2.3" or "2025.4.1".
func serverVersion(ctx context.Context, session *gocql.Session) (string, error) {
	var version string
	err := session.Query(`SELECT version FROM system.versions WHERE key = 'local'`).WithContext(ctx).Idempotent(true).Scan(&version)
	if errors.Is(err, gocql.ErrNotFound) || cluster.Refused(err) {
		return "", fmt.Errorf("the server does not say which version of ScyllaDB it is: %w", err)
	}
	return version, cluster.Translate(ctx, err, cluster.Read)
}

func parseVersion(version string) (server, error) {
	parts := strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return server{}, fmt.Errorf("version %q of ScyllaDB is not understood", version)
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err := errors.Join(err, err2); err != nil {
		return server{}, fmt.Errorf("version %q of ScyllaDB is not understood: %w", version, err)
	}
	s := server{major, minor}
	if open, ok := enterprise[s]; ok {
		return open, nil
	}
	return s, nil
}

func (s server) since(major, minor int) bool {
	return s.major > major || s.major == major && s.minor >= minor
}

// tombstoneGC reports whether the server has the table option tombstone_gc.
func (s server) tombstoneGC() bool { return s.since(5, 0) }

// fitTablets reports whether tables with tablets have conditional writes and CDC.
func (s server) fitTablets() bool { return s.since(2025, 4) }

// TabletsOption returns what CREATE KEYSPACE has to say about tablets. Servers before 6.0 do not
// know the option. Up to 2025.3, tables with tablets have neither conditional writes nor CDC. After
// that both work, and the server's default is used.
func TabletsOption(version string) (string, error) {
	s, err := parseVersion(version)
	if err == nil && s.since(6, 0) && !s.fitTablets() {
		return " AND tablets = {'enabled': false}", nil
	}
	return "", err
}

// outboxTablets is the number of tablets of the outbox, and so of its CDC streams. One query of a
// reader takes up to 100 streams, so a pass over all is one query. 16 tablets are spread over 16
// shards, each with all copies, which is more than one feed can read.
const outboxTablets = 16

// tabletCount is the table option that fixes the number of tablets. Before 2026.2 there is no upper
// limit, and the server may make more of them as the table grows.
func (s server) tabletCount() string {
	if s.since(2026, 2) {
		return fmt.Sprintf("tablets = {'min_tablet_count': %d, 'max_tablet_count': %d}", outboxTablets, outboxTablets)
	}
	return fmt.Sprintf("tablets = {'min_tablet_count': %d}", outboxTablets)
}

// fit returns a statement of the schema as this server takes it. It is empty when there is nothing
// to do here.
func (s server) fit(cql string, tablets bool) string {
	switch {
	case setsTombstones.MatchString(cql) && !s.tombstoneGC():
		return ""
	case tablets && strings.HasPrefix(cql, "CREATE TABLE IF NOT EXISTS "+outboxTable+" "):
		return cql + " AND " + s.tabletCount()
	}
	return cql
}
