package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// Delay is how long a slow consumer needs for an event.
const Delay = 200 * time.Millisecond

// shortest is the shortest time of a fault.
const shortest = time.Second

// check returns what is missing or too much in a fault.
func check(f ports.Fault) error {
	switch {
	case !slices.Contains(ports.FaultKinds(), f.Kind):
		return &ports.RefusedError{Reason: fmt.Sprintf("there is no fault %q", f.Kind)}
	case (f.Kind == ports.FaultFullDisk) != (f.Consumer == ""):
		return &ports.RefusedError{Reason: "each fault but " + string(ports.FaultFullDisk) + " needs a consumer"}
	case (f.Kind == ports.FaultPoison) != (f.AggregateID != uuid.Nil):
		return &ports.RefusedError{Reason: string(ports.FaultPoison) + ", and no other fault, needs an order"}
	default:
		return nil
	}
}

// errMade is the cause of what a fault breaks.
var errMade = errors.New("a fault that was made for practice, see 'orderflow chaos'")

// Faults are those of one process. It implements [ports.FaultMaker].
type Faults struct {
	now func() time.Time

	mu     sync.Mutex
	faults []ports.Fault
	// changed is closed when the faults change.
	changed chan struct{}
}

// New returns a Faults without a fault.
func New(now func() time.Time) *Faults {
	return &Faults{now: now, changed: make(chan struct{})}
}

// Begin implements [ports.FaultMaker].
func (f *Faults) Begin(_ context.Context, fault ports.Fault, lasts time.Duration) (ports.Fault, error) {
	if err := check(fault); err != nil {
		return fault, err
	}
	fault.Until = f.now().Add(min(max(lasts, shortest), ports.LongestFault))
	f.change(func(all []ports.Fault) []ports.Fault {
		all = slices.DeleteFunc(all, func(other ports.Fault) bool {
			return other.Kind == fault.Kind && other.Consumer == fault.Consumer && other.AggregateID == fault.AggregateID
		})
		return append(all, fault)
	})
	return fault, nil
}

// End implements [ports.FaultMaker].
func (f *Faults) End(context.Context) error {
	f.change(func([]ports.Fault) []ports.Fault { return nil })
	return nil
}

func (f *Faults) change(to func([]ports.Fault) []ports.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = to(f.faults)
	close(f.changed)
	f.changed = make(chan struct{})
}

// Now implements [ports.FaultMaker].
func (f *Faults) Now() []ports.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	f.faults = slices.DeleteFunc(f.faults, func(fault ports.Fault) bool { return !now.Before(fault.Until) })
	return slices.Clone(f.faults)
}

// is returns until when there is such a fault, and a channel that is closed when the faults change.
func (f *Faults) is(kind ports.FaultKind, consumer string, id uuid.UUID) (until time.Time, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.faults {
		if fault.Kind == kind && fault.Consumer == consumer && fault.AggregateID == id && f.now().Before(fault.Until) {
			until = fault.Until
		}
	}
	return until, f.changed
}

// Decoder returns a decoder of one consumer that has the faults [ports.FaultPoison] and
// [ports.FaultSlow].
func (f *Faults) Decoder(consumer string, next ports.Decoder) ports.Decoder {
	return decoder{f, consumer, next}
}

type decoder struct {
	faults   *Faults
	consumer string
	next     ports.Decoder
}

// Decode implements [ports.Decoder].
func (d decoder) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	if until, _ := d.faults.is(ports.FaultPoison, d.consumer, r.AggregateID); !until.IsZero() {
		return eventsourcing.Envelope[any]{}, &ports.DecodeError{
			EventID: r.EventID, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber,
			EventType: r.EventType, EventVersion: r.EventVersion, Err: errMade,
		}
	}
	if until, changed := d.faults.is(ports.FaultSlow, d.consumer, uuid.Nil); !until.IsZero() {
		select {
		case <-time.After(Delay):
		case <-changed: // so that neither the end of the fault nor that of the process waits
		}
	}
	return d.next.Decode(r)
}

// Feed returns a feed that has the fault [ports.FaultSilence].
func (f *Faults) Feed(next ports.ChangeFeed) ports.ChangeFeed { return feed{next, f} }

type feed struct {
	ports.ChangeFeed
	faults *Faults
}

// Subscribe implements [ports.ChangeFeed].
func (f feed) Subscribe(ctx context.Context, consumer string) (ports.Subscription, error) {
	s, err := f.ChangeFeed.Subscribe(ctx, consumer)
	if err != nil {
		return nil, err
	}
	return &subscription{s, f.faults, consumer}, nil
}

type subscription struct {
	ports.Subscription
	faults   *Faults
	consumer string
}

// Next implements [ports.Subscription]. It is silent before it asks for a delivery, so that none is
// lost. One that was asked for before still comes.
func (s *subscription) Next(ctx context.Context) (ports.Delivery, error) {
	for {
		until, changed := s.faults.is(ports.FaultSilence, s.consumer, uuid.Nil)
		if until.IsZero() {
			return s.Subscription.Next(ctx)
		}
		end := time.NewTimer(until.Sub(s.faults.now()))
		select {
		case <-end.C:
		case <-changed:
		case <-ctx.Done():
			end.Stop()
			return ports.Delivery{}, ctx.Err()
		}
		end.Stop()
	}
}

// Events returns an event store that has the fault [ports.FaultFullDisk].
func (f *Faults) Events(next ports.EventStore) ports.EventStore { return events{next, f} }

type events struct {
	ports.EventStore
	faults *Faults
}

// Append implements [ports.EventStore].
func (e events) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if until, _ := e.faults.is(ports.FaultFullDisk, "", uuid.Nil); !until.IsZero() {
		return ports.Appended{}, fmt.Errorf("append to %s: %w: %w", a.AggregateID, ports.ErrFull, errMade)
	}
	return e.EventStore.Append(ctx, a)
}
