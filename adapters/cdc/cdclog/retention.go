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

// Retention reads from the schema how long the log keeps a row. 0 means for ever. It returns an
// error if the table has no log, or a log without the values of columns.
//
// A row keeps the time that applied when it was written. So after the time was made longer, the log
// does not hold so much until that time has passed.
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
		return 0, fmt.Errorf("the CDC log of %s has no values of columns (delta is %q): %s",
			table, options["delta"], mend(table, seconds))
	}
	return time.Duration(seconds) * time.Second, nil
}

// repair returns the statement that gives a table the log that it needs.
func mend(table string, seconds int) string {
	return fmt.Sprintf("ALTER TABLE %s WITH cdc = {'enabled': true, 'delta': 'full', 'ttl': %d}", table, seconds)
}

// RetentionStatement returns the statement that changes how long the log keeps rows.
func (l *Log) RetentionStatement(keep time.Duration) string {
	return mend(l.config.Keyspace+"."+l.config.Table, int(keep/time.Second))
}

var errCutOff = errors.New("they are cut off")

// stringMap reads a map of texts in the form of ScyllaDB's extensions: the number of entries, and
// for each the length and the bytes of key and value. Numbers have 32 bits in little-endian order.
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
