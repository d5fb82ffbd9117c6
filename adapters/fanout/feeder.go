package fanout

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/eventsourcing"
	"orderflow/ports/portkit"
)

// feeder feeds the records of one consumer to Watermill, in lanes. For Watermill it is the
// consumer's subscriber, and handle is its handler.
type feeder struct {
	config   Config
	consumer Consumer
	name     string
	batch    int
	lanes    []*lane
	messages chan *message.Message
}

// lane is a queue with its worker.
type lane struct {
	waiting chan waiting
	worker  worker
}

func newFeeder(config Config, consumer Consumer) *feeder {
	f := &feeder{
		config:   config,
		consumer: consumer,
		name:     consumer.Name(),
		batch:    cmp.Or(config.BatchOf(consumer.Name()), config.Batch),
		lanes:    make([]*lane, cmp.Or(config.LanesOf(consumer.Name()), config.Lanes)),
		messages: make(chan *message.Message),
	}
	for i := range f.lanes {
		f.lanes[i] = &lane{waiting: make(chan waiting, config.LaneBuffer), worker: newWorker()}
	}
	return f
}

// Subscribe is called by Watermill. start starts the goroutines that feed the channel, they stop
// when its context ends, and Run closes the channel.
func (f *feeder) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return f.messages, nil
}

// Close is called by Watermill. It does nothing: the lanes end with the context of Run.
func (f *feeder) Close() error { return nil }

// start starts the Pull and the lanes, and adds them to group. They end with ctx. Handlers end with
// handling.
func (f *feeder) start(ctx, handling context.Context, group *sync.WaitGroup) {
	for _, lane := range f.lanes {
		group.Go(func() { lane.worker.run(group) })
		group.Go(func() {
			defer lane.worker.stop()
			f.runLane(ctx, handling, lane)
		})
	}
	group.Go(func() { f.pull(ctx, handling) })
}

var errPullEnded = errors.New("ended without an error")

// pull calls the consumer's Pull until ctx ends.
func (f *feeder) pull(ctx, handling context.Context) {
	emit := func(emitting context.Context, record eventsourcing.Record, done func()) error {
		select {
		case f.lanes[laneOf(record.AggregateID, len(f.lanes))].waiting <- waiting{record, done}:
			return nil
		case <-emitting.Done():
			return emitting.Err()
		case <-ctx.Done(): // in case Pull does not pass its own context
			return ctx.Err()
		}
	}
	for {
		err := protect(func() error { return f.consumer.Pull(ctx, emit) })
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errPullEnded
		}
		f.report("a consumer's pull ended and will be started again", fmt.Errorf("pull: %w", err))
		if portkit.Sleep(ctx, f.config.RetryPause) != nil {
			return
		}
	}
}

// waiting is a record that waits in a lane.
type waiting struct {
	record eventsourcing.Record
	done   func()
}

// runLane delivers the records of lane until ctx ends. When several records wait, one delivery
// carries up to Config.Batch of them.
func (f *feeder) runLane(ctx, handling context.Context, lane *lane) {
	for ctx.Err() == nil {
		select {
		case first := <-lane.waiting:
			f.deliver(ctx, f.collect(handling, lane, first))
		case <-ctx.Done():
		}
	}
}

// collect puts first and the records that wait after it into one delivery. It does not wait for
// more.
func (f *feeder) collect(handling context.Context, lane *lane, first waiting) *delivery {
	n := min(1+len(lane.waiting), f.batch)
	d := &delivery{
		Context: handling,
		worker:  &lane.worker,
		records: append(make([]eventsourcing.Record, 0, n), first.record),
		done:    append(make([]func(), 0, n), first.done),
	}
	for range n - 1 {
		next := <-lane.waiting // it is there: nobody else takes from the lane
		d.records, d.done = append(d.records, next.record), append(d.done, next.done)
	}
	return d
}

// deliver delivers d until it is acknowledged or ctx ends. When a handler has the message, deliver
// waits for its answer. Only the end of the handlers' own context limits that wait.
func (f *feeder) deliver(ctx context.Context, d *delivery) {
	for {
		msg := newMessage(f.name, d)
		d.failure = errNacked
		select {
		case f.messages <- msg:
		case <-ctx.Done():
			return
		}
		select {
		case <-msg.Acked():
			f.finish(d)
			return
		case <-msg.Nacked():
		}
		if ctx.Err() == nil {
			f.config.OnError(f.name, d.failure) // Watermill has logged it
		}
		if portkit.Sleep(ctx, f.config.RetryPause) != nil {
			return
		}
	}
}

// finish tells that every record of d is done.
func (f *feeder) finish(d *delivery) {
	for _, done := range d.done {
		if err := protect(func() error { done(); return nil }); err != nil {
			f.report("a consumer's done failed", fmt.Errorf("done for %s: %w", d, err))
		}
	}
}

var (
	errNacked     = errors.New("a middleware refused the message")
	errRecordLost = errors.New("a middleware replaced the context of the message, and with it the record")
)

// handle is the consumer's handler: Watermill acknowledges msg when it returns nil and nacks it
// otherwise.
func (f *feeder) handle(msg *message.Message) error {
	d, ok := deliveryOf(msg)
	if !ok {
		return errRecordLost
	}
	err := d.worker.call(func() error { return f.consumer.Handle(msg.Context(), d.records...) })
	if err != nil {
		err = fmt.Errorf("handle %s: %w", d, err)
		d.failure = err
	}
	return err
}

// report logs and counts an error that Watermill does not know of.
func (f *feeder) report(msg string, err error) {
	f.config.Logger.Error(msg, "consumer", f.name, "error", err)
	f.config.OnError(f.name, err)
}

// protect calls f and turns a panic into an error with the stack.
func protect(f func() error) error {
	err := portkit.Protect(f)
	if err == nil { // nearly always; errors.As would allocate
		return nil
	}
	if panicked := (*portkit.PanicError)(nil); errors.As(err, &panicked) {
		return fmt.Errorf("%w\n%s", panicked, panicked.Stack)
	}
	return err
}

// laneOf distributes aggregates over lanes. It uses all bytes of the id: UUIDv7 begins with the
// time, which is nearly the same for aggregates that are created together. The multipliers are
// those of SplitMix64's finalizer.
func laneOf(id [16]byte, lanes int) int {
	x := binary.LittleEndian.Uint64(id[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(id[8:]), 32)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return int(x % uint64(lanes))
}
