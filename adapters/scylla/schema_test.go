package scylla_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/scylla"
	"orderflow/adapters/scylla/schema"
	"orderflow/domain/order/views"
	"orderflow/tests/scyllasim"
)

// The tables of the projections are derived from their declarations, and written out for the
// operators of the cluster.
func TestSchema_HasTheTablesOfTheProjections(t *testing.T) {
	t.Parallel()
	texts := statementTexts(t)
	for _, p := range views.All() {
		for _, table := range p.Tables() {
			want := schema.StatementsOf(tableDDL(table))[0]
			at := slices.IndexFunc(texts, func(text string) bool {
				return strings.HasPrefix(text, "CREATE TABLE IF NOT EXISTS "+tableName(table)+" ")
			})
			if at < 0 {
				t.Errorf("no table %s in schema/*.cql; it is:\n%s;", tableName(table), tableDDL(table))
			} else if diff := cmp.Diff(want, texts[at]); diff != "" {
				t.Errorf("table %s (-derived +schema/*.cql):\n%s", tableName(table), diff)
			}
		}
	}
}

// What happens to the tombstones of a table is decided for every table: a statement of the files
// sets it, or a comment gives the reason for the default.
func TestSchema_DecidesAboutTheTombstonesOfEveryTable(t *testing.T) {
	t.Parallel()
	decided, tables := map[string]bool{}, map[string]bool{}
	reasons := regexp.MustCompile(`(?m)^-- (\w+(?:, \w+)*): `)
	for _, file := range schemaFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range reasons.FindAllStringSubmatch(string(text), -1) {
			for name := range strings.SplitSeq(found[1], ", ") {
				decided[name] = true
			}
		}
	}
	for _, text := range statementTexts(t) {
		if words := strings.Fields(text); strings.HasPrefix(text, "CREATE TABLE IF NOT EXISTS ") {
			tables[words[5]] = true
		} else if strings.Contains(text, " WITH tombstone_gc = ") {
			decided[words[2]] = true
		}
	}
	for table := range tables {
		if !decided[table] {
			t.Errorf("nothing is said about the tombstones of %s, see schema/008_tombstones.cql", table)
		}
	}
	if len(tables) < 20 {
		t.Errorf("only %d tables", len(tables))
	}
}

// setsOption matches a statement that only sets an option of a table.
var setsOption = regexp.MustCompile(`^ALTER TABLE \w+ WITH \w+ = \S+ \S+$`)

// Every statement must be harmless when it is applied twice, or by several processes at once.
func TestSchema_StatementsMayBeRepeated(t *testing.T) {
	t.Parallel()
	texts := statementTexts(t)
	for _, text := range texts {
		// see the next test; and an option may be set again
		if !strings.HasPrefix(text, "CREATE TABLE IF NOT EXISTS ") && !schema.AddsColumn.MatchString(text) &&
			!setsOption.MatchString(text) {
			t.Errorf("not harmless when it is repeated: %s", text)
		}
	}
}

// A process dies after some of the statements of a file, and before it records that the file is
// applied.
func TestApplySchema_GoesOnWhereAProcessDied(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	s := session(t, sim.Hosts())
	for _, done := range []int{0, 1, 3} {
		config := on(sim.Hosts())
		remove := sim.Inject(scyllasim.Fault{Pattern: regexp.MustCompile(`^ALTER TABLE \w+ ADD`), Nth: done + 1, Times: -1, Effect: scyllasim.DropBefore})
		if done == 3 {
			remove()
			remove = sim.Inject(scyllasim.Fault{
				Table: config.Keyspace + ".schema_versions", Kind: scyllasim.KindInsert, Nth: 5, Times: -1, Effect: scyllasim.DropBefore,
			})
		}
		if _, err := scylla.ApplySchema(t.Context(), config); err == nil {
			t.Fatalf("with %d columns added: applied all the same", done)
		}
		remove()
		if status, err := scylla.Status(t.Context(), config); err != nil || !slices.Contains(status.Pending, "005_aggregate_types") {
			t.Errorf("with %d columns added: pending %v, %v", done, status.Pending, err)
		}
		run(t, s, "TRUNCATE "+config.Keyspace+".schema_lock") // or wait until it expires
		prepare(t, config)
		mustAppend(t, open(t, config), command(newID(), 0, 1))
	}
}

func TestTabletsOption(t *testing.T) {
	t.Parallel()
	const off = " AND tablets = {'enabled': false}"
	for version, want := range map[string]string{
		"5.1.18": "", "5.4.9": "", "6.0.0": off, "6.2.3-0.20250119": off, "2022.2.1": "", "2024.1.15": "", "2024.2.0": off,
		"2025.1.14": off, "2025.3.0": off, "2025.4.0": "", "2025.4.0-rc1": "", "2026.1.2": "",
	} {
		if got, err := schema.TabletsOption(version); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
	for _, version := range []string{"", "scylla", "6", "99999999999999999999.1"} {
		if got, err := schema.TabletsOption(version); err == nil {
			t.Errorf("%q: %q, want an error", version, got)
		}
	}
}

func TestApplySchema_WorksOnEveryKindOfServer(t *testing.T) {
	t.Parallel()
	for _, o := range []scyllasim.Options{
		{}, {Version: "4.6.1"}, {Version: "2024.1.3"}, {Tablets: true, Version: "6.2.3"}, {Tablets: true, Version: "2025.4.0"},
	} {
		sim := start(t, o)
		store, config := openNew(t, sim.Hosts())
		mustAppend(t, store, command(newID(), 0, 1))
		status, err := scylla.Status(t.Context(), config)
		if err != nil || status.Check() != nil || len(status.Applied) != len(schemaFiles(t))-1 {
			t.Errorf("%+v: status %+v, %v", o, status, err)
		}
	}
}

func TestApplySchema_MayBeCalledByManyAtOnce(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := on(sim.Hosts())
	errs := make([]error, 5)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { _, errs[i] = scylla.ApplySchema(t.Context(), config) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := sim.QueryCount(config.Keyspace+".event_store", scyllasim.KindOther); n != 2 {
		t.Errorf("event_store was created and altered %d times, want once each", n)
	}
	s := session(t, sim.Hosts())
	var locks int
	if err := s.Query("SELECT COUNT(*) FROM " + config.Keyspace + ".schema_lock").Scan(&locks); err != nil || locks != 0 {
		t.Errorf("%d locks are left, %v", locks, err)
	}
	open(t, config)
}

// A process that died with the lock delays the others until its lock expires.
func TestApplySchema_OutlivesADeadProcess(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	s := session(t, sim.Hosts())
	run(t, s, "INSERT INTO "+config.Keyspace+".schema_lock (name, owner) VALUES ('schema', ?) USING TTL 60", gocql.MustRandomUUID())
	run(t, s, "DELETE FROM "+config.Keyspace+".schema_versions WHERE component = 'orderflow' AND version = 3")

	asked := make(chan struct{}, 1)
	sim.Inject(scyllasim.Fault{Table: config.Keyspace + ".schema_lock", When: func() bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		return false
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	apply := func() { _, err := scylla.ApplySchema(ctx, config); done <- err }
	go apply()
	<-asked
	<-asked
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want %v", err, context.Canceled)
	}
	ctx = t.Context()
	go apply()
	<-asked
	sim.Advance(2 * time.Minute)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOpen_RefusesAnUnknownSchema(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	s := session(t, sim.Hosts())
	tests := []struct {
		name  string
		spoil string // none for a keyspace that does not exist
		want  error
		says  string
	}{
		{"missing", "", scylla.ErrSchemaMissing, "orderflow schema apply"},
		{"emptied", "TRUNCATE %s.schema_versions", scylla.ErrSchemaMissing, "orderflow schema apply"},
		{"older", "DELETE FROM %s.schema_versions WHERE component = 'orderflow' AND version = 2", scylla.ErrSchemaOlder, "orderflow schema apply"},
		{"newer", "INSERT INTO %s.schema_versions (component, version, name) VALUES ('orderflow', 99, '099_future')", scylla.ErrSchemaNewer, "099_future"},
		{"different", "UPDATE %s.schema_versions SET checksum = 'x' WHERE component = 'orderflow' AND version = 1", scylla.ErrSchemaDiffers, "001_event_store"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := on(sim.Hosts())
			if tt.spoil != "" {
				prepare(t, config)
				run(t, s, fmt.Sprintf(tt.spoil, config.Keyspace))
			}
			store, err := scylla.Open(t.Context(), config)
			if err == nil {
				mustClose(t, store)
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want %v and %q", err, tt.want, tt.says)
			}
			mendable := errors.Is(tt.want, scylla.ErrSchemaMissing) || errors.Is(tt.want, scylla.ErrSchemaOlder)
			if _, err := scylla.ApplySchema(t.Context(), config); mendable {
				open(t, config)
			} else if !errors.Is(err, tt.want) {
				t.Errorf("apply: error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestApplySchema_ReplicatesAsConfigured(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 3})
	s := session(t, sim.Hosts())
	factor, byName := on(sim.Hosts()), on(sim.Hosts())
	factor.ReplicationFactor = 3
	byName.Replication = map[string]int{"datacenter1": 2}
	for want, config := range map[string]scylla.Config{"3": factor, "2": byName} {
		prepare(t, config)
		replication := map[string]string{}
		if err := s.Query("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?",
			config.Keyspace).Scan(&replication); err != nil {
			t.Fatal(err)
		}
		if replication["datacenter1"] != want || !strings.HasSuffix(replication["class"], "NetworkTopologyStrategy") {
			t.Errorf("replication %v, want %s copies", replication, want)
		}
	}
}

func schemaFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("schema/*.cql")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// statementTexts returns the statements of every file of the schema.
func statementTexts(t *testing.T) (texts []string) {
	t.Helper()
	for _, file := range schemaFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, schema.StatementsOf(string(text))...)
	}
	return texts
}

// tableIn finds the table of a statement that writes.
var tableIn = regexp.MustCompile(`(?:UPDATE|INTO|FROM) (\w+) `)

// conditional returns the statements of the adapter with a condition, as they are in its code.
func conditional(t *testing.T) (statements []string) {
	t.Helper()
	literal := regexp.MustCompile("(?s)`((?:UPDATE|INSERT|DELETE)[^`]*)`")
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range literal.FindAllStringSubmatch(string(text), -1) {
			if cql := strings.Join(strings.Fields(found[1]), " "); strings.Contains(cql, " IF ") {
				statements = append(statements, cql)
			}
		}
		return err
	})
	if err != nil || len(statements) < 8 {
		t.Fatalf("%d statements, %v", len(statements), err)
	}
	return statements
}
