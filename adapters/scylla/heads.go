package scylla

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/adapters/scylla/internal/paging"
	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// selectHeads reads the static columns of each partition in a range of tokens.
	selectHeads = `SELECT DISTINCT aggregate_id, head, aggregate_type FROM event_store WHERE token(aggregate_id) > ? AND token(aggregate_id) <= ? LIMIT ?`
	headListing = "heads"
	// headPage is how many heads one answer of the server has at most.
	headPage = 1000
	// headRanges is how many ranges of tokens are read at the same time. Each has at least minRange
	// heads.
	headRanges = 8
	minRange   = 64
)

// headPlace is how far a scan of heads is.
type headPlace struct {
	// Token is the token of the last aggregate.
	Token int64 `json:"t"`
	// Gap is about how many tokens there are for one aggregate. It is 0 when that is not known.
	// Tokens are hashes, so the gap of one page is a good guess for the next one.
	Gap uint64 `json:"g"`
}

// ScanHeads implements [ports.HeadScanner], in the order of tokens. It reads the part of the ring
// that should fill a page as several ranges at the same time. It keeps nothing for the next call,
// because that would be older than the call. (Two aggregates with the same token would have to be
// at the end of a page for one to be left out. Tokens have 64 bits.)
func (s *Store) ScanHeads(ctx context.Context, after ports.Cursor, limit int) (ports.HeadPage, error) {
	page, err := s.scanHeads(ctx, after, limit)
	if err != nil {
		return ports.HeadPage{}, fmt.Errorf("scan heads: %w", err)
	}
	return page, nil
}

func (s *Store) scanHeads(ctx context.Context, after ports.Cursor, limit int) (page ports.HeadPage, err error) {
	limit, err = paging.Limit(limit)
	if err != nil {
		return page, err
	}
	place := headPlace{Token: math.MinInt64} // no partition has this one
	at, err := portkit.PlaceOf(headListing, after)
	if err != nil {
		return page, err
	}
	if at != "" {
		if err := json.Unmarshal([]byte(at), &place); err != nil {
			return page, fmt.Errorf("%w: %w", ports.ErrBadCursor, err)
		}
	}
	if err := s.cluster.Enter(ctx); err != nil {
		return page, err
	}
	defer s.cluster.Leave()
	start, end := place.Token, place.Token
	// one more than asked for shows that there are more
	for end < math.MaxInt64 && len(page.Heads) <= limit {
		var heads []ports.Head
		heads, end, err = s.headsBehind(ctx, headPlace{end, place.Gap}, limit+1-len(page.Heads))
		if err != nil {
			return ports.HeadPage{}, err
		}
		page.Heads = append(page.Heads, heads...)
	}
	if len(page.Heads) > limit {
		page.Heads = page.Heads[:limit]
		last := token(page.Heads[limit-1].AggregateID)
		// numbers always marshal
		at, _ := json.Marshal(headPlace{last, span(start, last) / uint64(limit)})
		page.Next = portkit.CursorAt(headListing, at)
	}
	return page, nil
}

// headsBehind reads about the next so many heads, or all that are left, and returns the token up to
// which it has read.
func (s *Store) headsBehind(ctx context.Context, place headPlace, want int) (heads []ports.Head, end int64, err error) {
	ends := rangesBehind(place, want)
	found := make([][]ports.Head, len(ends))
	group, ctx := errgroup.WithContext(ctx)
	for i, to := range ends {
		from := place.Token
		if i > 0 {
			from = ends[i-1]
		}
		group.Go(func() (err error) {
			found[i], err = s.headsIn(ctx, from, to, want)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, err
	}
	for i, in := range found {
		if heads = append(heads, in...); len(in) == want { // there may be more in this range
			return heads, token(in[want-1].AggregateID), nil
		}
		end = ends[i]
	}
	return heads, end, nil
}

// rangesBehind divides the part of the ring that should hold so many heads, plus a reserve because
// hashes are not that even. It returns the ends of the ranges. When nothing is known, that is one
// range up to the end of the ring.
func rangesBehind(place headPlace, want int) []int64 {
	left, some := span(place.Token, math.MaxInt64), uint64(want+want/8+1)
	if place.Gap == 0 || place.Gap > left/some {
		return []int64{math.MaxInt64}
	}
	ranges := uint64(min(max(want/minRange, 1), headRanges))
	width := place.Gap*some/ranges + 1
	var ends []int64
	for i := range ranges {
		behind := (i + 1) * width
		if behind >= left {
			return append(ends, math.MaxInt64)
		}
		ends = append(ends, int64(uint64(place.Token)+behind))
	}
	return ends
}

// headsIn reads one range of tokens.
func (s *Store) headsIn(ctx context.Context, from, to int64, limit int) (heads []ports.Head, err error) {
	iter := s.cluster.Query(ctx, selectHeads, from, to, limit).PageSize(headPage).Iter()
	var id uuid.UUID
	var head *int64
	var typed *string
	for iter.Scan(&id, &head, &typed) {
		if head == nil {
			_ = iter.Close() // the rows that are left do not matter any more
			return nil, cluster.Corrupt("%s has events and no head", id)
		}
		heads = append(heads, ports.Head{AggregateType: typeOf(typed), AggregateID: id, SequenceNumber: uint64(*head)})
	}
	return heads, cluster.Translate(ctx, iter.Close(), cluster.Read)
}
