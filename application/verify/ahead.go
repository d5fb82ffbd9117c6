package verify

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// Ahead is a verification of one projection whose histories somebody else reads, before it begins:
// whoever fills a view has read them anyway. So it reads only heads, states and rows. What has
// changed since a history was read is compared as in every verification.
type Ahead struct {
	verifier *Verifier
	patience time.Duration
	run      *verification
	hashers  sync.Pool
}

// Ahead begins a verification. It is of use where states can be listed. Otherwise it reads
// everything itself.
func (v *Verifier) Ahead(patience time.Duration) *Ahead {
	a := &Ahead{verifier: v, patience: patience}
	if v.config.Lister == nil {
		return a
	}
	a.run = v.begin(patience, nil)
	a.run.ahead, a.run.suspect = true, make([]atomic.Bool, maxBuckets)
	a.run.makeDigests()
	a.hashers.New = func() any { return a.run.hasher() }
	return a
}

// Expect adds the complete history of an aggregate that the projection takes. It is called at most
// once for an aggregate. rows are the rows of the fold, if folded is set. Otherwise the aggregate
// is compared by itself. Calls may be concurrent.
func (a *Ahead) Expect(history []eventsourcing.Record, rows []projection.Row, folded bool) {
	if a.run == nil {
		return
	}
	h, _ := a.hashers.Get().(*hasher)
	defer a.hashers.Put(h)
	a.run.expect(h, history, rows, folded)
}

// expect adds one history to what is expected.
func (v *verification) expect(h *hasher, history []eventsourcing.Record, rows []projection.Row, folded bool) {
	id, n := history[0].AggregateID, uint64(len(history))
	bucket := h.bucket(id)
	v.aggregates.Add(1)
	v.events.Add(n)
	v.heads.expect(bucket, h.head(id, n))
	if !folded {
		v.suspect[bucket].Store(true)
		return
	}
	for _, t := range v.targets {
		t.states.expect(bucket, h.head(id, n))
		for _, row := range rows {
			t.rows.expect(bucket, h.row(row))
		}
		v.expectedRows.Add(uint64(len(rows)))
	}
}

// Verify compares. complete reports whether all histories were expected. Otherwise, and when too
// much has changed since then, everything is read. It must be called once.
func (a *Ahead) Verify(ctx context.Context, complete bool) (ports.VerifyReport, error) {
	if complete && a.run != nil {
		report, err := a.verifier.finish(ctx, a.run)
		if !errors.Is(err, errUnsteady) {
			return report, err
		}
	}
	a.run = nil // its memory is not needed any more
	return a.verifier.Verify(ctx, a.patience)
}
