package scyllasim

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/message"
)

// describeStmt is DESCRIBE, which servers answer themselves from 5.2 on. Before that it is a syntax
// error, and tools make the text from the system tables.
type describeStmt struct {
	at        tok // the first word
	what      string
	name      tableName
	internals bool
}

// The kinds of DESCRIBE that are simulated.
const (
	describeCluster   = "cluster"
	describeSchema    = "schema"
	describeFull      = "full schema"
	describeKeyspaces = "keyspaces"
	describeKeyspace  = "keyspace"
	describeOnly      = "only keyspace"
	describeTables    = "tables"
	describeTable     = "table"
	describeName      = "name"
)

func (p *parser) describe() statement {
	s := &describeStmt{at: p.toks[p.pos-1]}
	rest := func() bool { return p.peek().kind != tkEOF && p.peek().text != ";" && p.peek().text != "with" }
	switch {
	case p.word("cluster"):
		s.what = describeCluster
	case p.word("schema"):
		s.what = describeSchema
	case p.words("full", "schema"):
		s.what = describeFull
	case p.word("keyspaces"):
		s.what = describeKeyspaces
	case p.word("keyspace"), p.words("only", "keyspace"):
		s.what = describeKeyspace
		if p.toks[p.pos-2].text == "only" {
			s.what = describeOnly
		}
		if rest() {
			s.name.keyspace = p.ident()
		}
	case p.word("tables"):
		s.what = describeTables
	case p.word("table"), p.word("columnfamily"):
		s.what, s.name = describeTable, p.tableName()
	case p.word("types"), p.word("type"), p.word("functions"), p.word("function"), p.word("aggregates"), p.word("aggregate"),
		p.word("index"), p.word("materialized"):
		panic(unsupported("DESCRIBE %s", p.toks[p.pos-1].raw))
	default:
		s.what, s.name = describeName, p.tableName()
	}
	s.internals = p.words("with", "internals")
	return s
}

// check refuses the statement as a server that does not know it does.
func (st *describeStmt) check(s *Sim) error {
	if s.since(5, 2) {
		return nil
	}
	return syntaxErr("line %d:%d no viable alternative at input '%s'", st.at.line, st.at.col, st.at.raw)
}

// description is one row of the answer.
type description struct{ keyspace, kind, name, create string }

func (s *Sim) execDescribe(r *request, st *describeStmt) (message.Message, error) {
	if err := st.check(s); err != nil {
		return nil, err
	}
	in := cmp.Or(st.name.keyspace, r.keyspace)
	var found []description
	var err error
	switch st.what {
	case describeCluster:
		return describeRows([]string{"cluster", "partitioner", "snitch"},
			[][]string{{"", partitioner, "org.apache.cassandra.locator.SimpleSnitch"}}), nil
	case describeKeyspaces, describeTables:
		return s.listElements(st.what, r.keyspace)
	case describeSchema, describeFull:
		for _, ks := range s.sortedKeyspaces(st.what == describeFull) {
			found = append(found, ks.describeAll(st.internals)...)
		}
	case describeKeyspace, describeOnly:
		var ks *keyspace
		if ks, err = s.describedKeyspace(in); err == nil {
			if found = ks.describeAll(st.internals); st.what == describeOnly {
				found = found[:1]
			}
		}
	case describeTable:
		found, err = s.describedTable(in, st.name.name, st.internals)
	default:
		if ks := s.anyKeyspace(st.name.name); ks != nil && st.name.keyspace == "" {
			found = ks.describeAll(st.internals)
			break
		}
		if found, err = s.describedTable(in, st.name.name, st.internals); err == nil {
			break
		}
		err = invalid("'%s' not found in keyspace '%s'", st.name.name, in)
		if s.anyKeyspace(in) == nil {
			err = invalid("'%s' not found in keyspaces", st.name.name)
		}
	}
	if err != nil {
		return nil, err
	}
	rows := make([][]string, len(found))
	for i, d := range found {
		rows[i] = []string{d.keyspace, d.kind, d.name, d.create}
	}
	return describeRows([]string{"keyspace_name", "type", "name", "create_statement"}, rows), nil
}

func describeRows(columns []string, rows [][]string) *message.RowsResult {
	var specs []*message.ColumnMetadata
	for _, name := range columns {
		specs = append(specs, &message.ColumnMetadata{Keyspace: "system", Table: "describe", Name: name, Type: datatype.Varchar})
	}
	set := make(message.RowSet, len(rows))
	for i, row := range rows {
		for _, text := range row {
			set[i] = append(set[i], []byte(text))
		}
	}
	return resultOf(specs, set)
}

// listElements answers DESCRIBE KEYSPACES and TABLES: of the keyspace of the connection, if it has
// one, and else of all.
func (s *Sim) listElements(what, current string) (message.Message, error) {
	var rows [][]string
	for _, ks := range s.sortedKeyspaces(true) {
		if current != "" && ks.name != current {
			continue
		}
		if what == describeKeyspaces {
			rows = append(rows, []string{quoted(ks.name), "keyspace", quoted(ks.name)})
			continue
		}
		for _, t := range ks.described() {
			rows = append(rows, []string{quoted(ks.name), "table", quoted(t.name)})
		}
	}
	return describeRows([]string{"keyspace_name", "type", "name"}, rows), nil
}

func (s *Sim) sortedKeyspaces(system bool) (all []*keyspace) {
	for _, name := range slices.Sorted(maps.Keys(s.keyspaces)) {
		all = append(all, s.keyspaces[name])
	}
	if system {
		for _, name := range slices.Sorted(maps.Keys(s.system)) {
			all = append(all, s.system[name])
		}
	}
	return all
}

func (s *Sim) anyKeyspace(name string) *keyspace { return cmp.Or(s.keyspaces[name], s.system[name]) }

func (s *Sim) describedKeyspace(name string) (*keyspace, error) {
	ks := s.anyKeyspace(name)
	if ks == nil {
		return nil, invalid("'%s' not found in keyspaces", name)
	}
	return ks, nil
}

func (s *Sim) describedTable(keyspace, name string, internals bool) ([]description, error) {
	if keyspace == "" {
		return nil, invalid("No keyspace specified and no current keyspace")
	}
	ks, err := s.describedKeyspace(keyspace)
	if err != nil {
		return nil, err
	}
	t := ks.tables[name]
	if t == nil {
		return nil, invalid("Table '%s' not found in keyspace '%s'", name, keyspace)
	}
	return t.describe(internals), nil
}

// described returns the tables of a keyspace by name, without CDC logs. Tables of the state of
// conditional writes are not listed either.
func (ks *keyspace) described() (tables []*table) {
	for _, name := range slices.Sorted(maps.Keys(ks.tables)) {
		if t := ks.tables[name]; t.base == nil {
			tables = append(tables, t)
		}
	}
	return tables
}

// describeAll returns the keyspace and then its tables.
func (ks *keyspace) describeAll(internals bool) []description {
	create := fmt.Sprintf("CREATE KEYSPACE %s WITH replication = %s AND durable_writes = %t", quoted(ks.name), mapText(ks.replication), ks.durable)
	if ks.tablets {
		create += " AND tablets = {'enabled': true}"
	}
	all := []description{{quoted(ks.name), "keyspace", quoted(ks.name), create + ";"}}
	for _, t := range ks.described() {
		all = append(all, t.describe(internals)...)
	}
	return all
}

// describe returns the table and, after it, its CDC log. The log is not created but altered,
// because it comes with the table.
func (t *table) describe(internals bool) []description {
	options, name := t.optionTexts(), quoted(t.ks.name)+"."+quoted(t.name)
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (\n", name)
	for _, c := range t.all() {
		fmt.Fprintf(&b, "    %s %s", quoted(c.name), c.typ)
		if c.kind == staticColumn {
			b.WriteString(" static")
		}
		b.WriteString(",\n")
	}
	key := columnList(t.pk)
	if len(t.pk) > 1 {
		key = "(" + key + ")"
	}
	if len(t.ck) > 0 {
		key += ", " + columnList(t.ck)
		var order []string
		for _, c := range t.ck {
			order = append(order, quoted(c.name)+map[bool]string{false: " ASC", true: " DESC"}[c.desc])
		}
		options = append([]string{"CLUSTERING ORDER BY (" + strings.Join(order, ", ") + ")"}, options...)
	}
	if internals {
		options = append([]string{"ID = " + t.id.String()}, options...)
	}
	fmt.Fprintf(&b, "    PRIMARY KEY (%s)\n) WITH %s;", key, strings.Join(options, "\n    AND "))
	d := description{quoted(t.ks.name), "table", quoted(t.name), b.String()}
	if t.base != nil {
		d.create = "/* Do NOT execute this statement! It's only for informational purposes.\n" +
			"   A CDC log table is created automatically when the base is created.\n\n" + d.create + "\n*/"
		return []description{d}
	}
	if t.log == nil || !t.cdc.enabled {
		return []description{d}
	}
	log := quoted(t.log.name)
	return []description{d, {
		d.keyspace, "table", log,
		fmt.Sprintf("ALTER TABLE %s.%s WITH %s;", d.keyspace, log, strings.Join(t.log.optionTexts(), "\n    AND ")),
	}}
}

func (t *table) optionTexts() []string {
	o := t.options
	out := []string{
		"bloom_filter_fp_chance = 0.01", "caching = " + mapText(o.maps["caching"]), "comment = '" + strings.ReplaceAll(o.comment, "'", "''") + "'",
		"compaction = " + mapText(o.maps["compaction"]), "compression = " + mapText(o.maps["compression"]), "crc_check_chance = 1",
		fmt.Sprintf("default_time_to_live = %d", o.ttl), fmt.Sprintf("gc_grace_seconds = %d", o.gcGrace), "max_index_interval = 2048",
		"memtable_flush_period_in_ms = 0", "min_index_interval = 128", "speculative_retry = '99.0PERCENTILE'",
	}
	if t.cdc.enabled {
		out = append(out, "cdc = "+mapText(t.cdc.options()))
	}
	if o.tombstones != nil {
		out = append(out, "tombstone_gc = "+mapText(o.tombstones))
	}
	if o.tablets != nil {
		out = append(out, "tablets = "+mapText(o.tablets))
	}
	return out
}

func columnList(columns []*column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c.name)
	}
	return strings.Join(names, ", ")
}

// mapText writes a map as in CQL.
func mapText(m map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("'%s': '%s'", key, strings.ReplaceAll(m[key], "'", "''")))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// quoted writes a name as in CQL.
func quoted(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
