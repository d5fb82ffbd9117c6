package embedded

import (
	"context"
	"fmt"

	"orderflow/adapters/embedded/internal/engine"
	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// SaveToken implements [ports.TokenStore]. It waits for the fsync.
func (s *Store) SaveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if err := s.saveToken(ctx, token, replaces); err != nil {
		return fmt.Errorf("save token %s: %w", token.Name, err)
	}
	return nil
}

func (s *Store) saveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	value, err := layout.EncodeToken(token)
	if err != nil {
		return err
	}
	s.saving.Lock() // from the look at the old token to the disk
	defer s.saving.Unlock()
	key, id := layout.TokenKey(token.Name), ""
	stored, err := s.db.Get(key)
	if err != nil {
		return err
	}
	if stored != nil {
		old, err := layout.DecodeToken(key, stored)
		if err != nil {
			return engine.Corrupt(err)
		}
		id = old.ID
	}
	if id != replaces {
		return ports.ErrTokenTaken
	}
	batch := s.db.NewBatch()
	engine.Put(batch, key, value)
	return s.db.WriteDurably(batch)
}

// Tokens implements [ports.TokenStore]. A token that cannot be read is left out, and nobody can use
// it.
func (s *Store) Tokens(ctx context.Context) (tokens []ports.AccessToken, err error) {
	listing := engine.Listing{Prefix: []byte{layout.SpaceToken}, Limit: 2 * ports.MaxTokens}
	_, err = s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		token, err := layout.DecodeToken(key, value)
		if err != nil {
			s.db.Damaged("token "+string(key[1:]), key, err, "nobody can use the token")
			return false, nil
		}
		tokens = append(tokens, token)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return tokens, nil
}

// AppendOperation implements [ports.OperationLog]. It waits for the fsync.
func (s *Store) AppendOperation(ctx context.Context, e ports.OperationEntry) error {
	if err := s.appendOperation(ctx, e); err != nil {
		return fmt.Errorf("append to the log of operations: %w", err)
	}
	return nil
}

func (s *Store) appendOperation(ctx context.Context, e ports.OperationEntry) error {
	if err := s.db.Enter(ctx); err != nil {
		return err
	}
	defer s.db.Leave()
	key, err := layout.OperationKey(e)
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	engine.Put(batch, key, layout.EncodeOperation(e))
	return s.db.WriteDurably(batch)
}

// Operations implements [ports.OperationLog].
func (s *Store) Operations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	var page ports.OperationPage
	listing := engine.Listing{Prefix: []byte{layout.SpaceOperation}, After: after, Limit: limit}
	next, err := s.db.List(ctx, listing, func(key, value []byte) (bool, error) {
		e, err := layout.DecodeOperation(key, value)
		if err != nil {
			e.Detail = unreadableEntry
			s.db.Damaged("operation "+e.ID.String(), key, err, "the log shows only its time")
		}
		page.Entries = append(page.Entries, e)
		return true, nil
	})
	if err != nil {
		return ports.OperationPage{}, fmt.Errorf("operations: %w", err)
	}
	page.Next = next
	return page, nil
}
