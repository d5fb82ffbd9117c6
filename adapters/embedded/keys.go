package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/ports"
)

var (
	_ ports.SubjectKeyStore = (*Keys)(nil)
	_ ports.SubjectEraser   = (*Keys)(nil)
	_ ports.ErasedSubjects  = (*Keys)(nil)
)

// Keys keeps the wrapped keys of subjects in a directory of its own. No backup and no export of a
// [Store] has them. Its methods are safe for concurrent use.
//
// What is added or erased is on the disk before the call returns. Callers at the same time share
// their syncs. A destroyed key is also removed from the files: the tables that could have it are
// written again, and old logs are deleted.
type Keys struct {
	db *engine.DB
	// each subject belongs to one of the locks, from the look at what is stored to the disk
	locks [64]sync.Mutex
	seed  maphash.Seed
}

// The first byte of a value says what the rest is.
const (
	keyHeld    = 'k' // the wrapped key
	keyBlocked = 'b' // the wrapped key, which nobody gets; empty when there was none
	keyGone    = 'x' // nothing
)

// The keys are small and few, compared with events.
const keysCacheBytes = 8 << 20

// OpenKeys opens the keys in options.Dir, or makes a new directory there. It uses Dir,
// ReserveBytes, Logger and FS. Its errors are those of [Open].
func OpenKeys(ctx context.Context, options Options) (*Keys, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	db, err := engine.Open(ctx, engine.Options{
		Dir: options.Dir, CacheBytes: keysCacheBytes, ReserveBytes: uint64(options.ReserveBytes),
		Logger: options.Logger, FS: options.FS, Forgets: true,
	}, func(*engine.DB, datadir.Before) error { return nil })
	if err != nil {
		return nil, err
	}
	return &Keys{db: db, seed: maphash.MakeSeed()}, nil
}

// Close ends k. It waits for calls that are in progress. Closing again returns the same error.
func (k *Keys) Close() error { return k.db.Close(func() {}) }

// Failed is closed when a write has failed and the process has to start again, and Err then says
// why, see [Store.Failed].
func (k *Keys) Failed() <-chan struct{} { return k.db.Failed() }

// Err returns nil while k writes.
func (k *Keys) Err() error { return k.db.Err() }

// LoadSubjectKey implements [ports.SubjectKeyStore].
func (k *Keys) LoadSubjectKey(ctx context.Context, subject ports.Subject) (wrapped []byte, err error) {
	if err = k.db.Enter(ctx); err == nil {
		defer k.db.Leave()
		wrapped, err = k.read(subject)
	}
	if err != nil {
		return nil, fmt.Errorf("load the key of subject %s: %w", subject, err)
	}
	return wrapped, nil
}

// AddSubjectKey implements [ports.SubjectKeyStore].
func (k *Keys) AddSubjectKey(ctx context.Context, subject ports.Subject, wrapped []byte) (kept []byte, err error) {
	if len(wrapped) == 0 {
		err = errors.New("the key is empty")
	} else if err = k.db.Enter(ctx); err == nil {
		defer k.db.Leave()
		kept, err = k.add(subject, wrapped)
	}
	if err != nil {
		return nil, fmt.Errorf("add a key of subject %s: %w", subject, err)
	}
	return kept, nil
}

func (k *Keys) add(subject ports.Subject, wrapped []byte) ([]byte, error) {
	defer k.lock(subject)()
	kept, err := k.read(subject)
	if !errors.Is(err, ports.ErrSubjectKeyMissing) {
		return kept, err
	}
	if err := k.write(subject, append([]byte{keyHeld}, wrapped...)); err != nil {
		return nil, err
	}
	return bytes.Clone(wrapped), nil
}

// BlockSubject implements [ports.SubjectEraser].
func (k *Keys) BlockSubject(ctx context.Context, subject ports.Subject) error {
	err := k.db.Enter(ctx)
	if err == nil {
		defer k.db.Leave()
		err = k.block(subject)
	}
	if err != nil {
		return fmt.Errorf("block subject %s: %w", subject, err)
	}
	return nil
}

func (k *Keys) block(subject ports.Subject) error {
	defer k.lock(subject)()
	wrapped, err := k.read(subject)
	switch {
	case errors.Is(err, ports.ErrSubjectErased):
		return nil
	case err != nil && !errors.Is(err, ports.ErrSubjectKeyMissing):
		return err
	}
	return k.write(subject, append([]byte{keyBlocked}, wrapped...))
}

// DestroySubject implements [ports.SubjectEraser].
func (k *Keys) DestroySubject(ctx context.Context, subject ports.Subject) error {
	err := k.db.Enter(ctx)
	if err == nil {
		defer k.db.Leave()
		err = k.destroy(ctx, subject)
	}
	if err != nil {
		return fmt.Errorf("destroy the key of subject %s: %w", subject, err)
	}
	return nil
}

func (k *Keys) destroy(ctx context.Context, subject ports.Subject) error {
	defer k.lock(subject)()
	value, err := k.db.Get([]byte(subject))
	if err != nil {
		return err
	}
	if len(value) == 1 && value[0] == keyGone {
		return nil
	}
	// after a crash before the last write it is done again
	if err := k.db.Forget(ctx, []byte(subject), []byte{keyBlocked}); err != nil {
		return err
	}
	return k.write(subject, []byte{keyGone})
}

// ErasedSubjects implements [ports.ErasedSubjects]. It reads all keys, which are small, and has the
// names of those that are erased in memory.
func (k *Keys) ErasedSubjects(ctx context.Context, found func(ports.Subject) error) error {
	erased, err := k.erased(ctx)
	if err != nil {
		return fmt.Errorf("erased subjects: %w", err)
	}
	for _, subject := range erased {
		if err := found(subject); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keys) erased(ctx context.Context) (erased []ports.Subject, err error) {
	if err := k.db.Enter(ctx); err != nil {
		return nil, err
	}
	defer k.db.Leave()
	it, err := k.db.Range(nil, nil)
	if err != nil {
		return nil, err
	}
	for valid := it.First(); valid && ctx.Err() == nil; valid = it.Next() {
		if value := it.Value(); len(value) > 0 && (value[0] == keyBlocked || value[0] == keyGone) {
			erased = append(erased, ports.Subject(it.Key()))
		}
	}
	return erased, errors.Join(engine.Translate(it.Close()), ctx.Err())
}

// lock locks the subject, and returns what unlocks it.
func (k *Keys) lock(subject ports.Subject) (unlock func()) {
	lock := &k.locks[maphash.String(k.seed, string(subject))%uint64(len(k.locks))]
	lock.Lock()
	return lock.Unlock
}

func (k *Keys) read(subject ports.Subject) ([]byte, error) {
	value, err := k.db.Get([]byte(subject))
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		return nil, ports.ErrSubjectKeyMissing
	case len(value) > 0 && (value[0] == keyBlocked || value[0] == keyGone):
		return nil, ports.ErrSubjectErased
	case len(value) < 2 || value[0] != keyHeld:
		return nil, engine.Corrupt(errors.New("the record of a subject cannot be read"))
	}
	return value[1:], nil
}

func (k *Keys) write(subject ports.Subject, value []byte) error {
	batch := k.db.NewBatch()
	engine.Put(batch, []byte(subject), value)
	return k.db.WriteDurably(batch)
}
