package scyllasim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// described runs DESCRIBE and returns the rows as maps.
func described(t *testing.T, s *gocql.Session, cql string) []map[string]any {
	t.Helper()
	rows, err := s.Query(cql).Iter().SliceMap()
	if err != nil {
		t.Fatalf("%s: %v", cql, err)
	}
	return rows
}

// The statements of a description make the same keyspace again.
func TestDescribe_can_be_executed(t *testing.T) {
	t.Parallel()
	_, s := setup(t, scyllasim.Options{Tablets: true, Version: "2026.2.0"})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	exec(t, s, `CREATE TABLE shop."Odd one" (a int, "B" text, c bigint, d text static, e set<text>, PRIMARY KEY ((a, "B"), c)) WITH CLUSTERING ORDER BY (c DESC)
		AND comment = 'it''s' AND tombstone_gc = {'mode': 'immediate'} AND default_time_to_live = 7 AND tablets = {'min_tablet_count': 16}`)
	// makes a table that is not described
	exec(t, s, "INSERT INTO shop.outbox_messages (aggregate_id, sequence_number) VALUES (uuid(), 1) IF NOT EXISTS")
	all := described(t, s, "DESCRIBE KEYSPACE shop")
	var kinds []string
	for _, row := range all {
		kinds = append(kinds, fmt.Sprint(row["keyspace_name"], " ", row["type"], " ", row["name"]))
	}
	if d := cmp.Diff([]string{
		"shop keyspace shop", `shop table "Odd one"`, "shop table outbox_messages", "shop table outbox_messages_scylla_cdc_log",
	}, kinds); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
	for _, row := range all[:3] {
		exec(t, s, strings.ReplaceAll(row["create_statement"].(string), "shop", "again"))
	}
	if log := all[3]["create_statement"].(string); !strings.HasPrefix(log, "ALTER TABLE shop.outbox_messages_scylla_cdc_log WITH ") {
		t.Errorf("the log is described by %s", log)
	}
	again := described(t, s, "DESC KEYSPACE again")
	for i, row := range again {
		if d := cmp.Diff(all[i]["create_statement"], strings.ReplaceAll(row["create_statement"].(string), "again", "shop")); d != "" {
			t.Errorf("(-first +again)\n%s", d)
		}
	}
	for _, columns := range []string{"column_name, type, kind, position, clustering_order", "table_name"} {
		table := "columns"
		if columns == "table_name" {
			table = "tables"
		}
		of := func(ks string) (out []string) {
			for _, row := range rows(t, s.Query("SELECT "+columns+" FROM system_schema."+table+" WHERE keyspace_name = '"+ks+"'")) {
				if !strings.Contains(row, "$paxos") {
					out = append(out, row)
				}
			}
			return out
		}
		if d := cmp.Diff(of("shop"), of("again")); d != "" {
			t.Errorf("%s (-first +again)\n%s", table, d)
		}
	}
}

func TestDescribe_forms(t *testing.T) {
	t.Parallel()
	_, s := setup(t, scyllasim.Options{Version: "2025.4.0"})
	exec(t, s, createKeyspace)
	exec(t, s, createOutbox)
	for cql, want := range map[string]struct {
		rows    int // 0 = at least one
		columns []string
	}{
		"DESC CLUSTER":                             {1, []string{"cluster", "partitioner", "snitch"}},
		"DESCRIBE SCHEMA":                          {3, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESCRIBE FULL SCHEMA":                     {0, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESCRIBE KEYSPACES":                       {0, []string{"keyspace_name", "type", "name"}},
		"DESCRIBE ONLY KEYSPACE shop":              {1, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESCRIBE KEYSPACE shop WITH INTERNALS":    {3, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESCRIBE TABLES":                          {0, []string{"keyspace_name", "type", "name"}},
		"DESC TABLE shop.outbox_messages;":         {2, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESC shop.outbox_messages_scylla_cdc_log": {1, []string{"keyspace_name", "type", "name", "create_statement"}},
		"DESC shop":                                {3, []string{"keyspace_name", "type", "name", "create_statement"}},
	} {
		iter := s.Query(cql).Iter()
		var names []string
		for _, c := range iter.Columns() {
			names = append(names, c.Name)
		}
		got, err := iter.SliceMap()
		if err != nil || len(got) == 0 || want.rows > 0 && len(got) != want.rows || !slices.Equal(names, want.columns) {
			t.Errorf("%s: %d rows of %v, %v; want %+v", cql, len(got), names, err, want)
		}
	}
	for cql, want := range map[string]string{
		"DESCRIBE KEYSPACE nothing":    "'nothing' not found in keyspaces",
		"DESCRIBE TABLE shop.nothing":  "Table 'nothing' not found in keyspace 'shop'",
		"DESCRIBE TABLE nothing":       "No keyspace specified and no current keyspace",
		"DESCRIBE nothing":             "'nothing' not found in keyspaces",
		"DESCRIBE shop.nothing":        "'nothing' not found in keyspace 'shop'",
		"DESCRIBE TYPES":               "scyllasim does not support DESCRIBE",
		"DESCRIBE CLUSTER EVERYTHING!": "no viable alternative",
	} {
		if err := s.Query(cql).Exec(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", cql, err, want)
		}
	}
}

// Servers before 5.2 do not know the statement, as the facts say.
func TestDescribe_is_an_error_on_old_servers(t *testing.T) {
	t.Parallel()
	for version, known := range map[string]bool{"4.6.0": false, "5.1.18": false, "2022.2.1": false, "5.2.0": true, "2023.1.0": true, "2025.4.0": true} {
		_, s := setup(t, scyllasim.Options{Version: version})
		if err := s.Query("DESCRIBE KEYSPACES").Exec(); (err == nil) != known {
			t.Errorf("%s: %v, want that it is known: %t", version, err, known)
		}
	}
}
