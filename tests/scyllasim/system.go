package scyllasim

import (
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// systemNames are the keyspaces that exist without being created. Their tables are generated for
// each query.
var systemNames = map[string]bool{"system": true, "system_schema": true, "system_distributed": true}

// systemDDL is the part of the system tables that drivers and readers of CDC logs use.
var systemDDL = []string{
	`CREATE TABLE system.local (key text PRIMARY KEY, bootstrapped text, broadcast_address inet, cluster_name text, cql_version text,
		data_center text, host_id uuid, listen_address inet, native_protocol_version text, partitioner text, rack text,
		release_version text, rpc_address inet, schema_version uuid, supported_features text, tokens frozen<set<text>>)`,
	`CREATE TABLE system.peers (peer inet PRIMARY KEY, data_center text, host_id uuid, preferred_ip inet, rack text, release_version text,
		rpc_address inet, schema_version uuid, supported_features text, tokens frozen<set<text>>)`,
	`CREATE TABLE system.versions (key text PRIMARY KEY, build_id text, build_mode text, version text)`,
	`CREATE TABLE system_schema.keyspaces (keyspace_name text PRIMARY KEY, durable_writes boolean, replication frozen<map<text, text>>)`,
	`CREATE TABLE system_schema.tables (keyspace_name text, table_name text, bloom_filter_fp_chance double,
		caching frozen<map<text, text>>, comment text, compaction frozen<map<text, text>>, compression frozen<map<text, text>>,
		crc_check_chance double, dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>,
		flags frozen<set<text>>, gc_grace_seconds int, id uuid, max_index_interval int, memtable_flush_period_in_ms int,
		min_index_interval int, read_repair_chance double, speculative_retry text, PRIMARY KEY (keyspace_name, table_name))`,
	`CREATE TABLE system_schema.columns (keyspace_name text, table_name text, column_name text, clustering_order text,
		column_name_bytes blob, kind text, position int, type text, PRIMARY KEY (keyspace_name, table_name, column_name))`,
	`CREATE TABLE system_schema.types (keyspace_name text, type_name text, field_names frozen<list<text>>,
		field_types frozen<list<text>>, PRIMARY KEY (keyspace_name, type_name))`,
	`CREATE TABLE system_schema.indexes (keyspace_name text, table_name text, index_name text, kind text,
		options frozen<map<text, text>>, PRIMARY KEY (keyspace_name, table_name, index_name))`,
	`CREATE TABLE system_schema.views (keyspace_name text, view_name text, base_table_id uuid, base_table_name text,
		bloom_filter_fp_chance double, caching frozen<map<text, text>>, comment text, compaction frozen<map<text, text>>,
		compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double, default_time_to_live int,
		extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid, include_all_columns boolean, max_index_interval int,
		memtable_flush_period_in_ms int, min_index_interval int, read_repair_chance double, speculative_retry text,
		where_clause text, PRIMARY KEY (keyspace_name, view_name))`,
	`CREATE TABLE system_schema.functions (keyspace_name text, function_name text, argument_types frozen<list<text>>,
		argument_names frozen<list<text>>, body text, called_on_null_input boolean, language text, return_type text,
		PRIMARY KEY (keyspace_name, function_name, argument_types))`,
	`CREATE TABLE system_schema.aggregates (keyspace_name text, aggregate_name text, argument_types frozen<list<text>>,
		final_func text, initcond text, return_type text, state_func text, state_type text,
		PRIMARY KEY (keyspace_name, aggregate_name, argument_types))`,
	`CREATE TABLE system_distributed.cdc_generation_timestamps (key text, time timestamp, expired timestamp,
		PRIMARY KEY (key, time)) WITH CLUSTERING ORDER BY (time DESC)`,
	`CREATE TABLE system_distributed.cdc_streams_descriptions_v2 (time timestamp, range_end bigint, streams frozen<set<blob>>,
		PRIMARY KEY (time, range_end))`,
}

const (
	vnodeKeyspaces = `CREATE TABLE system_schema.scylla_keyspaces (keyspace_name text PRIMARY KEY,
		storage_options frozen<map<text, text>>, storage_type text)`
	vnodeTables = `CREATE TABLE system_schema.scylla_tables (keyspace_name text, table_name text, cdc frozen<map<text, text>>,
		partitioner text, version uuid, PRIMARY KEY (keyspace_name, table_name))`
	tabletTables = `CREATE TABLE system_schema.scylla_tables (keyspace_name text, table_name text, cdc frozen<map<text, text>>,
		partitioner text, tablets frozen<map<text, text>>, version uuid, PRIMARY KEY (keyspace_name, table_name))`
	tabletKeyspaces = `CREATE TABLE system_schema.scylla_keyspaces (keyspace_name text PRIMARY KEY, consistency text,
		initial_tablets int, storage_options frozen<map<text, text>>, storage_type text)`
	tabletTimestamps = `CREATE TABLE system.cdc_timestamps (keyspace_name text, table_name text, timestamp timestamp,
		PRIMARY KEY ((keyspace_name, table_name), timestamp)) WITH CLUSTERING ORDER BY (timestamp DESC)`
	tabletStreams = `CREATE TABLE system.cdc_streams (keyspace_name text, table_name text, timestamp timestamp, stream_state tinyint,
		stream_id blob, PRIMARY KEY ((keyspace_name, table_name), timestamp, stream_state, stream_id))`
)

// systemSchema builds the definitions of the system tables.
func (s *Sim) systemSchema() map[string]*keyspace {
	out := map[string]*keyspace{}
	for name := range systemNames {
		out[name] = &keyspace{
			name: name, local: true, durable: true, tables: map[string]*table{},
			replication: map[string]string{"class": "org.apache.cassandra.locator.LocalStrategy"},
		}
	}
	dist := out["system_distributed"]
	dist.local, dist.rf = false, 3
	dist.replication = map[string]string{"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "3"}
	ddl := append(slices.Clone(systemDDL), vnodeKeyspaces, vnodeTables)
	if s.opts.Tablets {
		ddl = append(slices.Clone(systemDDL), tabletKeyspaces, tabletTables, tabletTimestamps, tabletStreams)
	}
	for _, cql := range ddl {
		st, _, err := parse(cql)
		if err != nil {
			panic(err) // a mistake in the text above
		}
		create := st.(*createTableStmt)
		ks := out[create.table.keyspace]
		t, err := s.buildTable(ks, create)
		if err != nil {
			panic(err)
		}
		t.id = uuid.New()
		ks.tables[t.name] = t
	}
	return out
}

// sysRow is one row of a system table by column name.
type sysRow map[string]any

// systemTable generates the current contents of a system table. It returns nil when there is no
// table of that name.
func (s *Sim) systemTable(n *node, keyspace, name string) *table {
	ks := s.system[keyspace]
	if ks == nil || ks.tables[name] == nil {
		return nil
	}
	t := *ks.tables[name]
	t.data = store{}
	st := stamp{ts: s.now.UnixMicro()}
	for _, r := range s.systemRows(n, keyspace+"."+name) {
		key := func(cols []*column) [][]byte {
			out := make([][]byte, len(cols))
			for i, c := range cols {
				out[i] = encode(c.typ, r[c.name])
			}
			return out
		}
		row := t.data.make(&t, key(t.pk)).row(key(t.ck))
		row.marker = st.cell([]byte{})
		for _, c := range t.regular {
			if b := encode(c.typ, r[c.name]); b != nil {
				set(row, c, b, st)
			}
		}
	}
	return &t
}

func (s *Sim) systemRows(n *node, table string) []sysRow {
	switch table {
	case "system.local":
		return []sysRow{s.localRow(n)}
	case "system.peers":
		return s.peerRows(n)
	case "system.versions":
		return []sysRow{{"key": "local", "version": s.opts.Version, "build_mode": "scyllasim"}}
	case "system_schema.keyspaces":
		return s.keyspaceRows()
	case "system_schema.scylla_keyspaces":
		return s.scyllaKeyspaceRows()
	case "system_schema.tables":
		return s.tableRows()
	case "system_schema.scylla_tables":
		return s.scyllaTableRows()
	case "system_schema.columns":
		return s.columnRows()
	case "system_distributed.cdc_generation_timestamps":
		return s.generationRows()
	case "system_distributed.cdc_streams_descriptions_v2":
		return s.streamRows()
	case "system.cdc_timestamps", "system.cdc_streams":
		return s.tabletStreamRows(n, table == "system.cdc_streams")
	}
	return nil // the others are always empty
}

func (s *Sim) localRow(n *node) sysRow {
	return sysRow{
		"key": "local", "bootstrapped": "COMPLETED", "broadcast_address": n.ip, "cluster_name": "", "cql_version": "3.3.1",
		"data_center": dataCenter, "host_id": n.hostID, "listen_address": n.ip, "native_protocol_version": "4",
		"partitioner": partitioner, "rack": rack, "release_version": "3.0.8", "rpc_address": n.ip,
		"schema_version": s.schemaVersion, "tokens": n.tokenStrings(),
	}
}

func (s *Sim) peerRows(n *node) []sysRow {
	var out []sysRow
	for _, p := range s.nodes {
		if p != n {
			out = append(out, sysRow{
				"peer": p.ip, "data_center": dataCenter, "host_id": p.hostID, "rack": rack, "release_version": "3.0.8",
				"rpc_address": net.IP(p.ip), "schema_version": s.schemaVersion, "tokens": p.tokenStrings(),
			})
		}
	}
	return out
}

func (n *node) tokenStrings() []string {
	out := make([]string, len(n.tokens))
	for i, t := range n.tokens {
		out[i] = strconv.FormatInt(t, 10)
	}
	slices.Sort(out)
	return out
}

func (s *Sim) generationRows() []sysRow {
	var out []sysRow
	for _, g := range s.generations {
		out = append(out, sysRow{"key": "timestamps", "time": time.UnixMicro(g.start)})
	}
	return out
}

func (s *Sim) streamRows() []sysRow {
	var out []sysRow
	for _, g := range s.generations {
		if g.described > s.now.UnixMicro() {
			continue
		}
		for i, end := range g.ends {
			out = append(out, sysRow{"time": time.UnixMicro(g.start), "range_end": end, "streams": [][]byte{g.streams[i]}})
		}
	}
	return out
}

// tabletStreamRows lists the stream sets of the tables with tablets that a node knows. State 0 is
// the whole set, 1 the closed streams, 2 the opened streams.
func (s *Sim) tabletStreamRows(n *node, streams bool) []sysRow {
	var out []sysRow
	s.eachTable(func(t *table) {
		var before *generation
		for _, g := range s.generationsOf(t, n) {
			at := func(state int, id []byte) sysRow {
				return sysRow{
					"keyspace_name": t.ks.name, "table_name": t.name, "timestamp": time.UnixMicro(g.start),
					"stream_state": state, "stream_id": id,
				}
			}
			if !streams {
				out = append(out, at(0, nil))
				continue
			}
			if g.described > s.now.UnixMicro() {
				continue
			}
			for _, id := range g.streams {
				out = append(out, at(0, id), at(2, id))
			}
			if before != nil {
				for _, id := range before.streams {
					out = append(out, at(1, id))
				}
			}
			before = g
		}
	})
	return out
}

// eachTable visits the user's tables and the system's definitions.
func (s *Sim) eachTable(f func(*table)) {
	for _, set := range []map[string]*keyspace{s.system, s.keyspaces} {
		for _, ks := range set {
			for _, t := range ks.tables {
				f(t)
			}
		}
	}
}
