package personal_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/adapters/memory"
	"orderflow/application/personal"
	"orderflow/ports"
)

var serviceKey = bytes.Repeat([]byte{7}, personal.KeyBytes)

// counting counts what is read of a store of keys.
type counting struct {
	personal.Store
	loads int
	// during is called while a key is loaded, after the store was asked.
	during func()
}

func (c *counting) LoadSubjectKey(ctx context.Context, subject ports.Subject) ([]byte, error) {
	c.loads++
	key, err := c.Store.LoadSubjectKey(ctx, subject)
	if c.during != nil {
		c.during()
	}
	return key, err
}

// fixture is a keyring over a store, with a clock.
type fixture struct {
	*personal.Keyring
	store *counting
	now   time.Time
}

func newFixture(t *testing.T, store personal.Store, key []byte) *fixture {
	t.Helper()
	f := &fixture{store: &counting{Store: store}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	ring, err := personal.NewKeyring(key, f.store, func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	f.Keyring = ring
	return f
}

func (f *fixture) key(t *testing.T, subject ports.Subject, create bool) []byte {
	t.Helper()
	key, err := f.SubjectKey(t.Context(), subject, create)
	if err != nil || len(key) != personal.KeyBytes {
		t.Fatalf("key of %d bytes, error %v", len(key), err)
	}
	return key
}

func (f *fixture) refused(t *testing.T, subject ports.Subject, create bool, want error) {
	t.Helper()
	if key, err := f.SubjectKey(t.Context(), subject, create); key != nil || !errors.Is(err, want) {
		t.Fatalf("key %x, error %v, want %v", key, err, want)
	}
}

func TestKeyring_givesEachSubjectItsOwnKey(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	f, other := newFixture(t, store, serviceKey), newFixture(t, store, serviceKey)
	ada, bob := f.SubjectOf("ada"), f.SubjectOf("bob")
	f.refused(t, ada, false, ports.ErrSubjectKeyMissing)
	key := f.key(t, ada, true)
	if !bytes.Equal(other.key(t, ada, false), key) || !bytes.Equal(f.key(t, ada, true), key) {
		t.Error("the subject has several keys")
	}
	if bytes.Equal(f.key(t, bob, true), key) {
		t.Error("two subjects have the same key")
	}
}

// The name of a subject says nothing about the person without the service key, and is stored for
// ever: it must never change.
func TestKeyring_namesSubjects(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory.New(memory.Options{}), serviceKey)
	const want = "fe0c6937456a4b4a0eaa43d6d671932b"
	if got := f.SubjectOf("ada"); got != want {
		t.Errorf("the name is %q, want %q", got, want)
	}
	other := newFixture(t, memory.New(memory.Options{}), bytes.Repeat([]byte{8}, personal.KeyBytes))
	if other.SubjectOf("ada") == want {
		t.Error("the name does not depend on the service key")
	}
}

func TestKeyring_storesNoKeyAsItIs(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	f := newFixture(t, store, serviceKey)
	key := f.key(t, f.SubjectOf("ada"), true)
	wrapped, err := store.LoadSubjectKey(t.Context(), f.SubjectOf("ada"))
	if err != nil || bytes.Contains(wrapped, key[:8]) || bytes.Contains(wrapped, serviceKey[:8]) {
		t.Fatalf("stored is %x, error %v", wrapped, err)
	}
}

// What cannot be unwrapped is corrupt: it is neither an erasure nor a missing key.
func TestKeyring_refusesAWrappedKeyThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	source := memory.New(memory.Options{})
	f := newFixture(t, source, serviceKey)
	ada, bob := f.SubjectOf("ada"), f.SubjectOf("bob")
	f.key(t, ada, true)
	wrapped, err := source.LoadSubjectKey(t.Context(), ada)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(at int) []byte {
		b := bytes.Clone(wrapped)
		b[at] ^= 1
		return b
	}
	for name, stored := range map[string]struct {
		subject ports.Subject
		wrapped []byte
		says    string
	}{
		"of another subject":     {bob, wrapped, "was changed"},
		"of another form":        {ada, spoil(0), "unknown form"},
		"of another service key": {ada, spoil(1), "is wrapped with the service key"},
		"with another nonce":     {ada, spoil(6), "was changed"},
		"with another key":       {ada, spoil(len(wrapped) - 20), "was changed"},
		"too short":              {ada, wrapped[:3], "unknown form"},
		"cut":                    {ada, wrapped[:len(wrapped)-1], "was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memory.New(memory.Options{})
			if _, err := store.AddSubjectKey(t.Context(), stored.subject, stored.wrapped); err != nil {
				t.Fatal(err)
			}
			_, err := newFixture(t, store, serviceKey).SubjectKey(t.Context(), stored.subject, true)
			if !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(fmt.Sprint(err), stored.says) {
				t.Errorf("error %v, want %q", err, stored.says)
			}
		})
	}
}

func TestKeyring_checksTheServiceKey(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	ctx := t.Context()
	used := func(want bool) {
		t.Helper()
		if got, err := personal.Used(ctx, store); got != want || err != nil {
			t.Fatalf("used: %v, error %v, want %v", got, err, want)
		}
	}
	f := newFixture(t, store, serviceKey)
	used(false)
	if err := f.Check(ctx, true); err != nil {
		t.Fatal(err)
	}
	used(false)
	for range 2 {
		if err := f.Check(ctx, false); err != nil {
			t.Fatal(err)
		}
		used(true)
	}
	if err := f.Check(ctx, true); err != nil {
		t.Fatal(err)
	}
	other := newFixture(t, store, bytes.Repeat([]byte{8}, personal.KeyBytes))
	for _, readOnly := range []bool{false, true} {
		if err := other.Check(ctx, readOnly); !errors.Is(err, ports.ErrCorrupt) {
			t.Fatalf("another service key is accepted: %v", err)
		}
	}
	if _, err := personal.NewKeyring(serviceKey[:31], store, time.Now); err == nil {
		t.Error("a short service key is accepted")
	}
}

func TestKeyring_remembersKeysForAStatedTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory.New(memory.Options{}), serviceKey)
	ada := f.SubjectOf("ada")
	f.key(t, ada, true)
	loads := f.store.loads
	f.now = f.now.Add(personal.CacheFor - 1)
	f.key(t, ada, true)
	if f.store.loads != loads {
		t.Error("the key is not remembered")
	}
	f.now = f.now.Add(1)
	f.key(t, ada, true)
	if f.store.loads != loads+1 {
		t.Error("the key is remembered for too long")
	}
}

// The cipher is made once for a key, and is gone when the key is.
func TestKeyring_givesACipherOfTheKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory.New(memory.Options{}), serviceKey)
	ada, ctx := f.SubjectOf("ada"), t.Context()
	if _, err := f.SubjectCipher(ada, false); !errors.Is(err, ports.ErrSubjectKeyMissing) {
		t.Fatalf("error %v", err)
	}
	first, err := f.SubjectCipher(ada, true)
	if err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal(nil, nil, []byte("secret"), nil)
	loads := f.store.loads
	if again, err := f.SubjectCipher(ada, false); err != nil || again != first || f.store.loads != loads {
		t.Errorf("the cipher is not remembered, error %v", err)
	}
	block, err := aes.NewCipher(f.key(t, ada, false))
	if err != nil {
		t.Fatal(err)
	}
	other, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := other.Open(nil, nil, sealed, nil); err != nil || string(text) != "secret" {
		t.Errorf("with the key it opens to %q, error %v", text, err)
	}
	if err := f.BlockSubject(ctx, ada); err != nil {
		t.Fatal(err)
	}
	if aead, err := f.SubjectCipher(ada, true); aead != nil || !errors.Is(err, ports.ErrSubjectErased) {
		t.Errorf("after the erasure: %v, error %v", aead, err)
	}
}

// A codec has no context, so the wait for a key ends by itself, and says that a retry may help.
func TestKeyring_waitsForACipherForAShortTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, stuck{}, serviceKey)
		_, err := f.SubjectCipher(f.SubjectOf("ada"), true)
		if !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// stuck never answers.
type stuck struct{ personal.Store }

func (stuck) LoadSubjectKey(ctx context.Context, _ ports.Subject) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestKeyring_remembersABoundedNumber(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory.New(memory.Options{}), serviceKey)
	for i := range 2 * personal.CacheKeys {
		f.key(t, f.SubjectOf(fmt.Sprint(i)), true)
	}
	before := f.store.loads
	for i := range 2 * personal.CacheKeys {
		f.key(t, f.SubjectOf(fmt.Sprint(i)), false)
	}
	if read := f.store.loads - before; read < personal.CacheKeys {
		t.Errorf("%d keys were read again, at least %d cannot be remembered", read, personal.CacheKeys)
	}
}

func TestKeyring_forgetsAnErasedKeyAtOnce(t *testing.T) {
	t.Parallel()
	for name, erase := range map[string]func(ports.SubjectEraser, context.Context, ports.Subject) error{
		"blocked":   ports.SubjectEraser.BlockSubject,
		"destroyed": ports.SubjectEraser.DestroySubject,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, memory.New(memory.Options{}), serviceKey)
			ada := f.SubjectOf("ada")
			f.key(t, ada, true)
			if err := erase(f.Keyring, t.Context(), ada); err != nil {
				t.Fatal(err)
			}
			f.refused(t, ada, false, ports.ErrSubjectErased)
			loads := f.store.loads
			f.now = f.now.Add(time.Hour)
			f.refused(t, ada, true, ports.ErrSubjectErased)
			if f.store.loads != loads {
				t.Error("an erasure is not remembered")
			}
		})
	}
}

// A key that was read before the erasure must not be remembered after it.
func TestKeyring_remembersNothingFromBeforeAnErasure(t *testing.T) {
	t.Parallel()
	f := newFixture(t, memory.New(memory.Options{}), serviceKey)
	ada := f.SubjectOf("ada")
	f.key(t, ada, true)
	f.now = f.now.Add(time.Hour)
	f.store.during = sync.OnceFunc(func() {
		if err := f.BlockSubject(t.Context(), ada); err != nil {
			t.Error(err)
		}
	})
	f.key(t, ada, false) // it was read before the block
	f.refused(t, ada, false, ports.ErrSubjectErased)
}

// Another process keeps its key for the stated time, and no longer.
func TestKeyring_noticesAnErasureByAnotherProcess(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	f, other := newFixture(t, store, serviceKey), newFixture(t, store, serviceKey)
	ada := f.SubjectOf("ada")
	f.key(t, ada, true)
	if err := other.BlockSubject(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(personal.CacheFor)
	f.refused(t, ada, true, ports.ErrSubjectErased)
}
