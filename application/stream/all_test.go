package stream_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

func TestAll_fromNowAndFromTheBeginning(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		now, earliest := f.all(ports.StreamRequest{}), f.all(ports.StreamRequest{Earliest: true})
		f.append(orderID(2), created("bob", "A-1"))
		f.confirmations(orderID(1), 1)
		now.read().expect(" 2.1 1.2")
		earliest.read().expect(" 1.1 2.1 1.2")
		if now.live != 1 || earliest.live != 1 {
			t.Errorf("caught up %d and %d times", now.live, earliest.live)
		}
		now.close()
		earliest.close()
		if n := f.feed.isOpen(); n != 0 {
			t.Errorf("%d tails are open at the end", n)
		}
	})
}

func TestAll_resumesAfterEachEvent(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		for n := range byte(3) {
			f.append(orderID(n), created("ann", "A-1"))
			f.confirmations(orderID(n), 1)
		}
		whole := f.all(ports.StreamRequest{Earliest: true}).read()
		for i, id := range whole.ids {
			r := f.all(ports.StreamRequest{After: id}).read()
			want := (&reader{fixture: f, got: whole.got[i+1:]}).names()
			r.expect(want)
			r.close()
		}
		// The id after caught-up is a place, too, and after a restart it still is.
		f.confirmations(orderID(1), 1)
		r := f.all(ports.StreamRequest{After: whole.after}).read()
		r.expect(" 1.3")
		r.close()
		whole.close()
	})
}

func TestAll_refusesIDsThatAreNotOfThisStore(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		r := f.all(ports.StreamRequest{Earliest: true}).read()
		r.close()
		ours, _ := base64.RawURLEncoding.DecodeString(r.after)
		changed := func(at int, to byte) string {
			id := slices.Clone(ours)
			id[at] = to
			return base64.RawURLEncoding.EncodeToString(id)
		}
		for name, id := range map[string]string{
			"no base64":        "?",
			"too short":        "AQ",
			"no place":         base64.RawURLEncoding.EncodeToString(ours[:9]),
			"an own word":      base64.RawURLEncoding.EncodeToString(append(slices.Clone(ours[:9]), "earliest"...)),
			"another format":   changed(0, 2),
			"another store":    changed(5, ours[5]+1),
			"ahead of the end": base64.RawURLEncoding.EncodeToString(append(slices.Clone(ours), '7')),
			"a number":         "1",
		} {
			if _, err := f.streams.StreamAll(t.Context(), ports.StreamRequest{After: id}); !errors.Is(err, ports.ErrBadCursor) {
				t.Errorf("%s: error %v, want %v", name, err, ports.ErrBadCursor)
			}
		}
		if _, err := f.streams.StreamAll(t.Context(), ports.StreamRequest{By: []ports.StreamFilter{{Property: "colour"}}}); err == nil {
			t.Error("a filter by what does not exist is accepted")
		}
	})
}

func TestAll_filters(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		items := func(sku string) order.Event {
			return order.OrderItemsUpdated{Items: []order.Item{{SKU: sku, Quantity: 2, UnitPrice: 5}}}
		}
		f.append(orderID(1), created("ann", "A-1"), items("B-2"), order.OrderConfirmed{PaymentReference: "p"})
		f.append(orderID(2), created("bob", "B-2"), order.OrderCancelled{Reason: "r"})
		f.append(orderID(1), order.OrderShipped{Carrier: "c", TrackingNumber: "t"})
		f.append(orderID(3), created("ann", "B-2"))
		by := func(property, key string) ports.StreamFilter { return ports.StreamFilter{Property: property, Key: key} }
		names := map[string]string{}
		for _, r := range f.all(ports.StreamRequest{Earliest: true}).read().got {
			names[(&reader{got: []eventsourcing.Record{r}}).names()] = r.EventType
		}
		for _, test := range []struct {
			what    string
			request ports.StreamRequest
			want    string
		}{
			{"a type", ports.StreamRequest{Types: []string{names[" 1.3"]}}, " 1.3"},
			{"two types", ports.StreamRequest{Types: []string{names[" 2.2"], names[" 1.4"]}}, " 2.2 1.4"},
			{"a customer", ports.StreamRequest{By: []ports.StreamFilter{by("customer", "ann")}}, " 1.1 1.2 1.3 1.4 3.1"},
			{"a status", ports.StreamRequest{By: []ports.StreamFilter{by("status", "ACTIVE")}}, " 1.1 1.2 2.1 3.1"},
			{"a later status", ports.StreamRequest{By: []ports.StreamFilter{by("status", "SHIPPED")}}, " 1.4"},
			{"an article", ports.StreamRequest{By: []ports.StreamFilter{by("sku", "A-1")}}, " 1.1"},
			{"another article", ports.StreamRequest{By: []ports.StreamFilter{by("sku", "B-2")}}, " 1.2 1.3 2.1 2.2 1.4 3.1"},
			{
				"all together", ports.StreamRequest{
					Types: []string{names[" 1.1"]}, By: []ports.StreamFilter{by("sku", "B-2"), by("customer", "ann"), by("status", "ACTIVE")},
				}, " 3.1",
			},
			{"nobody", ports.StreamRequest{By: []ports.StreamFilter{by("customer", "eve")}}, ""},
		} {
			test.request.Earliest = true
			r := f.all(test.request).read()
			if got := r.names(); got != test.want {
				t.Errorf("%s:%s, want%s", test.what, got, test.want)
			}
			r.close()
		}
	})
}

// A stream that starts in the middle of an order knows its state all the same.
func TestAll_filtersFromTheMiddle(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		for n := range byte(20) {
			f.append(orderID(n), created([]string{"ann", "bob"}[n%2], "A-1"))
		}
		r := f.all(ports.StreamRequest{By: []ports.StreamFilter{{Property: "customer", Key: "bob"}}})
		for n := range byte(4) {
			f.confirmations(orderID(n), 2)
		}
		r.read().expect(" 1.2 1.3 3.2 3.3")
		r.close()
	})
}

// A feed that has lost events, or shows them late, does not make a gap.
func TestAll_readsWhatTheFeedHasLost(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		lost := map[uint64]bool{3: true, 4: true, 6: true}
		var late []ports.TailRecord
		f.feed.change = func(page *ports.TailPage) {
			page.Records = slices.DeleteFunc(page.Records, func(r ports.TailRecord) bool {
				if lost[r.Record.SequenceNumber] {
					late = append(late, r)
				}
				return lost[r.Record.SequenceNumber]
			})
		}
		r := f.all(ports.StreamRequest{})
		f.append(orderID(1), created("ann", "A-1"))
		f.confirmations(orderID(1), 6)
		r.read().expect(" 1.1 1.2 1.3 1.4 1.5 1.6 1.7")
		// An event that was read from the event store has the id of the one before. So a client
		// that was cut off in between gets the rest.
		if r.ids[2] != r.ids[1] || r.ids[3] != r.ids[1] || r.ids[4] == r.ids[3] {
			t.Errorf("ids %q", r.ids)
		}
		f.feed.change = func(page *ports.TailPage) { page.Records = append(slices.Clone(late), page.Records...) }
		f.confirmations(orderID(1), 1)
		r.read().expect(" 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8")
		r.close()
	})
}

// A damaged record only names its event. The event store has it, or the stream says that it cannot
// be read, and goes on.
func TestAll_damagedRecords(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		f.append(orderID(2), created("bob", "A-1"))
		f.confirmations(orderID(1), 1)
		damage := func(r *eventsourcing.Record) {
			*r = eventsourcing.Record{Header: eventsourcing.Header{
				AggregateType: r.AggregateType, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber,
			}}
		}
		f.feed.change = func(page *ports.TailPage) {
			for i := range page.Records {
				damage(&page.Records[i].Record)
			}
		}
		r := f.all(ports.StreamRequest{Earliest: true}).read()
		r.expect(" 1.1 2.1 1.2")
		if len(r.got[0].Payload) == 0 {
			t.Error("a damaged event has no payload")
		}
		r.close()
		f.feed.change = func(page *ports.TailPage) {
			for i := range page.Records {
				if page.Records[i].Record.AggregateID == orderID(2) {
					damage(&page.Records[i].Record)
					// the event store does not have this one
					page.Records[i].Record.AggregateID = orderID(9)
				}
			}
		}
		r = f.all(ports.StreamRequest{Earliest: true}).read()
		r.expect(" 1.1 1.2")
		if len(r.resets) != 1 || r.resets[0].Reason != ports.ResetUnreadable || r.resets[0].AggregateID != orderID(9) ||
			r.resets[0].SequenceNumber != 1 {
			t.Errorf("resets %+v, want one that names the event", r.resets)
		}
		r.close()
	})
}

func TestAll_saysWhatTheFeedDoesNotHoldAnyMore(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		f.confirmations(orderID(1), 2)
		whole := f.all(ports.StreamRequest{Earliest: true}).read()
		whole.close()
		f.feed.Expire()
		f.confirmations(orderID(1), 1)
		r := f.all(ports.StreamRequest{After: whole.ids[0]}).read()
		r.expect(" 1.4")
		if len(r.resets) != 1 || r.resets[0].Reason != ports.ResetExpired || r.resets[0].From != whole.ids[0] ||
			r.resets[0].To != whole.ids[2] || r.live != 1 {
			t.Errorf("resets %+v, caught up %d times", r.resets, r.live)
		}
		r.close()
	})
}

// A failure of the event store ends no stream for good: the next call tries again, and nothing is
// skipped.
func TestAll_canBeReadAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		f.append(orderID(1), created("ann", "A-1"))
		failing := true
		f.feed.change = func(page *ports.TailPage) {
			for i := range page.Records { // so that the event store is read
				page.Records[i].Record.EventType = ""
			}
		}
		f.feed.loading = func() error {
			if failing {
				return ports.ErrUnavailable
			}
			return nil
		}
		r := f.all(ports.StreamRequest{Earliest: true})
		if _, err := r.stream.Next(t.Context()); !errors.Is(err, ports.ErrUnavailable) {
			t.Fatalf("error %v, want %v", err, ports.ErrUnavailable)
		}
		failing = false
		r.read().expect(" 1.1")
		r.close()
	})
}

func TestAll_pagesAreBoundedWhileNobodyReads(t *testing.T) {
	t.Parallel()
	withStreams(t, func(t *testing.T, f *fixture) {
		r := f.all(ports.StreamRequest{})
		f.append(orderID(1), created("ann", "A-1"))
		f.confirmations(orderID(1), 2_000)
		pages := 0
		for n := 0; n < 2_001; pages++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			page, err := r.stream.Next(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if n += len(page.Events); len(page.Events) > ports.MaxTailRecords {
				t.Fatalf("a page of %d events", len(page.Events))
			}
		}
		if pages < 8 {
			t.Errorf("%d pages", pages)
		}
		r.close()
	})
}
