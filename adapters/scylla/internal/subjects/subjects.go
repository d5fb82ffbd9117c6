// Package subjects keeps the wrapped keys of subjects, and the records of their erasure.
//
// All writes of a key are conditional, and all reads are serial: an erasure that was acknowledged
// in one process, or in one data center, is seen in all others. A Keyring remembers keys for some
// seconds, so a serial read is rare.
//
// A write whose outcome is not known is made again after a serial read. That does no harm: a key is
// added only where there is none, and a state goes only from held to blocked to gone.
package subjects

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/gocql/gocql"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// The states of a subject. A row without one cannot be read.
const (
	held    = "held"
	blocked = "blocked" // nobody gets the key
	gone    = "gone"    // there is no key any more
)

const (
	selectKey    = `SELECT state, wrapped FROM subject_keys WHERE subject = ?`
	insertKey    = `INSERT INTO subject_keys (subject, state, wrapped) VALUES (?, ?, ?) IF NOT EXISTS`
	blockKey     = `UPDATE subject_keys SET state = ? WHERE subject = ? IF state = ?`
	destroyKey   = `UPDATE subject_keys SET state = ?, wrapped = ? WHERE subject = ? IF state = ?`
	insertErased = `INSERT INTO erased_subjects (part, subject) VALUES (?, ?)`
	selectErased = `SELECT subject FROM erased_subjects WHERE part = ?`
)

// pageSize is how many erased subjects are read at once.
const pageSize = 1000

// Keys implements [ports.SubjectKeyStore], [ports.SubjectEraser] and [ports.ErasedSubjects]. It is
// safe for concurrent use.
type Keys struct{ c *cluster.Client }

var (
	_ ports.SubjectKeyStore = (*Keys)(nil)
	_ ports.SubjectEraser   = (*Keys)(nil)
	_ ports.ErasedSubjects  = (*Keys)(nil)
)

// New returns the keys of a keyspace.
func New(c *cluster.Client) *Keys { return &Keys{c: c} }

// row is what is stored of a subject. It has no state when nothing is.
type row struct {
	state   string
	wrapped []byte
}

// key returns the key of a subject, or why nobody gets one.
func (r row) key() ([]byte, error) {
	switch {
	case r.state == "":
		return nil, ports.ErrSubjectKeyMissing
	case r.state == blocked || r.state == gone:
		return nil, ports.ErrSubjectErased
	case r.state != held || len(r.wrapped) == 0:
		return nil, cluster.Corrupt("the record of a subject has the state %q and %d bytes", r.state, len(r.wrapped))
	}
	return r.wrapped, nil
}

// LoadSubjectKey implements [ports.SubjectKeyStore].
func (k *Keys) LoadSubjectKey(ctx context.Context, subject ports.Subject) (wrapped []byte, err error) {
	if err = k.c.Enter(ctx); err == nil {
		defer k.c.Leave()
		var r row
		if r, err = k.read(ctx, subject); err == nil {
			wrapped, err = r.key()
		}
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
	} else if err = k.c.Enter(ctx); err == nil {
		defer k.c.Leave()
		var r row
		if r, err = k.settle(ctx, subject, row{state: held, wrapped: bytes.Clone(wrapped)}); err == nil {
			kept, err = r.key()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("add a key of subject %s: %w", subject, err)
	}
	return kept, nil
}

// BlockSubject implements [ports.SubjectEraser].
func (k *Keys) BlockSubject(ctx context.Context, subject ports.Subject) error {
	if err := k.erase(ctx, subject, blocked); err != nil {
		return fmt.Errorf("block subject %s: %w", subject, err)
	}
	return nil
}

// DestroySubject implements [ports.SubjectEraser].
func (k *Keys) DestroySubject(ctx context.Context, subject ports.Subject) error {
	if err := k.erase(ctx, subject, gone); err != nil {
		return fmt.Errorf("destroy the key of subject %s: %w", subject, err)
	}
	return nil
}

func (k *Keys) erase(ctx context.Context, subject ports.Subject, state string) error {
	if err := k.c.Enter(ctx); err != nil {
		return err
	}
	defer k.c.Leave()
	err := k.c.Insist(ctx, cluster.LookAttempts, func() error {
		return k.c.Exec(ctx, insertErased, part(subject), string(subject))
	})
	if err == nil {
		_, err = k.settle(ctx, subject, row{state: state, wrapped: []byte{}})
	}
	return unavailable(err)
}

// unavailable hides that an outcome is not known: each call may be repeated, so it does not matter.
func unavailable(err error) error {
	if errors.Is(err, ports.ErrOutcomeUnknown) {
		return fmt.Errorf("%w: %v", ports.ErrUnavailable, err)
	}
	return err
}

// settle brings a subject to the state of want, unless it is there or beyond. It returns what is
// stored then.
func (k *Keys) settle(ctx context.Context, subject ports.Subject, want row) (row, error) {
	var failure error
	for range 2 * cluster.CommitAttempts {
		now, err := k.read(ctx, subject)
		if err != nil {
			return row{}, err
		}
		if rank(now.state) >= rank(want.state) {
			return now, nil
		}
		if now.state != "" && now.state != held && now.state != blocked {
			return row{}, cluster.Corrupt("the record of a subject has the state %q", now.state)
		}
		applied := false
		switch {
		case now.state == "":
			applied, _, err = k.c.Conditional(ctx, insertKey, string(subject), want.state, want.wrapped)
		case want.state == gone:
			applied, _, err = k.c.Conditional(ctx, destroyKey, want.state, want.wrapped, string(subject), now.state)
		default:
			applied, _, err = k.c.Conditional(ctx, blockKey, want.state, string(subject), now.state)
		}
		if applied {
			return want, nil
		}
		if err = cluster.Translate(ctx, err, cluster.ConditionalWrite); err != nil {
			failure = err
			if ctx.Err() != nil || !errors.Is(err, ports.ErrOutcomeUnknown) && !errors.Is(err, ports.ErrUnavailable) {
				return row{}, err
			}
		}
	}
	return row{}, unavailable(cmp.Or(failure, errOvertaken))
}

var errOvertaken = fmt.Errorf("other processes change the subject all the time: %w", ports.ErrUnavailable)

// rank orders the states. An unknown one is never reached.
func rank(state string) int {
	switch state {
	case held:
		return 1
	case blocked:
		return 2
	case gone:
		return 3
	default:
		return 0
	}
}

// read reads at the serial level, which completes or discards what was left unfinished.
func (k *Keys) read(ctx context.Context, subject ports.Subject) (r row, err error) {
	err = k.c.Insist(ctx, cluster.LookAttempts, func() error {
		r = row{}
		err := k.c.Query(ctx, selectKey, string(subject)).Consistency(k.c.Config.SerialConsistency).Scan(&r.state, &r.wrapped)
		if errors.Is(err, gocql.ErrNotFound) {
			return nil
		}
		return err
	})
	return r, cluster.Translate(ctx, err, cluster.Read)
}

// ErasedSubjects implements [ports.ErasedSubjects].
func (k *Keys) ErasedSubjects(ctx context.Context, found func(ports.Subject) error) error {
	if err := k.c.Enter(ctx); err != nil {
		return fmt.Errorf("erased subjects: %w", err)
	}
	defer k.c.Leave()
	for n := range parts {
		iter := k.c.Query(ctx, selectErased, fmt.Sprintf("%02x", n)).PageSize(pageSize).Iter()
		for subject := ""; iter.Scan(&subject); {
			if err := found(ports.Subject(subject)); err != nil {
				_ = iter.Close() // what it has read is not needed
				return err
			}
		}
		if err := iter.Close(); err != nil {
			return fmt.Errorf("erased subjects: %w", cluster.Translate(ctx, err, cluster.Read))
		}
	}
	return nil
}

// parts is how many partitions the erased subjects have: a million of them are 4,000 rows each.
const parts = 256

// part is the partition of a subject.
func part(subject ports.Subject) string {
	var n byte
	if len(subject) >= 2 {
		if _, err := fmt.Sscanf(string(subject[:2]), "%02x", &n); err != nil {
			n = 0 // no hash of a person: any part will do
		}
	}
	return fmt.Sprintf("%02x", n)
}
