package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	operationColumns = `at, id, subject, token_id, action, target, aggregate_id, reason, detail, failure`
	insertOperation  = `INSERT INTO operations_log (month, ` + operationColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectOperations = `SELECT ` + operationColumns + ` FROM operations_log WHERE month = ?`
	insertMonth      = `INSERT INTO operations_months (bucket, month) VALUES (?, ?)`
	selectMonths     = `SELECT month FROM operations_months WHERE bucket = ?`
	// months is the key of the one partition of the index.
	months = "months"
	// monthLayout sorts as the months do.
	monthLayout = "2006-01"
	// appendAttempts is how often an entry is written.
	appendAttempts = 5
)

// AppendOperation implements [ports.OperationLog].
func (s *Access) AppendOperation(ctx context.Context, e ports.OperationEntry) error {
	if err := s.appendOperation(ctx, e); err != nil {
		return fmt.Errorf("append to the log of operations: %w", err)
	}
	return nil
}

func (s *Access) appendOperation(ctx context.Context, e ports.OperationEntry) error {
	if err := s.c.Enter(ctx); err != nil {
		return err
	}
	defer s.c.Leave()
	month := e.At.UTC().Format(monthLayout)
	return s.c.Insist(ctx, appendAttempts, func() error {
		if err := s.c.Exec(ctx, insertMonth, months, month); err != nil {
			return err
		}
		return s.c.Exec(ctx, insertOperation, month, e.At.UnixMilli(), e.ID, e.Subject, e.TokenID, e.Action, e.Target,
			e.AggregateID, storable(e.Reason), storable(e.Detail), storable(e.Failure))
	})
}

// storable returns text in a form that the server accepts.
func storable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// Operations implements [ports.OperationLog].
func (s *Access) Operations(ctx context.Context, after ports.Cursor, limit int) (ports.OperationPage, error) {
	page, err := s.operations(ctx, after, limit)
	if err != nil {
		return ports.OperationPage{}, fmt.Errorf("operations: %w", err)
	}
	return page, nil
}

// operationPlace is how far a listing is.
type operationPlace struct {
	Millis int64     `json:"t"`
	ID     uuid.UUID `json:"i"`
}

const listing = "operations"

func (s *Access) operations(ctx context.Context, after ports.Cursor, limit int) (page ports.OperationPage, err error) {
	if err := portkit.CheckLimit(limit); err != nil {
		return page, err
	}
	place, err := portkit.PlaceOf(listing, after)
	if err != nil {
		return page, err
	}
	var from operationPlace
	if place != "" {
		if err := json.Unmarshal([]byte(place), &from); err != nil {
			return page, portkit.BadCursor(after)
		}
	}
	if err := s.c.Enter(ctx); err != nil {
		return page, err
	}
	defer s.c.Leave()
	all, err := s.months(ctx)
	if err != nil {
		return page, err
	}
	begin := fromMillis(from.Millis).Format(monthLayout)
	for _, month := range all {
		condition, args := "", []any(nil)
		switch {
		case place != "" && month > begin:
			continue
		case place != "" && month == begin:
			condition, args = ` AND (at, id) < (?, ?)`, []any{from.Millis, from.ID}
		}
		left := limit + 1 - len(page.Entries)
		entries, err := s.readOperations(ctx, month, condition+` LIMIT ?`, append(args, left)...)
		if err != nil {
			return ports.OperationPage{}, err
		}
		if page.Entries = append(page.Entries, entries...); len(page.Entries) > limit {
			page.Entries = page.Entries[:limit]
			last := page.Entries[limit-1]
			// a number and an id always marshal
			next, _ := json.Marshal(operationPlace{last.At.UnixMilli(), last.ID})
			page.Next = portkit.CursorAt(listing, next)
			return page, nil
		}
	}
	return page, nil
}

// months returns the months that have entries, the newest first.
func (s *Access) months(ctx context.Context) (all []string, err error) {
	iter := s.c.Query(ctx, selectMonths, months).Iter()
	var month string
	for iter.Scan(&month) {
		all = append(all, month)
	}
	slices.Reverse(all)
	return all, cluster.Translate(ctx, iter.Close(), cluster.Read)
}

func (s *Access) readOperations(
	ctx context.Context, month, condition string, args ...any,
) (entries []ports.OperationEntry, err error) {
	iter := s.c.Query(ctx, selectOperations+condition, append([]any{month}, args...)...).Iter()
	var e ports.OperationEntry
	var at int64
	for iter.Scan(&at, &e.ID, &e.Subject, &e.TokenID, &e.Action, &e.Target, &e.AggregateID, &e.Reason, &e.Detail, &e.Failure) {
		e.At = fromMillis(at)
		entries = append(entries, e)
	}
	return entries, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
