package cdc

import (
	"context"
	"time"

	"orderflow/adapters/cdc/cdclog"
	"orderflow/adapters/cdc/hub"
)

// narrowest is the least of the log that is read at once, whatever is in it.
const narrowest = time.Millisecond

// readLog reads the log after from up to to, or up to an earlier time when that would be too much
// at once.
func (f *Feed) readLog(ctx context.Context, from, to time.Time) ([]hub.Entry, time.Time, error) {
	for {
		page, fits, err := f.tryReadLog(ctx, from, to)
		if err != nil || fits {
			return page, to, err
		}
		to = from.Add(to.Sub(from) / 2)
	}
}

func (f *Feed) tryReadLog(ctx context.Context, from, to time.Time) (page []hub.Entry, fits bool, err error) {
	sets, err := f.log.SetsOf(ctx, from, to)
	if err != nil {
		return nil, false, err
	}
	size := 0
	tooMuch := func() bool {
		return (len(page) > f.config.CatchUpRecords || size > f.config.TailBytes) && to.Sub(from) > narrowest
	}
	take := func(row *cdclog.Row) bool {
		if _, ok := row.Heartbeat(); ok {
			return true // its information is outdated
		}
		record, found, err := row.Record()
		switch {
		case err != nil:
			f.hub.Report(err)
		case found:
			page = append(page, hub.NewEntry(record, row.At()))
			size += page[len(page)-1].Size()
		}
		return !tooMuch()
	}
	for _, set := range sets {
		for _, batch := range set.Batches() {
			if err := f.log.Read(ctx, "catch-up", batch, from, to, take); err != nil {
				return nil, false, err
			}
			if tooMuch() {
				return nil, false, nil
			}
		}
	}
	return page, true, nil
}
