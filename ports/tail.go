package ports

import (
	"context"
	"time"

	"orderflow/domain/eventsourcing"
)

// FeedTail delivers what is appended to the event store to anybody who asks for it, from a place
// that the caller chooses. Unlike a consumer of a [ChangeFeed], a tail has no name, no saved offset
// and no lease, and it is in no list. No figure about consumers depends on it.
type FeedTail interface {
	// OpenTail starts delivery after a place: one that a tail of the same store has returned, in
	// this process or in another, also before a restart; or [PlaceNow]; or [PlaceEarliest].
	//
	// Errors: ErrBadCursor for a place that no tail of this store has returned, as far as that can
	// be seen; ErrUnavailable.
	OpenTail(ctx context.Context, after Place) (Tail, error)
}

// Place is a place in a feed, for a [FeedTail]. It is opaque, and at most 64 bytes of printable
// ASCII without spaces.
type Place string

const (
	// PlaceNow is the end of the feed at the moment of the call.
	PlaceNow Place = ""
	// PlaceEarliest is before the oldest record that the feed still holds.
	PlaceEarliest Place = "earliest"
)

// Tail is the delivery to one caller. One goroutine at a time may call Next. Any goroutine may call
// Close.
type Tail interface {
	// Next blocks until there is a page with something in it.
	//
	// Every record after the place comes at least once, and those of one aggregate come in order.
	// There is one exception: a feed that reads overlapping windows of time may deliver records
	// again, and may have lost one. Then a later event of its aggregate comes without it, and the
	// lost one may come late. The caller sees the gap and reads the event store.
	//
	// There is back-pressure. A tail whose Next is not called costs a bounded amount of memory, and
	// delays nobody.
	//
	// Errors: ErrClosed after Close; the context's error; ErrUnavailable. After the last two, Next
	// may be called again, and nothing is skipped.
	Next(ctx context.Context) (TailPage, error)

	// Close ends the tail.
	Close() error
}

// The bounds of a [TailPage]. A single record may be larger.
const (
	MaxTailRecords = 256
	MaxTailBytes   = 1 << 20
)

// TailPage is what a tail delivers at a time, in the order of its fields.
type TailPage struct {
	// Lost says that the feed dropped records before this tail read them. The records of the page
	// are the oldest that the feed still holds. It is nil when nothing is lost.
	Lost *TailGap
	// Records are the next ones. See [Delivery].Record for what a damaged one looks like.
	Records []TailRecord
	// Live is set once for each tail. Everything that was acknowledged before OpenTail was called
	// has come by then, except for what the feed has lost. What comes on later pages was not
	// acknowledged before that.
	Live bool
	// Place is the place after this page.
	Place Place
}

// TailRecord is a record, and the place after it.
type TailRecord struct {
	Record eventsourcing.Record
	Place  Place
}

// TailGap is a range of a feed whose records are gone. The event store still has them.
type TailGap struct {
	// From is the place up to which the tail has read, and To the one from which it continues.
	From, To Place
	// Until is the time before which the lost records were committed. It is zero when that is not
	// known.
	Until time.Time
}
