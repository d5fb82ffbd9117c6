package bench_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
type commit struct {
	ids    ids
	writes []write
}

type write struct {
	key, value []byte
	// inKey and inValue are where ids are. A key without one ends in a number that is incremented.
	inKey, inValue []place
}

// place is where an id is in a key or a value.
type place struct{ id, at int }

// The ids of a command and its event. They are replaced by others whenever the commit is written
// again. If they were always the same, Pebble could compress its tables better than those of the
// embedded store.
const (
	ofOrder = iota
	ofCommand
	ofEvent
)

type ids [3]uuid.UUID

// another returns ids for another commit of the same command. As in a UUIDv7 the second half is
// random.
func (i ids) another(orderID uuid.UUID) ids {
	i[ofOrder] = orderID
	for _, id := range []int{ofCommand, ofEvent} {
		binary.BigEndian.PutUint64(i[id][8:], rand.Uint64())
	}
	return i
}

// find returns where ids are in b.
func (i ids) find(b []byte) (found []place) {
	for at := range b {
		for id := range i {
			if bytes.HasPrefix(b[at:], i[id][:]) {
				found = append(found, place{id, at})
			}
		}
	}
	return found
}

func (i ids) replace(b []byte, places []place) {
	for _, p := range places {
		copy(b[p.at:], i[p.id][:])
	}
}

// recordCommits sends the commands of one order to an embedded store. It returns what the store
// gave to Pebble for each command, by the command's name.
func recordCommits(tb testing.TB, w workload.Workload) map[string]commit {
	tb.Helper()
	dir, orderID := tb.TempDir(), workload.NewID()
	handle := openCommands(tb, dir)
	commits := map[string]commit{}
	for step := range w.Length {
		command := w.Command(orderID, step)
		result, err := handle(tb.Context(), command)
		if err != nil {
			tb.Fatal(err)
		}
		header := result.Events[0].Header
		ids := ids{ofOrder: orderID, ofCommand: header.CommandID, ofEvent: header.EventID}
		commits[command.Name()] = readCommit(tb, filepath.Join(dir, "pebble"), ids)
	}
	return commits
}

// readCommit returns the batch in Pebble's log that has the event with one of ids.
func readCommit(tb testing.TB, dir string, ids ids) commit {
	tb.Helper()
	logs, err := wal.Scan(wal.Dir{FS: vfs.Default, Dirname: dir})
	if err != nil {
		tb.Fatal(err)
	}
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
			if bytes.Contains(batch, ids[ofEvent][:]) {
				return decodeCommit(tb, batch, ids)
			}
		}
	}
	tb.Fatalf("the log does not have the event %s", ids[ofEvent])
	return commit{}
}

func decodeCommit(tb testing.TB, batch []byte, ids ids) commit {
	tb.Helper()
	c := commit{ids: ids}
	for reader := batchrepr.Read(batch); ; {
		kind, key, value, ok, err := reader.Next()
		if err != nil {
			tb.Fatal(err)
		}
		if !ok {
			return c
		}
		if kind != pebble.InternalKeyKindSet {
			tb.Fatalf("a batch holds an operation of kind %v", kind)
		}
		c.writes = append(c.writes, write{key: key, value: value, inKey: ids.find(key), inValue: ids.find(value)})
	}
}

// openPebble opens a database with the options of the embedded store. It returns a function that
// writes the commits again, each for the order of its command.
func openPebble(tb testing.TB, commits map[string]commit) workload.Handle {
	tb.Helper()
	options := &pebble.Options{
		CacheSize:                   80 << 20,
		MemTableSize:                32 << 20,
		MemTableStopWritesThreshold: 4,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      silence{},
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
		recorded := commits[command.Name()]
		ids := recorded.ids.another(command.AggregateID())
		for _, w := range recorded.writes {
			op := batch.SetDeferred(len(w.key), len(w.value))
			copy(op.Key, w.key)
			copy(op.Value, w.value)
			ids.replace(op.Key, w.inKey)
			ids.replace(op.Value, w.inValue)
			if len(w.inKey) == 0 {
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
