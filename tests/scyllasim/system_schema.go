package scyllasim

func (s *Sim) keyspaceRows() []sysRow {
	var out []sysRow
	for _, set := range []map[string]*keyspace{s.system, s.keyspaces} {
		for _, ks := range set {
			out = append(out, sysRow{"keyspace_name": ks.name, "durable_writes": ks.durable, "replication": ks.replication})
		}
	}
	return out
}

// scyllaKeyspaceRows returns a row for each keyspace with tablets. Clients use it to detect
// tablets.
func (s *Sim) scyllaKeyspaceRows() []sysRow {
	var out []sysRow
	for _, ks := range s.keyspaces {
		if ks.tablets {
			row := sysRow{"keyspace_name": ks.name, "initial_tablets": 0}
			if ks.consistency != "" {
				row["consistency"] = ks.consistency
			}
			out = append(out, row)
		}
	}
	return out
}

func (s *Sim) tableRows() []sysRow {
	var out []sysRow
	s.eachTable(func(t *table) {
		ext := map[string][]byte{}
		if t.cdc.delta != "" {
			ext["cdc"] = t.cdc.extension()
		}
		if t.options.tombstones != nil {
			ext["tombstone_gc"] = extension(t.options.tombstones)
		}
		if t.paxos {
			out = append(out, sysRow{"keyspace_name": t.ks.name, "table_name": t.name + paxosSuffix, "id": t.id})
		}
		out = append(out, sysRow{
			"keyspace_name": t.ks.name, "table_name": t.name, "id": t.id, "extensions": ext, "flags": []string{"compound"},
			"caching": t.options.maps["caching"], "compaction": t.options.maps["compaction"], "compression": t.options.maps["compression"],
			"comment": t.options.comment, "default_time_to_live": t.options.ttl, "gc_grace_seconds": t.options.gcGrace,
			"bloom_filter_fp_chance": 0.01, "crc_check_chance": 1.0, "dclocal_read_repair_chance": 0.0, "read_repair_chance": 0.0,
			"max_index_interval": 2048, "min_index_interval": 128, "memtable_flush_period_in_ms": 0, "speculative_retry": "99.0PERCENTILE",
		})
	})
	return out
}

// scyllaTableRows returns a row for each CDC log, with its partitioner, by which drivers route, and
// one for each table with options of its tablets.
func (s *Sim) scyllaTableRows() []sysRow {
	var out []sysRow
	s.eachTable(func(t *table) {
		row := sysRow{"keyspace_name": t.ks.name, "table_name": t.name}
		if t.base != nil {
			row["partitioner"] = "com.scylladb.dht.CDCPartitioner"
		}
		if t.options.tablets != nil {
			row["tablets"] = t.options.tablets
		}
		if len(row) > 2 {
			out = append(out, row)
		}
	})
	return out
}

func (s *Sim) columnRows() []sysRow {
	var out []sysRow
	s.eachTable(func(t *table) {
		for _, c := range t.all() {
			order := "NONE"
			if c.kind == clusteringColumn {
				if order = "ASC"; c.desc {
					order = "DESC"
				}
			}
			out = append(out, sysRow{
				"keyspace_name": t.ks.name, "table_name": t.name, "column_name": c.name, "column_name_bytes": []byte(c.name),
				"clustering_order": order, "kind": c.kind.String(), "position": c.pos, "type": c.typ.String(),
			})
		}
	})
	return out
}
