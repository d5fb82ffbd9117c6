package peers_test

import (
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

func openOrderflow(tb testing.TB) system {
	tb.Helper()
	store, err := embedded.Open(tb.Context(), embedded.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return system{
		handle:    handler(store),
		write:     writer(store),
		hasOutbox: true,
		events: func(tb testing.TB, orderID string) (stored, outbox int) {
			tb.Helper()
			id := uuid.MustParse(orderID)
			history, err := store.Load(tb.Context(), id, 0)
			if err != nil {
				tb.Fatal(err)
			}
			for cursor := ports.Cursor(""); ; {
				page, err := store.ListOutbox(tb.Context(), cursor, 1000)
				if err != nil {
					tb.Fatal(err)
				}
				for _, r := range page.Records {
					if r.AggregateID == id {
						outbox++
					}
				}
				if cursor = page.Next; cursor == "" {
					return len(history), outbox
				}
			}
		},
	}
}
