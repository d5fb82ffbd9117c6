package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Mask hides in the rows of one table what is erased and not rewritten yet. So readers see nothing
// of it as soon as the key is destroyed.
type Mask struct {
	// Table is the name of the table, and Columns are its columns with personal texts.
	Table   string
	Columns []string
	// Subject returns the subject of a row. It may be empty.
	Subject func(table *projection.Table, row projection.Row) ports.Subject
	Keys    ports.SubjectKeys
}

// Reader returns a reader of the views with the mask before it.
func (m Mask) Reader(views ports.ViewReader) ports.ViewReader { return masked{views, m} }

type masked struct {
	ports.ViewReader
	mask Mask
}

// Rows implements [ports.ViewReader].
func (r masked) Rows(ctx context.Context, q ports.RowQuery) (ports.RowPage, error) {
	page, err := r.ViewReader.Rows(ctx, q)
	if err != nil || q.Table.Name != r.mask.Table {
		return page, err
	}
	for _, row := range page.Rows {
		if err := r.mask.Hide(ctx, q.Table, row); err != nil {
			return ports.RowPage{}, fmt.Errorf("read %s: %w", q.Table.Name, err)
		}
	}
	return page, nil
}

// Hide replaces the personal texts of a row of the table if its subject is erased.
func (m Mask) Hide(ctx context.Context, table *projection.Table, row projection.Row) error {
	has := func(column projection.Column, i int) bool {
		text, _ := row[i].(string)
		return text != "" && text != eventsourcing.Erased && slices.Contains(m.Columns, column.Name)
	}
	var erased error
	known := false
	for i, column := range table.Columns {
		if !has(column, i) {
			continue
		}
		if !known {
			if known = true; m.Subject(table, row) == "" {
				return nil
			}
			_, erased = m.Keys.SubjectKey(ctx, m.Subject(table, row), false)
		}
		switch {
		case errors.Is(erased, ports.ErrSubjectErased):
			row[i] = eventsourcing.Erased
		case erased != nil && !errors.Is(erased, ports.ErrSubjectKeyMissing):
			return erased // nobody knows whether it may be shown
		default:
			return nil
		}
	}
	return nil
}
