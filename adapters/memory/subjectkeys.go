package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"orderflow/ports"
)

// subjectKey is the wrapped key of a subject. A blocked one without a key has been destroyed, or
// there never was one.
type subjectKey struct {
	wrapped []byte
	blocked bool
}

// LoadSubjectKey implements [ports.SubjectKeyStore].
func (s *Store) LoadSubjectKey(ctx context.Context, subject ports.Subject) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("load the key of subject %s: %w", subject, err)
	}
	defer s.mu.Unlock()
	key, found := s.data.subjectKeys[subject]
	switch {
	case key.blocked:
		return nil, fmt.Errorf("load the key of subject %s: %w", subject, ports.ErrSubjectErased)
	case !found:
		return nil, fmt.Errorf("load the key of subject %s: %w", subject, ports.ErrSubjectKeyMissing)
	}
	return bytes.Clone(key.wrapped), nil
}

// AddSubjectKey implements [ports.SubjectKeyStore].
func (s *Store) AddSubjectKey(ctx context.Context, subject ports.Subject, wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 {
		return nil, fmt.Errorf("add a key of subject %s: %w", subject, errNoKey)
	}
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("add a key of subject %s: %w", subject, err)
	}
	defer s.mu.Unlock()
	key, found := s.data.subjectKeys[subject]
	if key.blocked {
		return nil, fmt.Errorf("add a key of subject %s: %w", subject, ports.ErrSubjectErased)
	}
	if !found {
		key.wrapped = bytes.Clone(wrapped)
		s.data.subjectKeys[subject] = key
	}
	return bytes.Clone(key.wrapped), nil
}

var errNoKey = errors.New("the key is empty")

// BlockSubject implements [ports.SubjectEraser].
func (s *Store) BlockSubject(ctx context.Context, subject ports.Subject) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("block subject %s: %w", subject, err)
	}
	defer s.mu.Unlock()
	key := s.data.subjectKeys[subject]
	key.blocked = true
	s.data.subjectKeys[subject] = key
	return nil
}

// DestroySubject implements [ports.SubjectEraser].
func (s *Store) DestroySubject(ctx context.Context, subject ports.Subject) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("destroy the key of subject %s: %w", subject, err)
	}
	defer s.mu.Unlock()
	s.data.subjectKeys[subject] = subjectKey{blocked: true}
	return nil
}

// ErasedSubjects implements [ports.ErasedSubjects].
func (s *Store) ErasedSubjects(ctx context.Context, found func(ports.Subject) error) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("erased subjects: %w", err)
	}
	var erased []ports.Subject
	for subject, key := range s.data.subjectKeys {
		if key.blocked {
			erased = append(erased, subject)
		}
	}
	s.mu.Unlock()
	for _, subject := range erased {
		if err := found(subject); err != nil {
			return err
		}
	}
	return nil
}
