package schema

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
)

// Severity says what a [Finding] means for the service.
type Severity string

// The severities.
const (
	// Warning is about something that will hurt sooner or later.
	Warning Severity = "warning"
	// Fatal is about something with which the service cannot work.
	Fatal Severity = "fatal"
)

// Finding is something about the keyspace or the cluster that should be different.
type Finding struct {
	// Code is a stable name, such as "replication-low".
	Code     string
	Severity Severity
	// Meaning says what is wrong, and what follows.
	Meaning string
	// Mend is the statement that mends it. It is empty when no statement can.
	Mend string
}

// String returns the finding in one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s: %s", f.Severity, f.Code, f.Meaning)
	if f.Mend != "" {
		text += ": " + f.Mend
	}
	return text
}

// Posture is how a keyspace is set up, and what should be different.
type Posture struct {
	// Tablets reports whether the keyspace has tablets or vnodes. That cannot be changed later.
	Tablets bool
	// Streams is the number of CDC streams in use. 0 means that it is not known.
	Streams int
	// LogTTL is how long the CDC log keeps a row. 0 means for ever, or that there is no log.
	LogTTL time.Duration
	// Findings are ordered as they were looked for, those about the whole keyspace first.
	Findings []Finding

	server server
}

// Err returns an error with the fatal findings, or nil.
func (p Posture) Err() error {
	var errs []error
	for _, f := range p.Findings {
		if f.Severity == Fatal {
			errs = append(errs, fmt.Errorf("%w: %s", ErrUnfit, f))
		}
	}
	return errors.Join(errs...)
}

func (p *Posture) find(severity Severity, code, mend, meaning string, args ...any) {
	p.Findings = append(p.Findings, Finding{Code: code, Severity: severity, Meaning: fmt.Sprintf(meaning, args...), Mend: mend})
}

const (
	outboxTable = "outbox_messages"
	// keepLog is how long rows of the outbox and of its log are kept, as in the .cql files.
	keepLog = 86400
	// fewCopies is the number of copies with which a node may fail.
	fewCopies = 3
	// manyStreams is the number of streams that one query of a reader takes.
	manyStreams = 100
)

// Inspect looks at the options of a keyspace and of its tables. It changes nothing. A keyspace that
// does not exist has no findings.
func Inspect(ctx context.Context, session *gocql.Session, keyspace string) (Posture, error) {
	version, err := serverVersion(ctx, session)
	if err != nil {
		return Posture{}, err
	}
	is, err := parseVersion(version)
	if err != nil {
		return Posture{}, err
	}
	i := inspection{session: session, keyspace: keyspace, server: is, found: Posture{server: is}}
	for _, look := range []func(context.Context) error{i.replication, i.storage, i.outbox, i.tombstones, i.streams} {
		if err := look(ctx); err != nil {
			return Posture{}, fmt.Errorf("inspect keyspace %s: %w", keyspace, err)
		}
	}
	return i.found, nil
}

// inspection is one look at a keyspace.
type inspection struct {
	session  *gocql.Session
	keyspace string
	server   server
	found    Posture
}

// row reads a row with all its columns. It is nil when there is none, or no such table.
func (i *inspection) row(ctx context.Context, cql string, args ...any) (map[string]any, error) {
	row := map[string]any{}
	err := i.session.Query(cql, args...).WithContext(ctx).Idempotent(true).MapScan(row)
	if errors.Is(err, gocql.ErrNotFound) || cluster.Refused(err) {
		return nil, nil
	}
	return row, cluster.Translate(ctx, err, cluster.Read)
}

// replication looks for too few copies.
func (i *inspection) replication(ctx context.Context) error {
	row, err := i.row(ctx, `SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, i.keyspace)
	if err != nil || row == nil {
		return err
	}
	options, _ := row["replication"].(map[string]string)
	for name, value := range options {
		copies, err := strconv.Atoi(value)
		if name == "class" || err != nil || copies == 0 || copies >= fewCopies {
			continue
		}
		i.found.find(Warning, "replication-low",
			fmt.Sprintf("ALTER KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', '%s': %d}", i.keyspace, name, fewCopies),
			"there are %d copies in %s: nothing can be written while a node with one of them is down", copies, name)
	}
	return nil
}

// storage looks at how the keyspace keeps its data.
func (i *inspection) storage(ctx context.Context) error {
	row, err := i.row(ctx, `SELECT * FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?`, i.keyspace)
	if err != nil || row == nil {
		return err
	}
	// a null is read as 0, so it is asked for again
	var initial *int
	err = i.session.Query(`SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?`,
		i.keyspace).WithContext(ctx).Idempotent(true).Scan(&initial)
	if err != nil && !cluster.Refused(err) {
		return cluster.Translate(ctx, err, cluster.Read)
	}
	i.found.Tablets = initial != nil
	if kind, _ := row["consistency"].(string); kind != "" && kind != "eventual" {
		i.found.find(Fatal, "strongly-consistent", "",
			"the keyspace was created with consistency = '%s': such tables have neither CDC nor writes with a timestamp; use a keyspace without the option", kind)
	}
	if i.found.Tablets && !i.server.fitTablets() {
		i.found.find(Fatal, "tablets-too-early", "",
			"the keyspace has tablets, and before 2025.4 such tables have neither conditional writes nor CDC; use a keyspace that is created with tablets = {'enabled': false}")
	}
	return nil
}

// table reads the options of a table. The extensions are those of ScyllaDB.
func (i *inspection) table(ctx context.Context, name string) (row map[string]any, extensions map[string][]byte, err error) {
	row, err = i.row(ctx, `SELECT default_time_to_live, extensions FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?`,
		i.keyspace, name)
	extensions, _ = row["extensions"].(map[string][]byte)
	return row, extensions, err
}

// outbox looks at the options of the outbox and of its log.
func (i *inspection) outbox(ctx context.Context) error {
	row, extensions, err := i.table(ctx, outboxTable)
	if err != nil || row == nil {
		return err
	}
	name := i.keyspace + "." + outboxTable
	ttl, _ := row["default_time_to_live"].(int)
	cdc := stringMap(extensions["cdc"])
	seconds, err := strconv.Atoi(cdc["ttl"])
	if err != nil {
		seconds = keepLog
	}
	mend := fmt.Sprintf("ALTER TABLE %s WITH cdc = {'enabled': true, 'preimage': false, 'postimage': false, 'delta': 'full', 'ttl': %d}",
		name, max(seconds, keepLog))
	switch on := strings.EqualFold(cdc["enabled"], "true"); {
	case !on:
		i.found.find(Fatal, "cdc-off", mend, "%s has no CDC log: no consumer gets an event", outboxTable)
		return nil
	case cdc["delta"] != "" && cdc["delta"] != "full":
		i.found.find(Fatal, "cdc-delta", mend, "the CDC log of %s has only keys (delta is '%s'): no consumer gets an event", outboxTable, cdc["delta"])
	case strings.EqualFold(cdc["postimage"], "true") || cdc["preimage"] == "true" || cdc["preimage"] == "full":
		i.found.find(Warning, "cdc-images", mend, "the CDC log of %s also holds whole rows, which tell nothing new and halve the rate of writes", outboxTable)
	}
	i.found.LogTTL = time.Duration(seconds) * time.Second
	if seconds > 0 && seconds < keepLog {
		i.found.find(Warning, "cdc-ttl-short", mend, "the CDC log keeps rows for %s only: a consumer that is away for longer has to catch up from the event store", i.found.LogTTL)
	}
	if ttl <= 0 {
		i.found.find(Warning, "outbox-ttl", fmt.Sprintf("ALTER TABLE %s WITH default_time_to_live = %d", name, keepLog),
			"rows of %s never expire: the table grows for ever", outboxTable)
	}
	return nil
}

// tombstones compares how long each table keeps its tombstones with what the files say.
func (i *inspection) tombstones(ctx context.Context) error {
	if !i.server.tombstoneGC() {
		return nil
	}
	known, err := migrations()
	if err != nil {
		return err
	}
	modes := map[string]string{}
	iter := i.session.Query(`SELECT table_name, extensions FROM system_schema.tables WHERE keyspace_name = ?`, i.keyspace).
		WithContext(ctx).Idempotent(true).Iter()
	var name string
	for extensions := map[string][]byte(nil); iter.Scan(&name, &extensions); extensions = nil {
		modes[name] = stringMap(extensions["tombstone_gc"])["mode"]
	}
	if err := iter.Close(); err != nil {
		return cluster.Translate(ctx, err, cluster.Read)
	}
	want := tombstonesOf(known)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		is, there := modes[name]
		meaning, mend := "", want[name]
		switch {
		case !there || is == want[name]:
		case want[name] != "":
			meaning = "what was deleted from %s, or has expired, stays for a while, or until a repair (tombstone_gc is %s)"
		case is == "immediate":
			meaning, mend = "a row that was deleted from %s may come back (tombstone_gc is %s)", "timeout"
		case is == "disabled":
			meaning, mend = "what was deleted from %s stays for ever (tombstone_gc is %s)", "timeout"
		}
		if meaning != "" {
			i.found.find(Warning, "tombstones-"+name,
				fmt.Sprintf("ALTER TABLE %s.%s WITH tombstone_gc = {'mode': '%s'}", i.keyspace, name, mend),
				meaning, name, cmp.Or(is, "the default"))
		}
	}
	return nil
}

// streams counts the CDC streams.
func (i *inspection) streams(ctx context.Context) error {
	row, _, err := i.table(ctx, outboxTable)
	if err != nil || row == nil {
		return err
	}
	if i.found.Streams, err = i.countStreams(ctx); err != nil {
		return err
	}
	mend := ""
	if i.found.Tablets {
		options, err := i.row(ctx, `SELECT * FROM system_schema.scylla_tables WHERE keyspace_name = ? AND table_name = ?`,
			i.keyspace, outboxTable)
		if err != nil {
			return err
		}
		mend = fmt.Sprintf("ALTER TABLE %s.%s WITH %s", i.keyspace, outboxTable, i.server.tabletCount())
		if set, _ := options["tablets"].(map[string]string); set["min_tablet_count"] == "" {
			i.found.find(Warning, "tablets-not-fixed", mend,
				"the server chooses the number of tablets of %s, and so how many streams are read", outboxTable)
		}
	}
	if i.found.Streams > manyStreams {
		i.found.find(Warning, "streams-many", mend,
			"the CDC log has %d streams: an idle process makes %d queries in each pass over them", i.found.Streams,
			(i.found.Streams+manyStreams-1)/manyStreams)
	}
	return nil
}

func (i *inspection) countStreams(ctx context.Context) (n int, err error) {
	var newest time.Time
	if i.found.Tablets {
		err = i.scan(ctx, &newest, `SELECT timestamp FROM system.cdc_timestamps WHERE keyspace_name = ? AND table_name = ? LIMIT 1`,
			i.keyspace, outboxTable)
		if err == nil && !newest.IsZero() {
			err = i.scan(ctx, &n, `SELECT COUNT(*) FROM system.cdc_streams WHERE keyspace_name = ? AND table_name = ? AND timestamp = ? AND stream_state = 0`,
				i.keyspace, outboxTable, newest)
		}
		return n, err
	}
	err = i.scan(ctx, &newest, `SELECT time FROM system_distributed.cdc_generation_timestamps WHERE key = 'timestamps' LIMIT 1`)
	if err != nil || newest.IsZero() {
		return 0, err
	}
	iter := i.session.Query(`SELECT streams FROM system_distributed.cdc_streams_descriptions_v2 WHERE time = ?`, newest).
		WithContext(ctx).Consistency(gocql.One).Idempotent(true).Iter()
	for of := [][]byte(nil); iter.Scan(&of); of = nil {
		n += len(of)
	}
	return n, cluster.Translate(ctx, iter.Close(), cluster.Read)
}

// scan reads one value. It is not changed when there is none.
func (i *inspection) scan(ctx context.Context, to any, cql string, args ...any) error {
	err := i.session.Query(cql, args...).WithContext(ctx).Consistency(gocql.One).Idempotent(true).Scan(to)
	if errors.Is(err, gocql.ErrNotFound) || cluster.Refused(err) {
		return nil
	}
	return cluster.Translate(ctx, err, cluster.Read)
}

// stringMap reads a map of texts in the form of ScyllaDB's extensions: the number of entries, and
// for each the length and the bytes of key and value. Numbers have 32 bits in little-endian order.
// What cannot be read is left out.
func stringMap(raw []byte) map[string]string {
	text := func() (s string, ok bool) {
		if len(raw) < 4 {
			return "", false
		}
		n := binary.LittleEndian.Uint32(raw)
		if uint64(n) > uint64(len(raw)-4) {
			return "", false
		}
		s, raw = string(raw[4:4+n]), raw[4+n:]
		return s, true
	}
	options := map[string]string{}
	if len(raw) >= 4 {
		raw = raw[4:]
	}
	for {
		key, _ := text()
		value, ok := text()
		if !ok {
			return options
		}
		options[key] = value
	}
}
