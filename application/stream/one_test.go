package stream_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/ports"
)

func TestOne_historyAndThenLive(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		f.confirmations(id, 2)
		f.append(orderID(2), created("bob", "A-1"))
		r := f.one(id, 0)
		f.confirmations(id, 1) // after the request
		r.read().expect(" 1.1 1.2 1.3 1.4")
		if r.live != 1 {
			t.Errorf("caught up %d times", r.live)
		}
		f.confirmations(orderID(2), 3)
		r.read().expect(" 1.1 1.2 1.3 1.4")
		f.confirmations(id, 2)
		r.read().expect(" 1.1 1.2 1.3 1.4 1.5 1.6")
		r.expectIDs()
		if r.live != 1 || r.after != "6" {
			t.Errorf("caught up %d times, and it resumes after %q", r.live, r.after)
		}
		r.close()
	})
}

// What comes after caught-up was committed after the request.
func TestOne_caughtUpIsTheBoundary(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		f.confirmations(id, 999)
		r := f.one(id, 0)
		for n := 0; ; {
			page, err := r.stream.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Events) > ports.MaxTailRecords {
				t.Errorf("a page of %d events", len(page.Events))
			}
			if n += len(page.Events); page.CaughtUp {
				if n != 1000 {
					t.Errorf("caught up after %d events of 1000", n)
				}
				break
			}
		}
		r.close()
	})
}

func TestOne_resumesExactly(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		f.confirmations(id, 4)
		for after, want := range []string{" 1.1 1.2 1.3 1.4 1.5", " 1.2 1.3 1.4 1.5", " 1.3 1.4 1.5", " 1.4 1.5", " 1.5", ""} {
			r := f.one(id, uint64(after)).read()
			r.expect(want)
			if r.live != 1 || r.after != "5" {
				t.Errorf("after %d: caught up %d times, and it resumes after %q", after, r.live, r.after)
			}
			r.close()
		}
	})
}

func TestOne_refuses(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		for name, test := range map[string]struct {
			id    uuid.UUID
			kind  string
			after uint64
			want  error
		}{
			"an order that does not exist":                   {orderID(9), order.Type, 0, ports.ErrNotFound},
			"an order that does not exist, after some event": {orderID(9), order.Type, 7, ports.ErrNotFound},
			"a sequence number above the head":               {id, order.Type, 2, ports.ErrBadCursor},
			"a sequence number far above the head":           {id, order.Type, 1 << 60, ports.ErrBadCursor},
		} {
			if _, err := f.streams.StreamOne(t.Context(), test.kind, test.id, test.after); !errors.Is(err, test.want) {
				t.Errorf("%s: error %v, want %v", name, err, test.want)
			}
		}
		var other *ports.OtherTypeError
		if _, err := f.streams.StreamOne(t.Context(), "stock-item", id, 0); !errors.As(err, &other) {
			t.Errorf("another type: error %v", err)
		}
		time.Sleep(time.Second)
		if f.feed.isOpen() != 0 {
			t.Error("a refused stream keeps the feed open")
		}
	})
}

// The feed is read only while somebody follows one order.
func TestOne_readsTheFeedOnlyWhileItIsNeeded(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		var readers []*reader
		for range 10 {
			readers = append(readers, f.one(id, 0))
		}
		if got := f.feed.isOpen(); got != 1 {
			t.Errorf("%d tails for 10 streams, want 1", got)
		}
		for _, r := range readers {
			r.close()
		}
		time.Sleep(time.Second)
		if got := f.feed.isOpen(); got != 0 {
			t.Errorf("%d tails without a stream", got)
		}
		r := f.one(id, 1)
		f.confirmations(id, 1)
		r.read().expect(" 1.2")
		r.close()
	})
}

// What is committed while the feed cannot be read comes when it can be read again.
func TestOne_survivesAFailureOfTheFeed(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		id := orderID(1)
		f.append(id, created("ann", "A-1"))
		var broken ports.Tail
		f.feed.set(func(ctx context.Context, after ports.Place) (ports.Tail, error) {
			tail, err := f.feed.Store.OpenTail(ctx, after)
			broken = tail
			return tail, err
		})
		r := f.one(id, 0)
		r.read().expect(" 1.1")
		f.feed.set(func(context.Context, ports.Place) (ports.Tail, error) { return nil, ports.ErrUnavailable })
		_ = broken.Close() // the watcher's Next fails
		f.confirmations(id, 3)
		r.read().expect(" 1.1")
		if _, err := f.streams.StreamOne(t.Context(), order.Type, id, 0); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("a stream while the feed cannot be read: error %v", err)
		}
		f.feed.set(nil)
		time.Sleep(5 * time.Second)
		r.read().expect(" 1.1 1.2 1.3 1.4")
		r.close()
	})
}

func TestOne_endsWithItsContextAndWithClose(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		r := f.one(orderID(1), 0).read()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.stream.Next(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("next with an ended context: error %v", err)
		}
		blocked := make(chan error, 1)
		go func() {
			_, err := r.stream.Next(t.Context())
			blocked <- err
		}()
		time.Sleep(time.Second)
		r.close()
		if err := <-blocked; !errors.Is(err, ports.ErrClosed) {
			t.Errorf("next of a closed stream: error %v", err)
		}
	})
}

// Clients come, go and resume at random while events are committed. Each sees every event of its
// order once, in order.
func TestOne_anyInterleavingIsExact(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		const orders, events, clients = 4, 300, 12
		for n := range byte(orders) {
			f.append(orderID(n), created("ann", "A-1"))
		}
		var group sync.WaitGroup
		for c := range clients {
			group.Go(func() {
				r := rand.New(rand.NewPCG(1, uint64(c)))
				id, last := orderID(byte(c%orders)), uint64(0)
				for last < events {
					s, err := f.streams.StreamOne(t.Context(), order.Type, id, last)
					if err != nil {
						t.Error(err)
						return
					}
					for range 1 + r.IntN(5) {
						ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
						page, err := s.Next(ctx)
						cancel()
						if err != nil {
							break
						}
						for _, e := range page.Events {
							if last++; e.Record.SequenceNumber != last || e.ID != strconv.FormatUint(last, 10) {
								t.Errorf("client %d has event %d, want %d", c, e.Record.SequenceNumber, last)
								return
							}
						}
						time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
					}
					_ = s.Close()
				}
			})
		}
		for n := range events - 1 {
			for o := range byte(orders) {
				f.confirmations(orderID(o), 1)
			}
			time.Sleep(time.Duration(n%7) * time.Millisecond)
		}
		group.Wait()
	})
}
