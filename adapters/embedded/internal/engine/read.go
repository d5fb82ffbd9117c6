package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

// Get returns a copy of the value of key; nil when there is none.
//
// Errors: ports.ErrCorrupt, ports.ErrUnavailable.
func (db *DB) Get(key []byte) ([]byte, error) {
	value, closer, err := db.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, Translate(err)
	}
	return append([]byte{}, value...), Translate(closer.Close())
}

// Range returns an iterator over the keys from start on and before end. Its errors need Translate.
func (db *DB) Range(start, end []byte) (*pebble.Iterator, error) {
	it, err := db.pebble.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	return it, Translate(err)
}

// Prefix returns an iterator over the keys that begin with prefix.
func (db *DB) Prefix(prefix []byte) (*pebble.Iterator, error) {
	return db.Range(prefix, layout.PrefixEnd(prefix))
}

// Lookup calls found for each of keys that is stored, and returns the keys that cannot be read:
// those of damaged blocks, and those for which found returns an error. All keys are of one space,
// and get sorted. One iterator that moves forward finds a group of random keys in a fraction of the
// time of as many gets.
func (db *DB) Lookup(keys [][]byte, found func(key, value []byte) error) (unread [][]byte, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	slices.SortFunc(keys, bytes.Compare)
	space := keys[0][:1]
	it, err := db.pebble.NewIter(&pebble.IterOptions{
		LowerBound: space, UpperBound: layout.PrefixEnd(space), UseL6Filters: true,
	})
	if err != nil {
		return nil, Translate(err)
	}
	for _, key := range keys {
		// The whole key is a prefix to Pebble. So it finds the key or nothing.
		if it.SeekPrefixGE(key) && found(it.Key(), it.Value()) != nil {
			unread = append(unread, key)
		}
	}
	// from one key on, nothing was found
	if err = Translate(it.Close()); errors.Is(err, ports.ErrCorrupt) {
		return db.lookupEach(keys, found)
	}
	return unread, err
}

// lookupEach is Lookup key by key.
func (db *DB) lookupEach(keys [][]byte, found func(key, value []byte) error) (unread [][]byte, err error) {
	for _, key := range keys {
		value, err := db.Get(key)
		if err != nil && !errors.Is(err, ports.ErrCorrupt) {
			return nil, err
		}
		if err != nil || value != nil && found(key, value) != nil {
			unread = append(unread, key)
		}
	}
	return unread, nil
}

// Listing is a part of the keys that begin with Prefix.
type Listing struct {
	Prefix []byte
	After  ports.Cursor
	Limit  int
}

// List calls each with keys and values in order, until each has returned true Limit times. It
// returns the cursor of the next part. key and value are valid only during the call. List enters
// the DB itself.
func (db *DB) List(ctx context.Context, l Listing, each func(key, value []byte) (bool, error)) (ports.Cursor, error) {
	if err := portkit.CheckLimit(l.Limit); err != nil {
		return "", err
	}
	from, err := Behind(l.After, l.Prefix)
	if err != nil {
		return "", err
	}
	if err := db.Enter(ctx); err != nil {
		return "", err
	}
	defer db.Leave()
	it, err := db.Range(from, layout.PrefixEnd(l.Prefix))
	if err != nil {
		return "", err
	}
	var next ports.Cursor
	var last []byte
	count := 0
	for valid := it.First(); valid && err == nil; valid = it.Next() {
		if count == l.Limit {
			next = CursorAt(l.Prefix, last)
			break
		}
		var listed bool
		if listed, err = each(it.Key(), it.Value()); listed {
			last = append(last[:0], it.Key()...)
			if count++; count%1024 == 0 {
				err = errors.Join(err, ctx.Err())
			}
		}
	}
	if err := errors.Join(err, Translate(it.Close())); err != nil {
		return "", err
	}
	return next, nil
}

// CursorAt returns the cursor of a listing of the keys that begin with prefix. The listing has come
// as far as key.
func CursorAt(prefix, key []byte) ports.Cursor { return portkit.CursorAt(prefix, key[len(prefix):]) }

// Behind returns the first key that a listing after cursor, of the keys that begin with prefix, has
// to read.
func Behind(cursor ports.Cursor, prefix []byte) ([]byte, error) {
	place, err := portkit.PlaceOf(prefix, cursor)
	if err != nil || place == "" {
		return prefix, err
	}
	return layout.After(append(slices.Clone(prefix), place...)), nil
}
