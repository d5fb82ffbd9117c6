package porttest

import (
	"context"

	"orderflow/ports"
)

// pager returns one page of a listing and the cursor of the next.
type pager[V any] func(ctx context.Context, after ports.Cursor, limit int) ([]V, ports.Cursor, error)

// page fetches one page.
func page[V any](t test, list pager[V], after ports.Cursor, limit int) (entries []V, next ports.Cursor) {
	t.Helper()
	var err error
	t.within("a page of a listing", func(ctx context.Context) { entries, next, err = list(ctx, after, limit) })
	t.must("page of a listing", err)
	if len(entries) > limit {
		t.Fatalf("a page has %d entries, where the limit is %d", len(entries), limit)
	}
	return entries, next
}

// walk reads all pages after a cursor. Some pages may be short or empty, but the listing must end.
func walk[V any](t test, list pager[V], after ports.Cursor, limit int) []V {
	t.Helper()
	const patience = 2_000
	var all []V
	for range patience {
		var entries []V
		entries, after = page(t, list, after, limit)
		all = append(all, entries...)
		if after == "" {
			return all
		}
	}
	t.Fatalf("a listing has no end: %d entries after %d pages of at most %d", len(all), patience, limit)
	return nil
}
