package personal

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"orderflow/ports"
)

const (
	// CacheFor is how long a [Keyring] remembers a key: so long another process may go on to use
	// the key of a subject that was erased.
	CacheFor = 5 * time.Second
	// CacheKeys is the highest number of subjects that a Keyring remembers. With their ciphers they
	// take about six megabytes.
	CacheKeys = 4096
	// patience bounds the wait of [Keyring.SubjectCipher] for a key that is not in memory.
	patience = 5 * time.Second
)

// marker is the subject whose key shows with which service key a store is used. No hash of a person
// looks like it.
const marker ports.Subject = "service-key"

// Store is what a [Keyring] needs of the store of keys.
type Store interface {
	ports.SubjectKeyStore
	ports.SubjectEraser
	ports.ErasedSubjects
}

// Keyring gives the keys of subjects, and takes them away. It implements [ports.SubjectKeys],
// [ports.SubjectCiphers], [ports.SubjectEraser] and [ports.ErasedSubjects]. It is safe for
// concurrent use.
type Keyring struct {
	service service
	store   Store
	now     func() time.Time

	mu     sync.Mutex
	cached map[ports.Subject]cached
	// erasures counts the calls that take keys away. What was read before such a call is not
	// remembered after it.
	erasures uint64
}

var (
	_ ports.SubjectKeys    = (*Keyring)(nil)
	_ ports.SubjectCiphers = (*Keyring)(nil)
	_ ports.SubjectEraser  = (*Keyring)(nil)
	_ ports.ErasedSubjects = (*Keyring)(nil)
)

// cached is what is known of a subject. An erasure is for ever, so it has no end.
type cached struct {
	key    []byte
	seals  cipher.AEAD // made of the key, which costs more than sealing a field
	until  time.Time
	erased bool
}

func (c cached) usable() bool { return c.key != nil }

// NewKeyring returns a Keyring with a service key of [KeyBytes] bytes.
func NewKeyring(key []byte, store Store, now func() time.Time) (*Keyring, error) {
	service, err := newService(key)
	if err != nil {
		return nil, err
	}
	return &Keyring{service: service, store: store, now: now, cached: make(map[ports.Subject]cached)}, nil
}

// Check reports whether the keys of the store are wrapped with the service key. A store that has
// never had keys is marked with it, unless readOnly is set.
//
// Errors: ErrCorrupt when the service key is another one; ErrUnavailable.
func (k *Keyring) Check(ctx context.Context, readOnly bool) error {
	wrapped, err := k.store.LoadSubjectKey(ctx, marker)
	if errors.Is(err, ports.ErrSubjectKeyMissing) {
		if readOnly {
			return nil
		}
		wrapped, err = k.store.AddSubjectKey(ctx, marker, k.service.wrap(marker, newKey()))
	}
	if err == nil {
		_, err = k.service.unwrap(marker, wrapped)
	}
	if err != nil {
		return fmt.Errorf("check the service key of personal data: %w", err)
	}
	return nil
}

// Used reports whether a store has ever been used with a service key.
func Used(ctx context.Context, store ports.SubjectKeyStore) (bool, error) {
	_, err := store.LoadSubjectKey(ctx, marker)
	if errors.Is(err, ports.ErrSubjectKeyMissing) {
		return false, nil
	}
	return err == nil, err
}

// SubjectOf returns the name of a person with this id.
func (k *Keyring) SubjectOf(id string) ports.Subject { return k.service.subjectOf(id) }

// SubjectKey implements [ports.SubjectKeys]. An answer is at most [CacheFor] old.
func (k *Keyring) SubjectKey(ctx context.Context, subject ports.Subject, create bool) ([]byte, error) {
	known, erasures := k.remembered(subject)
	if !known.usable() {
		var err error
		if known, err = k.read(ctx, subject, create, known, erasures); err != nil {
			return nil, err
		}
	}
	return known.key, nil
}

// SubjectCipher implements [ports.SubjectCiphers]. An answer is at most [CacheFor] old.
func (k *Keyring) SubjectCipher(subject ports.Subject, create bool) (cipher.AEAD, error) {
	known, erasures := k.remembered(subject)
	if !known.usable() { // only then is a timer needed
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		known, err = k.read(ctx, subject, create, known, erasures)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no key of subject %s within %s: %w", subject, patience, ports.ErrUnavailable)
		}
		if err != nil {
			return nil, err
		}
	}
	return known.seals, nil
}

// read reads what is not remembered.
func (k *Keyring) read(
	ctx context.Context, subject ports.Subject, create bool, known cached, erasures uint64,
) (cached, error) {
	if known.erased {
		return cached{}, fmt.Errorf("subject %s: %w", subject, ports.ErrSubjectErased)
	}
	wrapped, err := k.store.LoadSubjectKey(ctx, subject)
	if create && errors.Is(err, ports.ErrSubjectKeyMissing) {
		wrapped, err = k.store.AddSubjectKey(ctx, subject, k.service.wrap(subject, newKey()))
	}
	if errors.Is(err, ports.ErrSubjectErased) {
		k.remember(subject, cached{erased: true}, erasures)
	}
	if err != nil {
		return cached{}, err
	}
	read := cached{until: k.now().Add(CacheFor)}
	if read.key, err = k.service.unwrap(subject, wrapped); err != nil {
		return cached{}, err
	}
	if read.seals, err = sealer(read.key); err != nil {
		return cached{}, fmt.Errorf("the key of subject %s: %w", subject, err)
	}
	k.remember(subject, read, erasures)
	return read, nil
}

// BlockSubject implements [ports.SubjectEraser].
func (k *Keyring) BlockSubject(ctx context.Context, subject ports.Subject) error {
	defer k.forget(subject) // also after an error: the block may have happened
	return k.store.BlockSubject(ctx, subject)
}

// DestroySubject implements [ports.SubjectEraser].
func (k *Keyring) DestroySubject(ctx context.Context, subject ports.Subject) error {
	defer k.forget(subject)
	return k.store.DestroySubject(ctx, subject)
}

// ErasedSubjects implements [ports.ErasedSubjects].
func (k *Keyring) ErasedSubjects(ctx context.Context, found func(ports.Subject) error) error {
	return k.store.ErasedSubjects(ctx, found)
}

func (k *Keyring) remembered(subject ports.Subject) (known cached, erasures uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	known = k.cached[subject]
	if !known.erased && !k.now().Before(known.until) {
		delete(k.cached, subject)
		known = cached{}
	}
	return known, k.erasures
}

func (k *Keyring) remember(subject ports.Subject, c cached, erasures uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.erasures != erasures && !c.erased {
		return
	}
	if _, known := k.cached[subject]; !known && len(k.cached) >= CacheKeys {
		for other := range k.cached { // any one
			delete(k.cached, other)
			break
		}
	}
	k.cached[subject] = c
}

func (k *Keyring) forget(subject ports.Subject) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.erasures++
	delete(k.cached, subject)
}

func newKey() []byte {
	key := make([]byte, KeyBytes)
	_, _ = rand.Read(key) // it never fails
	return key
}
