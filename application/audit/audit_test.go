package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/application/audit"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func verify(t *testing.T, config audit.Config, options ports.TopicOptions) ports.TopicReport {
	t.Helper()
	report, err := audit.New(config).VerifyTopic(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// counts returns a report without its descriptions.
func counts(r ports.TopicReport) ports.TopicReport {
	r.Shown = nil
	return r
}

func whole() ports.TopicOptions { return ports.TopicOptions{From: ports.FromBegin} }

func TestVerifyTopic_tellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		orders []int
		write  func(s *shop, f *topic)
		from   int64
		want   ports.TopicReport
		detail string
	}{
		"nothing, where all is well": {
			[]int{2, 3},
			func(s *shop, f *topic) {
				f.put(0, s.of(0, 1)...)
				f.put(0, s.of(1, 1, 2, 3)...)
				f.put(0, s.of(0, 2)...)
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 2, Messages: 5},
			"",
		},
		"nothing, in an empty store and an empty topic": {nil, func(*shop, *topic) {}, ports.FromBegin, ports.TopicReport{}, ""},
		"a missing event in the middle": {
			[]int{3},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 3)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 2, Missing: 1},
			"event 2 of 3 did not arrive",
		},
		"missing events at both ends": {
			[]int{5},
			func(s *shop, f *topic) { f.put(0, s.of(0, 3, 4)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 2, Missing: 3},
			"events 1 to 2 of 5 did not arrive",
		},
		"an order that is not there at all": {
			[]int{4, 1},
			func(s *shop, f *topic) { f.put(0, s.of(1, 1)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 2, Messages: 1, Missing: 4},
			"events 1 to 4 of 4 did not arrive",
		},
		"repetitions, which are no violation": {
			[]int{5},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 2, 3, 4, 2, 3, 4, 5, 5)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 9, Doubled: 4},
			"",
		},
		"an event before its predecessor": {
			[]int{4},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 3, 2, 4)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 4, OutOfOrder: 1},
			"event 3 came before this one",
		},
		"a history backwards": {
			[]int{4},
			func(s *shop, f *topic) { f.put(0, s.of(0, 4, 3, 2, 1)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 4, OutOfOrder: 3},
			"event 4 came before this one",
		},
		"disorder around a hole": {
			[]int{6},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 5, 4, 6, 2, 5)...) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 6, OutOfOrder: 1, Doubled: 1, Missing: 1},
			"event 5 came before",
		},
		"an order that was never stored": {
			[]int{1},
			func(s *shop, f *topic) {
				f.put(0, s.of(0, 1)...)
				stranger := s.of(0, 1)[0]
				stranger.AggregateID = uuid.New()
				f.put(0, stranger)
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 2, Unknown: 1},
			"partition 0, offset 1: the store has no such event",
		},
		"an event behind the head": {
			[]int{1},
			func(s *shop, f *topic) {
				f.put(0, s.of(0, 1)...)
				late := s.of(0, 1)[0]
				late.SequenceNumber = 2
				f.put(0, late)
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 2, Unknown: 1},
			"the store has no such event",
		},
		"an event without a number": {
			[]int{1},
			func(s *shop, f *topic) {
				f.put(0, s.of(0, 1)...)
				none := s.of(0, 1)[0]
				none.SequenceNumber = 0
				f.put(0, none)
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 2, Unknown: 1},
			"the store has no such event",
		},
		"an event of another type, once, whichever pass its order is in": {
			[]int{2, 2, 2},
			func(s *shop, f *topic) {
				for i := range s.orders {
					f.put(0, s.of(i, 1, 2)...)
					forged := s.of(i, 1)[0]
					forged.EventType = "order.lost"
					f.put(1, forged)
				}
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 3, Messages: 9, Unknown: 3},
			"in event type",
		},
		"a message that is no event, and does not stand for one": {
			[]int{1},
			func(s *shop, f *topic) {
				f.putMessage(ports.TopicMessage{Key: s.orders[0].String(), Record: s.of(0, 1)[0], Err: errors.New("no ce_id")})
			},
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 1, Unknown: 1, Missing: 1},
			"no ce_id",
		},
		"an event under another key": {
			[]int{1},
			func(s *shop, f *topic) { f.putMessage(ports.TopicMessage{Key: "k", Record: s.of(0, 1)[0]}) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 1, Unknown: 1, Missing: 1},
			`its key is "k"`,
		},
		"what lies behind an offset, and only that": {
			[]int{4, 1, 5},
			func(s *shop, f *topic) {
				f.put(0, s.of(0, 1)...)
				f.put(0, s.of(1, 1)...)
				f.put(0, s.of(2, 1, 2)...)
				// the offset points here: 1 and 2 are repetitions
				f.put(0, s.of(2, 3, 1, 2, 4, 3)...)
				// 3 of the first and 5 of the last order are missing
				f.put(0, s.of(0, 2, 4)...)
			},
			4,
			ports.TopicReport{Aggregates: 2, Unjudged: 1, Messages: 7, Doubled: 3, Missing: 2},
			"did not arrive",
		},
		"everything that a topic without its beginning lacks": {
			[]int{3},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 2, 3)...); f.expire(0, 2) },
			ports.FromBegin,
			ports.TopicReport{Aggregates: 1, Messages: 1, Missing: 2, Expired: 2},
			"events 1 to 2 of 3 did not arrive",
		},
		"nothing of what has expired before the offset": {
			[]int{3},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1, 2, 3)...); f.expire(0, 2) },
			1,
			ports.TopicReport{Aggregates: 1, Messages: 1, Expired: 1},
			"",
		},
		"nothing behind an offset that is not there yet": {
			[]int{1},
			func(s *shop, f *topic) { f.put(0, s.of(0, 1)...) },
			9,
			ports.TopicReport{Unjudged: 1},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := newShop(t, test.orders...), newTopic(2)
			test.write(s, f)
			// The answer does not depend on how the orders are divided into passes.
			for _, maxOrders := range []int{0, 1, 2} {
				got := verify(t, audit.Config{Store: s, Topic: f, MaxOrders: maxOrders}, ports.TopicOptions{From: test.from})
				if diff := cmp.Diff(test.want, counts(got)); diff != "" {
					t.Errorf("%d orders in a pass (-want +got):\n%s\n%+v", maxOrders, diff, got.Shown)
				}
				if violated := test.want.Violations() > 0; violated != (len(got.Shown) > 0) || violated != (got.Violations() > 0) {
					t.Errorf("shown: %+v", got.Shown)
				} else if violated && !strings.Contains(fmt.Sprint(got.Shown), test.detail) {
					t.Errorf("shown: %+v, want %q", got.Shown, test.detail)
				}
			}
		})
	}
}

// Partitions are read concurrently, so it is not determined which of them counts as the order's
// own.
func TestVerifyTopic_noticesAnOrderInTwoPartitions(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 3), newTopic(2)
	f.put(0, s.of(0, 1)...)
	f.put(1, s.of(0, 1, 2, 3)...)
	got := verify(t, audit.Config{Store: s, Topic: f}, whole())
	if got.Scattered != 1 && got.Scattered != 3 || got.Doubled != 1 || got.Missing != 0 || got.Violations() == 0 ||
		!strings.Contains(got.Shown[0].Detail, "the order's first message is in partition") {
		t.Errorf("%+v", got)
	}
}

// A message that claims to be an event must equal that event in every field.
func TestVerifyTopic_comparesEveryField(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(*eventsourcing.Record){
		"event id":       func(r *eventsourcing.Record) { r.EventID = uuid.New() },
		"aggregate type": func(r *eventsourcing.Record) { r.AggregateType = "stock_item" },
		"event type":     func(r *eventsourcing.Record) { r.EventType = "order.lost" },
		"event version":  func(r *eventsourcing.Record) { r.EventVersion++ },
		"payload":        func(r *eventsourcing.Record) { r.Payload = []byte("{}") },
		"time":           func(r *eventsourcing.Record) { r.CreatedAt = r.CreatedAt.Add(time.Millisecond) },
		"command id":     func(r *eventsourcing.Record) { r.CommandID = uuid.New() },
		"correlation id": func(r *eventsourcing.Record) { r.CorrelationID = uuid.Nil },
		"causation id":   func(r *eventsourcing.Record) { r.CausationID = uuid.New() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := newShop(t, 2), newTopic(1)
			f.put(0, s.of(0, 1, 2)...)
			forged := s.of(0, 1)[0]
			forge(&forged)
			f.put(0, forged)
			got := verify(t, audit.Config{Store: s, Topic: f}, whole())
			want := []ports.TopicFinding{{
				Kind: ports.TopicUnknown, AggregateID: s.orders[0], AggregateType: forged.AggregateType, SequenceNumber: 1,
				Detail: "partition 0, offset 2: differs from the stored event in " + name,
			}}
			if diff := cmp.Diff(want, got.Shown); diff != "" || got.Unknown != 1 || got.Doubled != 0 {
				t.Errorf("%+v (-want +got):\n%s", got, diff)
			}
		})
	}
	t.Run("but metadata, which stays in the store", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1), newTopic(1)
		r := s.of(0, 1)[0]
		r.Metadata = map[string]string{"user": "u"}
		f.put(0, r)
		if got := verify(t, audit.Config{Store: s, Topic: f}, whole()); got.Violations() != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestVerifyTopic_besideTraffic(t *testing.T) {
	t.Parallel()

	t.Run("events committed meanwhile are not missing", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1), newTopic(1)
		f.put(0, s.of(0, 1)...)
		f.onRanges = func() error { // between the heads and the ends of the topic
			s.append(t, s.orders[0], 1)
			s.append(t, uuid.New(), 3)
			return nil
		}
		got := verify(t, audit.Config{Store: s, Topic: f}, whole())
		if diff := cmp.Diff(ports.TopicReport{Aggregates: 1, Messages: 1}, got); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("events of orders created meanwhile are known", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1), newTopic(1)
		f.put(0, s.of(0, 1)...)
		f.onRanges = func() error {
			f.put(0, s.append(t, uuid.New(), 2)...)
			return nil
		}
		got := verify(t, audit.Config{Store: s, Topic: f}, whole())
		if diff := cmp.Diff(ports.TopicReport{Aggregates: 1, Messages: 3}, got); diff != "" {
			t.Error(diff)
		}
	})

	// The publisher needs 9 seconds for an event, and the patience is 10 seconds. Its events are
	// waited for, however many there are.
	t.Run("a publisher that is behind is waited for as long as it gets on", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, f := newShop(t, 6), newTopic(1)
			go func() {
				for n := range uint64(6) {
					time.Sleep(9 * time.Second) // on the clock of the bubble
					f.put(0, s.of(0, n+1)...)
				}
			}()
			options := whole()
			options.Patience = 10 * time.Second
			got := verify(t, audit.Config{Store: s, Topic: f}, options)
			if diff := cmp.Diff(ports.TopicReport{Aggregates: 1, Messages: 6}, got); diff != "" {
				t.Error(diff)
			}
		})
	})

	t.Run("patience ends, whatever else is published", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, f := newShop(t, 2), newTopic(1)
			f.put(0, s.of(0, 1)...)
			other := uuid.New()
			f.onRanges = func() error {
				f.put(0, s.append(t, other, 1)...)
				return nil
			}
			options, start := whole(), time.Now()
			options.Patience = 10 * time.Second
			got := verify(t, audit.Config{Store: s, Topic: f}, options)
			if took := time.Since(start); got.Missing != 1 || got.Violations() != 1 || took < 10*time.Second || took > 11*time.Second {
				t.Errorf("%+v after %s", got, took)
			}
		})
	})
}

func TestVerifyTopic_memory(t *testing.T) {
	t.Parallel()

	t.Run("a store with more orders than fit is read in passes", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1, 1, 1, 1, 1, 1, 1), newTopic(1)
		for i := range s.orders {
			f.put(0, s.of(i, 1)...)
		}
		var read, total uint64
		options := whole()
		options.Progress = func(r, all uint64) { read, total = r, all }
		got := verify(t, audit.Config{Store: s, Topic: f, MaxOrders: 3}, options)
		if diff := cmp.Diff(ports.TopicReport{Aggregates: 7, Messages: 7}, got); diff != "" {
			t.Error(diff)
		}
		if f.reads != 3 || read != 21 || total != 21 {
			t.Errorf("%d passes over the topic, progress %d of %d", f.reads, read, total)
		}
	})

	t.Run("more holes than fit end the comparison", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 40), newTopic(1)
		for n := uint64(1); n < 40; n += 2 {
			f.put(0, s.of(0, n)...)
		}
		_, err := audit.New(audit.Config{Store: s, Topic: f, MaxHoles: 10}).VerifyTopic(t.Context(), whole())
		if err == nil || !strings.Contains(err.Error(), "too many gaps") {
			t.Errorf("error %v", err)
		}
		got := verify(t, audit.Config{Store: s, Topic: f, MaxHoles: 19}, whole())
		if got.Missing != 20 || len(got.Shown) != 20 || got.Shown[19].AggregateType != "order" {
			t.Errorf("%+v", got)
		}
	})

	t.Run("holes that were filled do not count", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 40, 40), newTopic(1)
		for i := range s.orders {
			for n := uint64(1); n < 40; n += 2 {
				f.put(0, s.of(i, n+1, n)...)
			}
		}
		if got := verify(t, audit.Config{Store: s, Topic: f, MaxHoles: 1}, whole()); got.OutOfOrder != 40 || got.Violations() != 40 {
			t.Errorf("%+v", got)
		}
	})

	t.Run("only the first violations are described", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 100), newTopic(1)
		for n := uint64(100); n > 0; n-- {
			f.put(0, s.of(0, n)...)
		}
		if got := verify(t, audit.Config{Store: s, Topic: f}, whole()); got.OutOfOrder != 99 || len(got.Shown) != 20 {
			t.Errorf("%+v", got)
		}
	})
}

func TestVerifyTopic_failures(t *testing.T) {
	t.Parallel()

	t.Run("a broker that is away for a while costs nothing but time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, f := newShop(t, 600), newTopic(1)
			for n := range uint64(600) {
				f.put(0, s.of(0, n+1)...)
			}
			away := errors.Join(ports.ErrUnavailable, errors.New("EOF"))
			calls := 0
			// the first call succeeds, then the broker is away for half a minute
			f.onRanges = func() error {
				if calls++; calls > 1 && calls < 30 {
					return away
				}
				return nil
			}
			last := int64(-1)
			f.onRead = func(m ports.TopicMessage) error {
				if m.Offset == last { // one more message at each attempt
					return nil
				}
				last = m.Offset
				return away
			}
			options := whole()
			options.Patience = time.Minute
			late := s.append(t, s.orders[0], 1)
			// so that the topic is read again
			time.AfterFunc(10*time.Second, func() { f.put(0, late...) })
			got := verify(t, audit.Config{Store: s, Topic: f}, options)
			if diff := cmp.Diff(ports.TopicReport{Aggregates: 1, Messages: 601}, got); diff != "" {
				t.Error(diff)
			}
			if calls < 30 {
				t.Errorf("asked %d times", calls)
			}
		})
	})

	t.Run("a broker that cannot be reached to begin with is an error at once", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, f, start := newShop(t, 1), newTopic(1), time.Now()
			f.onRanges = func() error { return ports.ErrUnavailable }
			_, err := audit.New(audit.Config{Store: s, Topic: f}).VerifyTopic(t.Context(), whole())
			if took := time.Since(start); !errors.Is(err, ports.ErrUnavailable) || took > 0 {
				t.Errorf("error %v after %s", err, took)
			}
		})
	})

	t.Run("a broker that stays away is an error", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, f := newShop(t, 1), newTopic(1)
			f.put(0, s.of(0, 1)...)
			f.onRead = func(ports.TopicMessage) error { return ports.ErrUnavailable }
			_, err := audit.New(audit.Config{Store: s, Topic: f}).VerifyTopic(t.Context(), whole())
			if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), "partition 0 at offset 0") {
				t.Errorf("error %v", err)
			}
		})
	})

	t.Run("a missing topic, an expired offset and an ended context are errors", func(t *testing.T) {
		t.Parallel()
		for _, want := range []error{ports.ErrNotFound, ports.ErrOffsetExpired, context.Canceled} {
			s, f := newShop(t, 1), newTopic(1)
			f.onRanges = func() error { return want }
			if _, err := audit.New(audit.Config{Store: s, Topic: f}).VerifyTopic(t.Context(), whole()); !errors.Is(err, want) {
				t.Errorf("error %v, want %v", err, want)
			}
		}
	})

	t.Run("a context that ends while something is missing ends the wait", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1), newTopic(1)
		ctx, cancel := context.WithCancel(t.Context())
		f.onRanges = func() error { cancel(); return nil }
		_, err := audit.New(audit.Config{Store: s, Topic: f}).VerifyTopic(ctx, ports.TopicOptions{From: ports.FromBegin, Patience: time.Hour})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})

	t.Run("a history that cannot be read is a finding, a store that cannot is an error", func(t *testing.T) {
		t.Parallel()
		s, f := newShop(t, 1), newTopic(1)
		f.put(0, s.of(0, 1)...)
		got := verify(t, audit.Config{Store: failing{s, ports.ErrCorrupt}, Topic: f}, whole())
		if got.Unknown != 1 || !strings.Contains(got.Shown[0].Detail, "cannot be compared") {
			t.Errorf("%+v", got)
		}
		_, err := audit.New(audit.Config{Store: failing{s, ports.ErrUnavailable}, Topic: f}).VerifyTopic(t.Context(), whole())
		if !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	})

	t.Run("a negative offset is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := audit.New(audit.Config{}).VerifyTopic(t.Context(), ports.TopicOptions{From: -2}); err == nil {
			t.Error("accepted")
		}
	})
}

type failing struct {
	*shop
	err error
}

func (f failing) Load(context.Context, uuid.UUID, uint64) ([]eventsourcing.Record, error) {
	return nil, f.err
}
