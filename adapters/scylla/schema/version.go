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

// serverVersion returns the version of the node that answers, such as "6.2.3" or "2025.4.1".
func serverVersion(ctx context.Context, session *gocql.Session) (string, error) {
	var version string
	err := session.Query(`SELECT version FROM system.versions WHERE key = 'local'`).WithContext(ctx).Idempotent(true).Scan(&version)
	if errors.Is(err, gocql.ErrNotFound) || cluster.Refused(err) {
		return "", fmt.Errorf("the server does not say which version of ScyllaDB it is: %w", err)
	}
	return version, cluster.Translate(ctx, err, cluster.Read)
}

// TabletsOption returns what CREATE KEYSPACE has to say about tablets. Servers before 6.0 do not
// know the option. Up to 2025.3, tables with tablets have neither conditional writes nor CDC. After
// that both work, and the server's default is used.
func TabletsOption(version string) (string, error) {
	parts := strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return "", fmt.Errorf("version %q of ScyllaDB is not understood", version)
	}
	major, err := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err := errors.Join(err, err2); err != nil {
		return "", fmt.Errorf("version %q of ScyllaDB is not understood: %w", version, err)
	}
	// versions of the enterprise edition, and of all since 2025; 2024.2 goes back to 6.0
	const byYear = 2000
	known := major >= 6 && major < byYear || major == 2024 && minor >= 2 || major > 2024
	needless := major > 2025 || major == 2025 && minor >= 4
	if known && !needless {
		return " AND tablets = {'enabled': false}", nil
	}
	return "", nil
}
