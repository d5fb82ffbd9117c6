package bench_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/tests/bench/workload"
)

// commit is what the embedded store wrote for one command.
type commit []write

type write struct {
	key, value []byte
	// id is the position of the order id in the key, or -1 for a key without one. Such a key ends
	// in a number that is incremented.
	id int
}

// recordCommits sends the commands of one order to an embedded store. It returns what the store
// gave to Pebble for each command, by the command's name.
func recordCommits(tb testing.TB, w workload.Workload) map[string]commit {
	tb.Helper()
	dir := tb.TempDir()
	handle, orderID := openEmbedded(tb, dir), workload.NewID()
	var names []string
	for step := range w.Length {
		command := w.Command(orderID, step)
		if err := handle(tb.Context(), command); err != nil {
			tb.Fatal(err)
		}
		names = append(names, command.Name())
	}
	commits := readCommits(tb, filepath.Join(dir, "pebble"), orderID)
	if len(commits) != len(names) {
		tb.Fatalf("the log holds %d commits of %d commands", len(commits), len(names))
	}
	byName := make(map[string]commit, len(names))
	for i, name := range names {
		byName[name] = commits[i]
	}
	return byName
}

// readCommits returns the batches in Pebble's log that belong to an order.
func readCommits(tb testing.TB, dir string, orderID uuid.UUID) []commit {
	tb.Helper()
	logs, err := wal.Scan(wal.Dir{FS: vfs.Default, Dirname: dir})
	if err != nil {
		tb.Fatal(err)
	}
	var commits []commit
	for _, log := range logs {
		for reader := log.OpenForRead(); ; {
			next, _, err := reader.NextRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			batch, err := io.ReadAll(next)
			if err != nil {
				tb.Fatal(err)
			}
			c, err := decodeCommit(batch, orderID)
			if err != nil {
				tb.Fatal(err)
			}
			if c != nil {
				commits = append(commits, c)
			}
		}
	}
	return commits
}

// decodeCommit returns nil for a batch that does not belong to the order.
func decodeCommit(batch []byte, orderID uuid.UUID) (commit, error) {
	var c commit
	concerned := false
	for reader := batchrepr.Read(batch); ; {
		kind, key, value, ok, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if kind != pebble.InternalKeyKindSet {
			return nil, fmt.Errorf("a batch holds an operation of kind %v", kind)
		}
		id := bytes.Index(key, orderID[:])
		concerned = concerned || id >= 0
		c = append(c, write{key: key, value: value, id: id})
	}
	if !concerned {
		return nil, nil
	}
	return c, nil
}

// openPebble opens a database with the options of the embedded store. It returns a function that
// writes the commits again, each for the order of its command.
func openPebble(tb testing.TB, commits map[string]commit) workload.Handle {
	tb.Helper()
	options := &pebble.Options{
		CacheSize:          64 << 20,
		MemTableSize:       32 << 20,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             silence{},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(tb.TempDir(), options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	var number atomic.Uint64
	return func(_ context.Context, command order.Command) error {
		batch := db.NewBatch()
		defer func() { _ = batch.Close() }() // it only returns memory
		orderID := command.AggregateID()
		for _, w := range commits[command.Name()] {
			op := batch.SetDeferred(len(w.key), len(w.value))
			copy(op.Key, w.key)
			copy(op.Value, w.value)
			if w.id >= 0 {
				copy(op.Key[w.id:], orderID[:])
			} else {
				binary.BigEndian.PutUint64(op.Key[len(op.Key)-8:], number.Add(1))
			}
			if err := op.Finish(); err != nil {
				return err
			}
		}
		return batch.Commit(pebble.Sync)
	}
}

// silence drops Pebble's messages, except for the one with which it ends the process.
type silence struct{}

func (silence) Infof(string, ...any)              {}
func (silence) Errorf(string, ...any)             {}
func (silence) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
