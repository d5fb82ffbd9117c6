package ports

import (
	"context"
	"crypto/cipher"
	"errors"
)

// Subject names a person whose data can be erased, such as a customer. It is a keyed hash of the
// id of the person, as lowercase hexadecimal digits, and never the id itself.
type Subject string

// MetadataSubject is the key in the metadata of an event that holds the [Subject] of its personal
// fields. An event without it has no sealed field.
const MetadataSubject = "subject"

var (
	// ErrSubjectErased: the personal data of the subject was erased, or is being erased. Reading
	// shows that it was erased. New personal data of the subject is refused.
	ErrSubjectErased = errors.New("the personal data of the subject was erased")
	// ErrSubjectKeyMissing: the subject has no key, and there is no record of an erasure. When
	// something is sealed for the subject, it is lost data and never an erasure.
	ErrSubjectKeyMissing = errors.New("the subject has no key")
)

// SubjectKeys gives the keys of subjects.
type SubjectKeys interface {
	// SubjectKey returns the key of a subject, which nobody modifies. With create, a subject
	// without a key gets one, and every caller in every process gets the same key. It is durable
	// before SubjectKey returns. The answer may be some seconds old, see the adapter.
	//
	// Errors: ErrSubjectErased; ErrSubjectKeyMissing without create; ErrCorrupt when the stored key
	// cannot be read; ErrUnavailable.
	SubjectKey(ctx context.Context, subject Subject, create bool) (key []byte, err error)
}

// SubjectCiphers gives the ciphers with which personal fields are sealed.
type SubjectCiphers interface {
	// SubjectCipher returns a cipher with the key of a subject, as [SubjectKeys] has it. It makes
	// the nonces itself: its NonceSize is 0. It is safe for concurrent use, and a caller keeps it
	// no longer than for the event that it works on. There is no context, because a codec has none:
	// SubjectCipher waits for some seconds at the most.
	//
	// Errors: those of [SubjectKeys].
	SubjectCipher(subject Subject, create bool) (cipher.AEAD, error)
}

// SubjectKeyStore keeps the wrapped keys of subjects. The store cannot read them. It is apart from
// the other data, so that no backup and no export of that data has a key.
//
// Errors of all methods: ErrUnavailable, and ErrCorrupt. A method may be repeated after any error.
type SubjectKeyStore interface {
	// LoadSubjectKey returns the wrapped key of a subject. It sees what was acknowledged before, in
	// any process.
	//
	// Errors: ErrSubjectErased after BlockSubject or DestroySubject; ErrSubjectKeyMissing.
	LoadSubjectKey(ctx context.Context, subject Subject) (wrapped []byte, err error)
	// AddSubjectKey keeps a wrapped key for a subject that has none. It returns the key that is
	// kept: when several are added at once, all callers get the same one. It is durable before
	// AddSubjectKey returns. An empty key is refused.
	//
	// Errors: ErrSubjectErased after BlockSubject or DestroySubject.
	AddSubjectKey(ctx context.Context, subject Subject, wrapped []byte) (kept []byte, err error)
}

// SubjectEraser takes the keys of subjects away, in two steps that a caller makes one after the
// other. Both leave a record for ever, also for a subject that never had a key. Both may be
// repeated, and cost little when they are already done. Both are durable before they return.
//
// Errors of both: ErrUnavailable, and ErrCorrupt. A method may be repeated after any error.
type SubjectEraser interface {
	// BlockSubject lets no caller get the key of the subject any more, and adds none. The key
	// itself remains until DestroySubject.
	BlockSubject(ctx context.Context, subject Subject) error
	// DestroySubject blocks the subject, and deletes its key from everything that the store keeps.
	DestroySubject(ctx context.Context, subject Subject) error
}

// ErasedSubjects lists the records of erasures.
type ErasedSubjects interface {
	// ErasedSubjects calls found for each subject that was blocked or destroyed before the call, in
	// no order. It may call it twice for one, and for one that is being blocked. An error of found
	// ends the list, and is returned as it is.
	//
	// Errors: ErrUnavailable, and ErrCorrupt.
	ErasedSubjects(ctx context.Context, found func(Subject) error) error
}

// Purger removes from the files of a store what is not in the store any more.
type Purger interface {
	// Purge writes the files again that have views, snapshots and parked aggregates, so that what
	// was replaced or deleted there before the call is in none of them. It may take as long as
	// writing all views once. The adapter says where copies remain. It can be repeated.
	//
	// Errors: ErrUnavailable; the error of ctx.
	Purge(ctx context.Context) error
}
