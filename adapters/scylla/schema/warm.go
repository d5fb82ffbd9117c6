package schema

import (
	"context"
	"fmt"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
)

// firstConditions are conditional writes that change nothing, one for each table that has
// conditional writes. With tablets the first of them makes a table for the state of the others.
// That is a change of the schema, which takes a majority of the nodes and some time, and must not
// happen within the request of a customer. The table schema_lock has had its first one before.
var firstConditions = []string{
	`UPDATE event_store SET head = 0 WHERE aggregate_id = 00000000-0000-0000-0000-000000000000 IF head = -1`,
	`UPDATE consumer_leases SET epoch = 0 WHERE name = '' IF epoch = -1`,
	`UPDATE access_tokens SET token_id = '' WHERE bucket = '' AND name = '' IF token_id = '-'`,
	`UPDATE subject_keys SET state = 'gone' WHERE subject = '' IF state = '-'`,
	`UPDATE view_generations SET revision = 0 WHERE consumer = '' IF revision = -1`,
}

// warm makes the first conditional write of every table.
func warm(ctx context.Context, session *gocql.Session) error {
	for _, cql := range firstConditions {
		// nothing changes, so it may be sent as often as it takes
		_, err := session.Query(cql).WithContext(ctx).Idempotent(true).MapScanCAS(map[string]any{})
		if err != nil {
			return fmt.Errorf("first conditional write (%s): %w", cql, cluster.Translate(ctx, err, cluster.Read))
		}
	}
	return nil
}
