package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

// SaveToken implements [ports.TokenStore].
func (s *Store) SaveToken(ctx context.Context, token ports.AccessToken, replaces string) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("save token %s: %w", token.Name, err)
	}
	defer s.mu.Unlock()
	if s.data.tokens[token.Name].ID != replaces {
		return fmt.Errorf("save token %s: %w", token.Name, ports.ErrTokenTaken)
	}
	token.Scopes = slices.Clone(token.Scopes)
	s.data.tokens[token.Name] = token
	return nil
}

// Tokens implements [ports.TokenStore].
func (s *Store) Tokens(ctx context.Context) ([]ports.AccessToken, error) {
	if err := s.enter(ctx); err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.data.tokens), func(a, b ports.AccessToken) int {
		return strings.Compare(a.Name, b.Name)
	}), nil
}

// AppendOperation implements [ports.OperationLog].
func (s *Store) AppendOperation(ctx context.Context, e ports.OperationEntry) error {
	if err := s.enter(ctx); err != nil {
		return fmt.Errorf("append to the log of operations: %w", err)
	}
	defer s.mu.Unlock()
	s.data.operations[operationAt{e.At.UnixMilli(), e.ID}] = e
	return nil
}

// Operations implements [ports.OperationLog].
func (s *Store) Operations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	page, err := s.listOperations(ctx, after, limit)
	if err != nil {
		return ports.OperationPage{}, fmt.Errorf("operations: %w", err)
	}
	return page, nil
}

const operationListing = "operations"

func (s *Store) listOperations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	from, err := operationAfter(after, limit)
	if err != nil {
		return ports.OperationPage{}, err
	}
	if err := s.enter(ctx); err != nil {
		return ports.OperationPage{}, err
	}
	defer s.mu.Unlock()
	var page ports.OperationPage
	for _, at := range slices.SortedFunc(maps.Keys(s.data.operations), operationAt.compare) {
		switch {
		case after != "" && at.compare(from) <= 0:
		case len(page.Entries) == limit:
			last := page.Entries[limit-1]
			page.Next = portkit.CursorAt(operationListing, fmt.Sprintf("%d/%s", last.At.UnixMilli(), last.ID))
			return page, nil
		default:
			page.Entries = append(page.Entries, s.data.operations[at])
		}
	}
	return page, nil
}

// operationAt is the place of an entry in the log of operations. The newest comes first.
type operationAt struct {
	millis int64
	id     uuid.UUID
}

func (a operationAt) compare(b operationAt) int {
	return cmp.Or(cmp.Compare(b.millis, a.millis), compareIDs(b.id, a.id))
}

func operationAfter(cursor ports.Cursor, limit int) (operationAt, error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return operationAt{}, err
	}
	place, err := portkit.PlaceOf(operationListing, cursor)
	if place == "" || err != nil {
		return operationAt{}, err
	}
	number, id, _ := strings.Cut(place, "/")
	millis, errNumber := strconv.ParseInt(number, 10, 64)
	entryID, errID := uuid.Parse(id)
	if errNumber != nil || errID != nil {
		return operationAt{}, portkit.BadCursor(cursor)
	}
	return operationAt{millis, entryID}, nil
}
