package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Config configures a [Router]. The zero Config is right for most uses.
type Config struct {
	// Lanes is the number of lanes of each consumer: it handles at most so many messages at a time.
	// What a Handle waits for decides which number is best. If it waits for a network, many lanes
	// wait at once. If only the processor limits it, two are enough, and they make large batches. 0
	// means 16.
	Lanes int
	// LanesOf returns the number of lanes of one consumer, or 0 for Lanes. Nil means Lanes for all.
	LanesOf func(consumer string) int
	// Batch is the highest number of records in one message. A message carries more than one only
	// when several wait in its lane. 0 means 128.
	Batch int
	// BatchOf returns this number for one consumer, or 0 for Batch. Nil means Batch for all.
	BatchOf func(consumer string) int
	// LaneBuffer is the number of records that wait in each lane; 0 means 128.
	LaneBuffer int
	// RetryPause is the time between a failed delivery and the next attempt. It is also the time
	// between an unexpected end of a Pull and the next Pull. 0 means 500 milliseconds.
	RetryPause time.Duration
	// DrainTimeout bounds the time that records in flight have to finish when Run's context ends. 0
	// means 10 seconds.
	DrainTimeout time.Duration
	// Logger gets the errors, and at debug level the lines of Watermill. Nil means no log.
	Logger *slog.Logger
	// OnError, when set, is called for every failed Handle and every unexpected end of a Pull. It
	// is meant for counting: the errors are already logged. It is called from several goroutines,
	// and a lane or a Pull waits for it.
	OnError func(consumer string, err error)
	// Middleware is put around the handler of every consumer. The first one is outermost. A
	// middleware gets the message with the payload of its first record; see [Around] for one that
	// knows records. The context that it passes on must be derived from the message's own.
	Middleware []message.HandlerMiddleware
}

func (c Config) withDefaults() (Config, error) {
	if c.Lanes < 0 || c.Batch < 0 || c.LaneBuffer < 0 || c.RetryPause < 0 || c.DrainTimeout < 0 {
		return c, errors.New("fanout: a negative number in the configuration")
	}
	c.Lanes = cmp.Or(c.Lanes, 16)
	c.LaneBuffer = cmp.Or(c.LaneBuffer, 128)
	c.Batch = cmp.Or(c.Batch, 128)
	c.RetryPause = cmp.Or(c.RetryPause, 500*time.Millisecond)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 10*time.Second)
	if c.LanesOf == nil {
		c.LanesOf = func(string) int { return 0 }
	}
	if c.BatchOf == nil {
		c.BatchOf = func(string) int { return 0 }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnError == nil {
		c.OnError = func(string, error) {}
	}
	return c, nil
}

// topic is the name under which every consumer subscribes. It appears only in Watermill's logs and
// contexts.
const topic = "change-feed"

// Router carries records from each consumer's Pull to its Handle. [New] makes it, and it runs once.
// Its methods are safe for concurrent use.
type Router struct {
	config   Config
	router   *message.Router
	handlers []*message.Handler
	feeders  []*feeder
	started  atomic.Bool
}

// New returns a router for the consumers, in the given order. It starts nothing. It returns an
// error when a consumer has no name, when two have the same name, and when the configuration is
// invalid.
func New(config Config, consumers ...Consumer) (*Router, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: config.DrainTimeout}, logger{config.Logger})
	if err != nil {
		return nil, fmt.Errorf("fanout: %w", err)
	}
	router.AddMiddleware(config.Middleware...)
	r := &Router{config: config, router: router}
	names := make(map[string]bool)
	for _, consumer := range consumers {
		name := consumer.Name()
		if name == "" {
			return nil, errors.New("fanout: a consumer without a name")
		}
		if names[name] {
			return nil, fmt.Errorf("fanout: two consumers named %q", name)
		}
		names[name] = true
		f := newFeeder(config, consumer)
		r.feeders = append(r.feeders, f)
		r.handlers = append(r.handlers, router.AddConsumerHandler(name, topic, f, f.handle))
	}
	return r, nil
}

// Running returns a channel that is closed when the handlers of all consumers run.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }

// Run feeds the consumers until ctx ends. Then it lets records in flight finish, as the package
// comment says, and returns nil. A router runs once: a second Run is an error.
func (r *Router) Run(ctx context.Context) error {
	if r.started.Swap(true) {
		return errors.New("fanout: the router was run before")
	}
	// Handlers and Watermill end later than ctx, by the drain.
	handling, stopHandling := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHandling()
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(handling) }()
	select {
	case <-r.Running():
	case err := <-ended:
		return fmt.Errorf("fanout: start the router: %w", err)
	}

	var feeding sync.WaitGroup
	for _, f := range r.feeders {
		f.start(ctx, handling, &feeding)
	}
	<-ctx.Done()
	drain := time.AfterFunc(r.config.DrainTimeout, stopHandling)
	feeding.Wait()
	drain.Stop()
	return r.stopWatermill(stopHandling, ended)
}

// stopWatermill ends a router that has nothing in flight. The package comment explains the order of
// its steps.
func (r *Router) stopWatermill(stopHandling func(), ended <-chan error) error {
	stopHandling()
	for _, f := range r.feeders {
		close(f.messages)
	}
	if err := r.router.Close(); err != nil {
		return fmt.Errorf("fanout: stop the router: %w", err)
	}
	for _, h := range r.handlers {
		<-h.Stopped()
	}
	if err := <-ended; err != nil {
		return fmt.Errorf("fanout: run the router: %w", err)
	}
	return nil
}
