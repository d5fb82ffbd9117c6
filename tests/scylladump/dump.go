// Package scylladump keeps what earlier versions wrote to ScyllaDB, for tests that later versions
// read it: it writes a keyspace to a file, and a file to a keyspace.
package scylladump

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gocql/gocql"
)

// Dump is a keyspace.
type Dump struct {
	// Schema are the statements that create its tables, without the name of the keyspace.
	Schema []string `json:"schema"`
	// Tables are those that have rows.
	Tables []Table `json:"tables"`
}

// Table is the contents of a table.
type Table struct {
	Name string `json:"name"`
	// Types are the CQL types of the columns.
	Types map[string]string `json:"types"`
	Rows  []Row             `json:"rows"`
}

// Row is one row: the columns that are not null, and the write timestamp where the version that
// wrote it chose one itself, as it does with views.
type Row struct {
	Values    map[string]any `json:"values"`
	Timestamp int64          `json:"timestamp,omitempty"`
}

// Read returns the dump in a file.
func Read(file string) (d Dump, err error) {
	text, err := os.Open(file)
	if err != nil {
		return d, fmt.Errorf("read a dump: %w", err)
	}
	defer text.Close()
	decoder := json.NewDecoder(text)
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("read a dump: %s: %w", file, err)
	}
	return d, nil
}

// Load creates the tables of a keyspace, which must exist, and fills them. Rows without a timestamp
// in the dump get the present time. They get the TTL of their table.
func (d Dump) Load(session *gocql.Session, keyspace string) error {
	for _, statement := range d.Schema {
		qualified := strings.Replace(statement, "CREATE TABLE IF NOT EXISTS ", "CREATE TABLE IF NOT EXISTS "+keyspace+".", 1)
		if err := session.Query(qualified).Exec(); err != nil {
			return fmt.Errorf("load a dump: %s: %w", qualified, err)
		}
	}
	for _, t := range d.Tables {
		for _, row := range t.Rows {
			if err := t.insert(session, keyspace, row); err != nil {
				return fmt.Errorf("load a dump: table %s: %w", t.Name, err)
			}
		}
	}
	return nil
}

func (t Table) insert(session *gocql.Session, keyspace string, row Row) error {
	var columns []string
	for column := range row.Values {
		columns = append(columns, column)
	}
	slices.Sort(columns)
	var values []any
	for _, column := range columns {
		value, err := decode(t.Types[column], row.Values[column])
		if err != nil {
			return fmt.Errorf("column %s: %w", column, err)
		}
		values = append(values, value)
	}
	cql := fmt.Sprintf("INSERT INTO %s.%s (%s) VALUES (?%s)",
		keyspace, t.Name, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1))
	if row.Timestamp != 0 {
		cql += fmt.Sprintf(" USING TIMESTAMP %d", row.Timestamp)
	}
	return session.Query(cql, values...).Consistency(gocql.LocalQuorum).Exec()
}

// Take dumps a keyspace whose tables were made by statements. Logs of CDC are not a part of a dump:
// they are written when it is loaded.
func Take(session *gocql.Session, keyspace string, schema []string) (Dump, error) {
	d := Dump{Schema: schema}
	names, err := column[string](session, "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", keyspace)
	if err != nil {
		return d, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_scylla_cdc_log") {
			continue
		}
		t, err := takeTable(session, keyspace, name)
		if err != nil {
			return d, fmt.Errorf("dump %s: %w", name, err)
		}
		if len(t.Rows) > 0 {
			d.Tables = append(d.Tables, t)
		}
	}
	return d, nil
}

func takeTable(session *gocql.Session, keyspace, name string) (Table, error) {
	t := Table{Name: name, Types: map[string]string{}}
	var columns []string
	iter := session.Query("SELECT column_name, type, kind FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ?", keyspace, name).Iter()
	var column, kind, kindOfKey string
	timed := false
	for iter.Scan(&column, &kind, &kindOfKey) {
		columns = append(columns, column)
		t.Types[column] = kind
		timed = timed || column == "sequence_number" && kindOfKey == "regular"
	}
	if err := iter.Close(); err != nil {
		return t, err
	}
	slices.Sort(columns)
	selected := strings.Join(columns, ", ")
	if timed {
		selected += ", WRITETIME(sequence_number)"
	}
	rows := session.Query("SELECT " + selected + " FROM " + keyspace + "." + name).Iter()
	for {
		cells := make([]cell, len(columns))
		var at *int64
		dest := make([]any, len(columns))
		for i := range cells {
			dest[i] = &cells[i]
		}
		if timed {
			dest = append(dest, &at)
		}
		if !rows.Scan(dest...) {
			break
		}
		row := Row{Values: map[string]any{}}
		for i, c := range cells {
			if c.value != nil {
				row.Values[columns[i]] = c.value
			}
		}
		if at != nil {
			row.Timestamp = *at
		}
		t.Rows = append(t.Rows, row)
	}
	return t, rows.Close()
}

func column[T any](session *gocql.Session, cql string, args ...any) (values []T, err error) {
	iter := session.Query(cql, args...).Iter()
	for v := *new(T); iter.Scan(&v); {
		values = append(values, v)
	}
	return values, iter.Close()
}
