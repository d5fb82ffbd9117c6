package command

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The metadata of an event has a digest of its command. A digest of personal data is keyed with the
// key of the subject. Without the key nobody can find the data by trying what it could be, and the
// key is destroyed when the subject is erased.
//
// An event that was stored before there was a key has a plain digest. When it is sealed later, the
// command is not known any more, so the digest itself is keyed.
const (
	digestKey      = "command_digest"
	keyedKey       = "command_hmac"
	keyedDigestKey = "command_digest_hmac"
)

// digestRoom is enough for the content of most commands. A longer one is copied while it grows.
const digestRoom = 256

// Subjects names the people whose personal data is sealed, and gives their keys.
type Subjects interface {
	ports.SubjectKeys
	// SubjectOf returns the name of the person with an id.
	SubjectOf(id string) ports.Subject
}

// seals reports whether the events of c have sealed fields, or could have.
func (h *Handler[C, S, E]) seals(c C) bool {
	return h.config.Subjects != nil && h.aggregate.Personal != nil && h.aggregate.Personal(c)
}

// content appends what a digest is made of.
func (a Aggregate[C, S, E]) content(b []byte, c C) []byte {
	b = append(append(b, c.Name()...), ' ')
	id, _ := c.AggregateID().MarshalText() // an id always has a text
	b = append(b, id...)
	return a.AppendContent(b, c)
}

// Digest identifies the content of a command. It is stored with each of the command's events,
// unless these have sealed fields.
func (a Aggregate[C, S, E]) Digest(c C) string {
	return digest(a.content(make([]byte, 0, digestRoom), c))
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// keyed is a digest that cannot be computed without the key of the subject. The key of the digest
// is derived, because the key of the subject seals fields.
func (a Aggregate[C, S, E]) keyed(key []byte, c C) string {
	return keyed(key, a.content(make([]byte, 0, digestRoom), c))
}

func keyed(key, content []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("orderflow command digest")) // like all writes to a hash it never fails
	mac = hmac.New(sha256.New, mac.Sum(nil))
	mac.Write(content)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// KeyDigest replaces the plain digest in the metadata of a stored event by one that is keyed with
// the key of the subject. The id of the command then still stands for that command only. A nil key,
// of a subject that was erased, removes it.
func KeyDigest(metadata map[string]string, key []byte) {
	then := metadata[digestKey]
	if then == "" {
		return
	}
	delete(metadata, digestKey)
	if key != nil {
		metadata[keyedDigestKey] = keyed(key, []byte(then))
	}
}

// RemoveKeyedDigests removes from the metadata of a stored event the digests that nobody can
// compute any more after the key of the subject is destroyed.
func RemoveKeyedDigests(metadata map[string]string) {
	delete(metadata, keyedKey)
	delete(metadata, keyedDigestKey)
}

// name adds the subject to the metadata of the next events, and the digest of a command that has
// personal data. Such a command is refused when the subject was erased.
func (t *turn[C, S, E]) name(ctx context.Context, events []E) error {
	if t.config.Subjects == nil || t.aggregate.Person == nil {
		return nil
	}
	person := t.aggregate.Person(t.known.state)
	if state := t.known.state; person == "" { // the first events name the person
		for _, e := range events {
			state = t.aggregate.Decider.Evolve(state, e)
		}
		person = t.aggregate.Person(state)
	}
	subject := t.config.Subjects.SubjectOf(person)
	if t.seals(t.request.Command) {
		key, err := t.config.Subjects.SubjectKey(ctx, subject, true)
		if err != nil {
			return fmt.Errorf("%s on %s: %w", t.request.Command.Name(), t.cause.AggregateID, err)
		}
		t.cause.Metadata[keyedKey] = t.aggregate.keyed(key, t.request.Command)
	}
	t.cause.Metadata[ports.MetadataSubject] = string(subject)
	return nil
}

// same returns an error when the command that caused record is not the one of the turn, although it
// has the same id. After an erasure nobody can know that, and the command gets its answer.
func (t *turn[C, S, E]) same(ctx context.Context, record eventsourcing.Record) error {
	same := true
	if then := record.Metadata[digestKey]; then != "" {
		same = then == t.aggregate.Digest(t.request.Command)
	}
	content, sealed := record.Metadata[keyedKey], record.Metadata[keyedDigestKey]
	if (content != "" || sealed != "") && t.config.Subjects != nil {
		key, err := t.config.Subjects.SubjectKey(ctx, ports.Subject(record.Metadata[ports.MetadataSubject]), false)
		switch {
		case errors.Is(err, ports.ErrSubjectErased):
			return nil
		case errors.Is(err, ports.ErrSubjectKeyMissing):
			return fmt.Errorf("%s on %s: %w: %w", t.request.Command.Name(), t.cause.AggregateID, ports.ErrCorrupt, err)
		case err != nil:
			return fmt.Errorf("%s on %s: %w", t.request.Command.Name(), t.cause.AggregateID, err)
		}
		command := t.request.Command
		same = same && (content == "" || hmac.Equal([]byte(content), []byte(t.aggregate.keyed(key, command)))) &&
			(sealed == "" || hmac.Equal([]byte(sealed), []byte(keyed(key, []byte(t.aggregate.Digest(command))))))
	}
	if !same {
		return &ports.CommandIDReusedError{CommandID: t.cause.CommandID, AggregateID: t.cause.AggregateID}
	}
	return nil
}
