package scyllasim

import (
	"strconv"
	"strings"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
	"github.com/google/uuid"
)

// tabletsPerTable is the number of tablets, and so of CDC streams, of a table in a keyspace with
// tablets.
const tabletsPerTable = 8

// firstSetAhead is how long before the creation of a table with tablets its first stream set
// begins.
const firstSetAhead = 5 * time.Second

func (s *Sim) execDDL(r *request, st statement) (message.Message, error) {
	if err := s.needMajority(); err != nil {
		return nil, err
	}
	switch st := st.(type) {
	case *createKeyspaceStmt:
		return s.createKeyspace(st)
	case *createTableStmt:
		return s.createTable(r, st)
	case *alterKeyspaceStmt:
		return s.alterKeyspace(st)
	case *alterTableStmt:
		return s.alterTable(r, st)
	case *dropStmt:
		return s.drop(r, st)
	}
	return nil, unsupported("this statement")
}

// changed announces a schema change to the clients that registered for events. It is also the
// answer to the statement.
func (s *Sim) changed(kind primitive.SchemaChangeType, ks string, tables ...string) message.Message {
	s.schemaVersion = uuid.New()
	res := &message.SchemaChangeResult{ChangeType: kind, Target: primitive.SchemaChangeTargetKeyspace, Keyspace: ks}
	if len(tables) == 0 {
		s.announce(&message.SchemaChangeEvent{ChangeType: kind, Target: res.Target, Keyspace: ks})
		return res
	}
	res.Target, res.Object = primitive.SchemaChangeTargetTable, tables[0]
	for _, t := range tables {
		s.announce(&message.SchemaChangeEvent{ChangeType: kind, Target: res.Target, Keyspace: ks, Object: t})
	}
	return res
}

func (s *Sim) createKeyspace(st *createKeyspaceStmt) (message.Message, error) {
	ks := &keyspace{name: st.name, durable: true, tables: map[string]*table{}}
	tablets := s.opts.Tablets
	for name, p := range st.props {
		switch {
		case name == "replication":
			if err := ks.setReplication(p.m, len(s.nodes)); err != nil {
				return nil, err
			}
		case name == "durable_writes":
			ks.durable = strings.EqualFold(p.text, "true")
		case name == "consistency" && s.opts.Tablets:
			ks.consistency = p.text
		case name == "tablets" && s.opts.Tablets:
			tablets = !strings.EqualFold(p.m["enabled"], "false")
		default:
			return nil, syntaxErr("Unknown property '%s'", name)
		}
	}
	if ks.replication == nil {
		return nil, configErr("Missing mandatory option 'replication'")
	}
	if systemNames[st.name] || s.keyspaces[st.name] != nil {
		if st.ifNotExists {
			return &message.VoidResult{}, nil
		}
		return nil, &cqlError{
			&message.AlreadyExists{ErrorMessage: "Cannot add existing keyspace \"" + st.name + "\"", Keyspace: st.name},
		}
	}
	ks.tablets = tablets && strings.HasSuffix(ks.replication["class"], "NetworkTopologyStrategy")
	s.keyspaces[st.name] = ks
	return s.changed(primitive.SchemaChangeTypeCreated, st.name), nil
}

func (s *Sim) alterKeyspace(st *alterKeyspaceStmt) (message.Message, error) {
	ks := s.keyspaces[st.name]
	if ks == nil {
		return nil, invalid("Unknown keyspace %s", st.name)
	}
	for name, p := range st.props {
		if name != "replication" {
			return nil, unsupported("ALTER KEYSPACE WITH %s", name)
		}
		if err := ks.setReplication(p.m, len(s.nodes)); err != nil {
			return nil, err
		}
	}
	return s.changed(primitive.SchemaChangeTypeUpdated, ks.name), nil
}

// setReplication supports SimpleStrategy and NetworkTopologyStrategy of the one datacenter.
func (ks *keyspace) setReplication(m map[string]string, nodes int) error {
	class := m["class"][strings.LastIndexByte(m["class"], '.')+1:]
	if class != "SimpleStrategy" && class != "NetworkTopologyStrategy" {
		return configErr("Unable to find replication strategy class '%s'", m["class"])
	}
	ks.replication = map[string]string{"class": "org.apache.cassandra.locator." + class}
	for k, v := range m {
		if k == "class" {
			continue
		}
		n, err := strconv.Atoi(v)
		switch {
		case err != nil || n < 0:
			return configErr("Replication factor must be numeric and non-negative, found '%s'", v)
		case k == "replication_factor" && class == "NetworkTopologyStrategy":
			k = dataCenter
		case k != "replication_factor" && k != dataCenter:
			return configErr("Unrecognized strategy option {%s} passed to org.apache.cassandra.locator.%s for keyspace %s", k, class, ks.name)
		}
		ks.replication[k], ks.rf = v, n
	}
	if ks.rf == 0 {
		return configErr("%s requires a replication_factor", class)
	}
	return nil
}

func (s *Sim) keyspaceOf(r *request, n tableName) (*keyspace, error) {
	name := n.keyspace
	if name == "" {
		name = r.keyspace
	}
	ks := s.keyspaces[name]
	if ks == nil {
		return nil, noKeyspace(name)
	}
	return ks, nil
}

func (s *Sim) createTable(r *request, st *createTableStmt) (message.Message, error) {
	ks, err := s.keyspaceOf(r, st.table)
	if err != nil {
		return nil, err
	}
	if ks.tables[st.table.name] != nil {
		if st.ifNotExists {
			return &message.VoidResult{}, nil
		}
		return nil, &cqlError{&message.AlreadyExists{
			ErrorMessage: "Cannot add already existing table \"" + st.table.name + "\" to keyspace \"" + ks.name + "\"",
			Keyspace:     ks.name, Table: st.table.name,
		}}
	}
	t, err := s.buildTable(ks, st)
	if err != nil {
		return nil, err
	}
	t.id = uuid.Must(uuid.NewUUID())
	s.garbage(t)
	ks.tables[t.name] = t
	if !t.cdc.enabled {
		return s.changed(primitive.SchemaChangeTypeCreated, ks.name, t.name), nil
	}
	s.addLog(t)
	return s.changed(primitive.SchemaChangeTypeCreated, ks.name, t.name, t.log.name), nil
}

// addLog gives a table its CDC log, and with tablets its first streams.
func (s *Sim) addLog(t *table) {
	t.log = newLogTable(t)
	t.ks.tables[t.log.name] = t.log
	if t.ks.tablets {
		start := s.now.Add(-firstSetAhead).UnixMicro() / 1000 * 1000
		t.tabletSets = []*generation{newGeneration(start, evenEnds(t.tabletCount()), 0, start)}
	}
}

func (s *Sim) alterTable(r *request, st *alterTableStmt) (message.Message, error) {
	t, err := s.writable(r, st.table)
	if err != nil {
		return nil, err
	}
	for _, d := range st.add {
		if t.columns[d.name] != nil {
			return nil, invalid("Invalid column name %s because it conflicts with an existing column", d.name)
		}
		if err := t.addPlain(d); err != nil {
			return nil, err
		}
		if t.log != nil {
			addLogColumns(t.log, t.columns[d.name])
		}
	}
	had, count := t.cdc.enabled, t.tabletCount()
	if err := s.setOptions(t, st.props); err != nil {
		return nil, err
	}
	if now := t.tabletCount(); now != count && t.log != nil && t.ks.tablets {
		s.addTabletSet(t, now, s.now)
	}
	if t.cdc.enabled && !had && t.log == nil {
		s.addLog(t)
	}
	return s.changed(primitive.SchemaChangeTypeUpdated, t.ks.name, t.name), nil
}

func (s *Sim) drop(r *request, st *dropStmt) (message.Message, error) {
	if st.table == "" {
		if s.keyspaces[st.keyspace] == nil {
			if st.ifExists {
				return &message.VoidResult{}, nil
			}
			return nil, configErr("Cannot drop non existing keyspace '%s'.", st.keyspace)
		}
		delete(s.keyspaces, st.keyspace)
		return s.changed(primitive.SchemaChangeTypeDropped, st.keyspace), nil
	}
	ks, err := s.keyspaceOf(r, tableName{st.keyspace, st.table})
	if err != nil && !st.ifExists {
		return nil, err
	}
	if ks == nil || ks.tables[st.table] == nil {
		if st.ifExists {
			return &message.VoidResult{}, nil
		}
		return nil, unconfigured(st.table)
	}
	t := ks.tables[st.table]
	if t.base != nil {
		return nil, invalid("Cannot drop the CDC log table %s", t.fullName())
	}
	delete(ks.tables, t.name)
	if t.log != nil {
		delete(ks.tables, t.log.name)
	}
	return s.changed(primitive.SchemaChangeTypeDropped, ks.name, t.name), nil
}
