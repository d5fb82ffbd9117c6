package porttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"orderflow/ports"
)

// SubjectKeysHarness gives the SubjectKeys suite an adapter to test.
type SubjectKeysHarness struct {
	Keys   ports.SubjectKeyStore
	Eraser ports.SubjectEraser
	Erased ports.ErasedSubjects
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) SubjectKeysHarness
	Tuning
}

func (h SubjectKeysHarness) close() error { return h.Close() }

// SubjectKeys tests the contracts of [ports.SubjectKeyStore], [ports.SubjectEraser] and
// [ports.ErasedSubjects] together.
// Each test calls factory for an adapter with its own data.
func SubjectKeys(t *testing.T, factory func(t *testing.T) SubjectKeysHarness) {
	runSuite(t, factory, subjectKeysScenarios())
}

func subjectKeysScenarios() []scenario[SubjectKeysHarness] {
	return []scenario[SubjectKeysHarness]{
		{"a subject without a key has none, and that is no erasure", noSubjectKey},
		{"the first key of a subject stays", firstSubjectKey},
		{"an empty key is refused", emptySubjectKey},
		{"of keys that are added at once, everybody gets the same", oneSubjectKey},
		{"a blocked subject gives and takes no key", blockedSubject},
		{"a destroyed subject gives and takes no key", destroyedSubject},
		{"an erasure leaves a record for a subject without a key", erasedWithoutKey},
		{"an erasure concerns no other subject", otherSubjects},
		{"the list of erasures has all of them and nothing else", listedErasures},
		{"an error ends the list of erasures", endedErasures},
		{"no key is given out after a block that was made at the same time", blockedAtOnce},
		{"memory of keys is not shared", subjectKeyMemory},
		{"an ended context stops a call on keys before it does anything", subjectKeysCancelled},
		{"a closed store of keys refuses", subjectKeysClosed},
		{"keys and erasures are there after a restart", subjectKeysReopened},
	}
}

// newSubject returns a name as it is made by a keyed hash: 64 digits.
func newSubject() ports.Subject {
	return ports.Subject(strings.ReplaceAll(newID().String()+newID().String(), "-", ""))
}

// wrappedKey has bytes that are no text.
func wrappedKey(i int) []byte {
	return append([]byte{0, 0xff, '\n', byte(i), byte(i >> 8)}, bytes.Repeat([]byte{0xa5}, 60)...)
}

func (t test) addKey(h SubjectKeysHarness, subject ports.Subject, wrapped []byte) (kept []byte, err error) {
	t.Helper()
	t.within("AddSubjectKey", func(ctx context.Context) { kept, err = h.Keys.AddSubjectKey(ctx, subject, wrapped) })
	return kept, err
}

func (t test) expectKey(h SubjectKeysHarness, subject ports.Subject, want []byte) {
	t.Helper()
	var got []byte
	var err error
	t.within("LoadSubjectKey", func(ctx context.Context) { got, err = h.Keys.LoadSubjectKey(ctx, subject) })
	t.must("load a key", err)
	if !bytes.Equal(got, want) {
		t.Fatalf("the key is %x, want %x", got, want)
	}
}

// expectNoKey checks that the subject has no key, for this reason.
func (t test) expectNoKey(h SubjectKeysHarness, subject ports.Subject, want error) {
	t.Helper()
	var got []byte
	var err error
	t.within("LoadSubjectKey", func(ctx context.Context) { got, err = h.Keys.LoadSubjectKey(ctx, subject) })
	other := ports.ErrSubjectErased
	if errors.Is(want, other) {
		other = ports.ErrSubjectKeyMissing
	}
	if got != nil || !errors.Is(err, want) || errors.Is(err, other) {
		t.Fatalf("the key is %x, error %v, want %v", got, err, want)
	}
}

// expectErased checks that the subject neither gives a key nor takes one.
func (t test) expectErased(h SubjectKeysHarness, subject ports.Subject) {
	t.Helper()
	t.expectNoKey(h, subject, ports.ErrSubjectErased)
	if kept, err := t.addKey(h, subject, wrappedKey(9)); kept != nil || !errors.Is(err, ports.ErrSubjectErased) {
		t.Fatalf("an erased subject gets the key %x, error %v", kept, err)
	}
	t.expectNoKey(h, subject, ports.ErrSubjectErased)
}

func (t test) block(h SubjectKeysHarness, subject ports.Subject) {
	t.Helper()
	var err error
	t.within("BlockSubject", func(ctx context.Context) { err = h.Eraser.BlockSubject(ctx, subject) })
	t.must("block", err)
}

func (t test) destroy(h SubjectKeysHarness, subject ports.Subject) {
	t.Helper()
	var err error
	t.within("DestroySubject", func(ctx context.Context) { err = h.Eraser.DestroySubject(ctx, subject) })
	t.must("destroy", err)
}

// keyed adds a key to a new subject.
func (t test) keyed(h SubjectKeysHarness, i int) ports.Subject {
	t.Helper()
	subject := newSubject()
	kept, err := t.addKey(h, subject, wrappedKey(i))
	t.must("add a key", err)
	if !bytes.Equal(kept, wrappedKey(i)) {
		t.Fatalf("the key that was added is %x, want %x", kept, wrappedKey(i))
	}
	return subject
}

func noSubjectKey(t test, h SubjectKeysHarness) {
	t.keyed(h, 1)
	t.expectNoKey(h, newSubject(), ports.ErrSubjectKeyMissing)
}

func firstSubjectKey(t test, h SubjectKeysHarness) {
	subject := t.keyed(h, 1)
	t.expectKey(h, subject, wrappedKey(1))
	for range 2 {
		kept, err := t.addKey(h, subject, wrappedKey(2))
		t.must("add another key", err)
		if !bytes.Equal(kept, wrappedKey(1)) {
			t.Fatalf("a second key is kept: %x", kept)
		}
		t.expectKey(h, subject, wrappedKey(1))
	}
}

func emptySubjectKey(t test, h SubjectKeysHarness) {
	subject := newSubject()
	if kept, err := t.addKey(h, subject, nil); err == nil {
		t.Fatalf("an empty key is accepted: %x", kept)
	}
	t.expectNoKey(h, subject, ports.ErrSubjectKeyMissing)
}

func oneSubjectKey(t test, h SubjectKeysHarness) {
	subject, keys := newSubject(), make([][]byte, t.Writers)
	t.together(t.Writers, "AddSubjectKey", func(ctx context.Context, i int) (err error) {
		keys[i], err = h.Keys.AddSubjectKey(ctx, subject, wrappedKey(i))
		return err
	})
	for i, key := range keys {
		if !bytes.Equal(key, keys[0]) {
			t.Fatalf("caller %d got the key %x, and caller 0 got %x", i, key, keys[0])
		}
	}
	t.expectKey(h, subject, keys[0])
}

func blockedSubject(t test, h SubjectKeysHarness) {
	subject := t.keyed(h, 1)
	for range 2 {
		t.block(h, subject)
		t.expectErased(h, subject)
	}
}

func destroyedSubject(t test, h SubjectKeysHarness) {
	subject, direct := t.keyed(h, 1), t.keyed(h, 2)
	t.block(h, subject)
	for range 2 {
		t.destroy(h, subject)
		t.expectErased(h, subject)
		t.destroy(h, direct) // without a block before it
		t.expectErased(h, direct)
	}
	t.block(h, subject)
	t.expectErased(h, subject)
}

func erasedWithoutKey(t test, h SubjectKeysHarness) {
	blocked, destroyed := newSubject(), newSubject()
	t.block(h, blocked)
	t.expectErased(h, blocked)
	t.destroy(h, destroyed)
	t.expectErased(h, destroyed)
}

func otherSubjects(t test, h SubjectKeysHarness) {
	subject := t.keyed(h, 1)
	// names that begin like it, and that sort beside it
	others := []ports.Subject{subject[:63], subject + "0", subject[:63] + "g", t.keyed(h, 3)}
	for i, other := range others[:3] {
		_, err := t.addKey(h, other, wrappedKey(10+i))
		t.must("add a key", err)
	}
	t.block(h, subject)
	t.destroy(h, subject)
	for i, other := range others[:3] {
		t.expectKey(h, other, wrappedKey(10+i))
	}
	t.expectKey(h, others[3], wrappedKey(3))
	t.expectNoKey(h, newSubject(), ports.ErrSubjectKeyMissing)
}

// expectListed checks the list of erasures. The order does not matter.
func (t test) expectListed(h SubjectKeysHarness, want ...ports.Subject) {
	t.Helper()
	listed := map[ports.Subject]bool{}
	var err error
	t.within("ErasedSubjects", func(ctx context.Context) {
		err = h.Erased.ErasedSubjects(ctx, func(subject ports.Subject) error {
			listed[subject] = true
			return nil
		})
	})
	t.must("list erasures", err)
	for _, subject := range want {
		if !listed[subject] {
			t.Fatalf("the erasure of %s is not listed", subject)
		}
		delete(listed, subject)
	}
	if len(listed) > 0 {
		t.Fatalf("subjects that are not erased are listed: %v", listed)
	}
}

func listedErasures(t test, h SubjectKeysHarness) {
	t.expectListed(h)
	t.keyed(h, 1)
	blocked, destroyed, keyless := t.keyed(h, 2), t.keyed(h, 3), newSubject()
	t.block(h, blocked)
	t.block(h, keyless)
	for range 2 {
		t.destroy(h, destroyed)
		t.expectListed(h, blocked, destroyed, keyless)
	}
	t.destroy(h, blocked)
	t.expectListed(h, blocked, destroyed, keyless)
}

func endedErasures(t test, h SubjectKeysHarness) {
	for range 3 {
		t.block(h, newSubject())
	}
	full, calls := errors.New("full"), 0
	var err error
	t.within("ErasedSubjects", func(ctx context.Context) {
		err = h.Erased.ErasedSubjects(ctx, func(ports.Subject) error {
			calls++
			return full
		})
	})
	if err != full || calls != 1 { //nolint:errorlint // as it is
		t.Fatalf("after %d calls the error is %v, want that of the first call", calls, err)
	}
}

// blockedAtOnce adds keys while the subject is blocked. An addition comes before the block or
// after it. After the block no key can be had.
func blockedAtOnce(t test, h SubjectKeysHarness) {
	subject := newSubject()
	t.together(t.Writers, "AddSubjectKey and BlockSubject", func(ctx context.Context, i int) error {
		if i%4 == 0 {
			if err := h.Eraser.BlockSubject(ctx, subject); err != nil {
				return err
			}
			if key, err := h.Keys.LoadSubjectKey(ctx, subject); !errors.Is(err, ports.ErrSubjectErased) {
				return fmt.Errorf("after a block the key is %x, error %w", key, err)
			}
			return nil
		}
		_, err := h.Keys.AddSubjectKey(ctx, subject, wrappedKey(i))
		if errors.Is(err, ports.ErrSubjectErased) {
			return nil
		}
		return err
	})
	t.expectErased(h, subject)
}

func subjectKeyMemory(t test, h SubjectKeysHarness) {
	subject, given := newSubject(), wrappedKey(1)
	kept, err := t.addKey(h, subject, given)
	t.must("add a key", err)
	given[0] = 'x'
	t.expectKey(h, subject, wrappedKey(1))
	kept[0] = 'y'
	t.expectKey(h, subject, wrappedKey(1))
	var loaded []byte
	t.within("LoadSubjectKey", func(ctx context.Context) { loaded, err = h.Keys.LoadSubjectKey(ctx, subject) })
	t.must("load a key", err)
	loaded[0] = 'z'
	t.expectKey(h, subject, wrappedKey(1))
}

func subjectKeyCalls(h SubjectKeysHarness, keyed, fresh ports.Subject) []call {
	return []call{
		{"LoadSubjectKey", func(ctx context.Context) error {
			_, err := h.Keys.LoadSubjectKey(ctx, keyed)
			return err
		}},
		{"AddSubjectKey", func(ctx context.Context) error {
			_, err := h.Keys.AddSubjectKey(ctx, fresh, wrappedKey(2))
			return err
		}},
		{"ErasedSubjects", func(ctx context.Context) error {
			return h.Erased.ErasedSubjects(ctx, func(ports.Subject) error { return nil })
		}},
		{"BlockSubject", func(ctx context.Context) error { return h.Eraser.BlockSubject(ctx, keyed) }},
		{"DestroySubject", func(ctx context.Context) error { return h.Eraser.DestroySubject(ctx, keyed) }},
	}
}

func subjectKeysCancelled(t test, h SubjectKeysHarness) {
	keyed, fresh := t.keyed(h, 1), newSubject()
	t.refusesCancelled(subjectKeyCalls(h, keyed, fresh)...)
	t.expectKey(h, keyed, wrappedKey(1))
	t.expectNoKey(h, fresh, ports.ErrSubjectKeyMissing)
}

func subjectKeysClosed(t test, h SubjectKeysHarness) {
	t.refusesClosed(h, subjectKeyCalls(h, t.keyed(h, 1), newSubject())...)
}

func subjectKeysReopened(t test, h SubjectKeysHarness) {
	keyed, blocked, destroyed := t.keyed(h, 1), t.keyed(h, 2), t.keyed(h, 3)
	t.block(h, blocked)
	t.destroy(h, destroyed)
	h, ok := reopened(t, h.Reopen)
	if !ok {
		return
	}
	t.expectKey(h, keyed, wrappedKey(1))
	t.expectErased(h, blocked)
	t.expectErased(h, destroyed)
	t.expectListed(h, blocked, destroyed)
	t.expectNoKey(h, newSubject(), ports.ErrSubjectKeyMissing)
}
