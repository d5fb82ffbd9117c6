package chaos_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"orderflow/application/chaos"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const consumer = "orders-by-sku"

// sound is everything that faults are made in, without faults.
type sound struct{}

func (sound) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	return eventsourcing.Envelope[any]{Header: r.Header}, nil
}

func (sound) Append(context.Context, ports.Append) (ports.Appended, error) {
	return ports.Appended{}, nil
}

func (sound) Load(context.Context, uuid.UUID, uint64) ([]eventsourcing.Record, error) {
	return nil, nil
}

func (sound) Subscribe(context.Context, string) (ports.Subscription, error) { return sound{}, nil }
func (sound) SeekEnd(context.Context, string) error                         { return nil }
func (sound) Lag(context.Context, string) (ports.Lag, error)                { return ports.Lag{}, nil }

func (sound) Next(context.Context) (ports.Delivery, error) { return ports.Delivery{}, nil }
func (sound) Commit(context.Context, ports.Position) error { return nil }
func (sound) Close() error                                 { return nil }

func begin(t *testing.T, f *chaos.Faults, fault ports.Fault, lasts time.Duration) {
	t.Helper()
	if _, err := f.Begin(t.Context(), fault, lasts); err != nil {
		t.Fatal(err)
	}
}

func record(id uuid.UUID) eventsourcing.Record {
	return eventsourcing.Record{Header: eventsourcing.Header{AggregateID: id, SequenceNumber: 7}, EventType: "order.shipped"}
}

func TestPoison_isOneOrderOfOneConsumer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, id := chaos.New(time.Now), uuid.New()
		here, other := f.Decoder(consumer, sound{}), f.Decoder("orders-by-status", sound{})
		begin(t, f, ports.Fault{Kind: ports.FaultPoison, Consumer: consumer, AggregateID: id}, time.Minute)
		var broken *ports.DecodeError
		if _, err := here.Decode(record(id)); !errors.As(err, &broken) || broken.AggregateID != id || broken.SequenceNumber != 7 {
			t.Errorf("the order: %v", err)
		}
		if _, err := here.Decode(record(uuid.New())); err != nil {
			t.Errorf("another order: %v", err)
		}
		if _, err := other.Decode(record(id)); err != nil {
			t.Errorf("another consumer: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := here.Decode(record(id)); err != nil || len(f.Now()) != 0 {
			t.Errorf("afterwards: %v, %v", err, f.Now())
		}
	})
}

func TestSlow_takesTimeAndEndsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := chaos.New(time.Now)
		d := f.Decoder(consumer, sound{})
		took := func() time.Duration {
			began := time.Now()
			if _, err := d.Decode(record(uuid.New())); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		}
		if n := took(); n != 0 {
			t.Errorf("without a fault: %s", n)
		}
		begin(t, f, ports.Fault{Kind: ports.FaultSlow, Consumer: consumer}, time.Minute)
		if n := took(); n != chaos.Delay {
			t.Errorf("slow: %s", n)
		}
		go func() { _ = f.End(context.Background()) }()
		if n := took(); n != 0 {
			t.Errorf("when the fault ends meanwhile: %s", n)
		}
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := chaos.New(time.Now)
		s, err := f.Feed(sound{}).Subscribe(t.Context(), consumer)
		if err != nil {
			t.Fatal(err)
		}
		waited := func(ctx context.Context) (time.Duration, error) {
			began := time.Now()
			_, err := s.Next(ctx)
			return time.Since(began), err
		}
		begin(t, f, ports.Fault{Kind: ports.FaultSilence, Consumer: "orders-by-status"}, time.Hour)
		if n, err := waited(t.Context()); n != 0 || err != nil {
			t.Errorf("without a fault: %s, %v", n, err)
		}
		begin(t, f, ports.Fault{Kind: ports.FaultSilence, Consumer: consumer}, time.Minute)
		if n, err := waited(t.Context()); n != time.Minute || err != nil {
			t.Errorf("with one: %s, %v", n, err)
		}
		begin(t, f, ports.Fault{Kind: ports.FaultSilence, Consumer: consumer}, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := waited(ctx); n != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when the context ends: %s, %v", n, err)
		}
	})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	f := chaos.New(time.Now)
	store := f.Events(sound{})
	begin(t, f, ports.Fault{Kind: ports.FaultFullDisk}, time.Minute)
	if _, err := store.Append(t.Context(), ports.Append{}); !errors.Is(err, ports.ErrFull) {
		t.Errorf("append: %v", err)
	}
	if _, err := store.Load(t.Context(), uuid.New(), 0); err != nil {
		t.Errorf("load: %v", err)
	}
	_ = f.End(t.Context())
	if _, err := store.Append(t.Context(), ports.Append{}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, id := chaos.New(time.Now), uuid.New()
		for _, wrong := range []ports.Fault{
			{Kind: "earthquake"},
			{Kind: ports.FaultSlow},
			{Kind: ports.FaultFullDisk, Consumer: consumer},
			{Kind: ports.FaultPoison, Consumer: consumer},
			{Kind: ports.FaultSilence, Consumer: consumer, AggregateID: id},
		} {
			var refused *ports.RefusedError
			if _, err := f.Begin(t.Context(), wrong, time.Minute); !errors.As(err, &refused) {
				t.Errorf("%+v: %v", wrong, err)
			}
		}
		slow := ports.Fault{Kind: ports.FaultSlow, Consumer: consumer}
		for asked, want := range map[time.Duration]time.Duration{0: time.Second, time.Minute: time.Minute, 24 * time.Hour: ports.LongestFault} {
			got, err := f.Begin(t.Context(), slow, asked)
			if err != nil || !got.Until.Equal(time.Now().Add(want)) {
				t.Errorf("%s: until %s, %v", asked, got.Until, err)
			}
		}
		if n := len(f.Now()); n != 1 {
			t.Errorf("%d faults, and each was the same one", n)
		}
	})
}
