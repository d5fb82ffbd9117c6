package cdclog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// Retention reads, from the schema, for how long the log keeps a row; 0 is for ever. It is an error
// if the table has no log, or one without the values of columns.
//
// A row keeps the time that was in force when it was written. So after the time was raised, the log
// does not hold what it says until that much time has passed.
func (l *Log) Retention(ctx context.Context) (time.Duration, error) {
	table := l.config.Keyspace + "." + l.config.Table
	var extensions map[string][]byte
	err := l.config.Session.Query("SELECT extensions FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?",
		l.config.Keyspace, l.config.Table).WithContext(ctx).Idempotent(true).Scan(&extensions)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		return 0, fmt.Errorf("table %s does not exist: run `orderflow schema apply`", table)
	case err != nil:
		return 0, fmt.Errorf("read the CDC options of %s: %w", table, err)
	}
	options, err := stringMap(extensions["cdc"])
	switch {
	case err != nil:
		return 0, fmt.Errorf("the CDC options of %s are not understood: %w", table, err)
	case !strings.EqualFold(options["enabled"], "true"):
		return 0, fmt.Errorf("table %s has no CDC log: %s", table, mend(table, 86400))
	}
	seconds, err := strconv.Atoi(options["ttl"])
	switch {
	case err != nil || seconds < 0:
		return 0, fmt.Errorf("the CDC log of %s keeps rows for %q seconds, which is not understood", table, options["ttl"])
	case options["delta"] != "full":
		return 0, fmt.Errorf("the CDC log of %s has no values of columns (delta is %q): %s", table, options["delta"], mend(table, seconds))
	}
	return time.Duration(seconds) * time.Second, nil
}

// mend is the statement that gives a table the log that it needs.
func mend(table string, seconds int) string {
	return fmt.Sprintf("ALTER TABLE %s WITH cdc = {'enabled': true, 'delta': 'full', 'ttl': %d}", table, seconds)
}

// RetentionStatement is the statement that makes the log keep rows for longer, or less long.
func (l *Log) RetentionStatement(keep time.Duration) string {
	return mend(l.config.Keyspace+"."+l.config.Table, int(keep/time.Second))
}

var errCutOff = errors.New("they are cut off")

// stringMap reads a map of texts as ScyllaDB keeps those of an extension: the number of entries, and
// for each the length and the bytes of key and value; numbers have 32 bits, the lowest first.
func stringMap(raw []byte) (map[string]string, error) {
	number := func() (n int, ok bool) {
		if len(raw) < 4 {
			return 0, false
		}
		n = int(binary.LittleEndian.Uint32(raw))
		raw = raw[4:]
		return n, true
	}
	text := func() (s string, ok bool) {
		n, ok := number()
		if !ok || n < 0 || n > len(raw) {
			return "", false
		}
		s, raw = string(raw[:n]), raw[n:]
		return s, true
	}
	options := map[string]string{}
	n, ok := number()
	for range n {
		var key, value string
		if key, ok = text(); ok {
			value, ok = text()
		}
		if !ok {
			return nil, errCutOff
		}
		options[key] = value
	}
	if !ok && len(raw) > 0 {
		return nil, errCutOff
	}
	return options, nil
}
