package fanout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Config is how a [Router] is set up. The zero Config is right for most uses.
type Config struct {
	// Lanes is the number of records that one consumer handles at a time; 0 means 16.
	Lanes int
	// LanesOf returns that number for one consumer, or 0 for Lanes; nil means Lanes for all.
	LanesOf func(consumer string) int
	// Batch is the number of records that one message carries at most, when so many wait in its lane;
	// 0 means 128.
	Batch int
	// BatchOf returns that number for one consumer, or 0 for Batch; nil means Batch for all.
	BatchOf func(consumer string) int
	// LaneBuffer is the number of records that wait in each lane; 0 means 64.
	LaneBuffer int
	// RetryPause is the time between a failed delivery and the next attempt, and between the unexpected end of a Pull and the
	// next one; 0 means 500 milliseconds.
	RetryPause time.Duration
	// DrainTimeout bounds the time that records in flight are given when Run's context ends; 0 means 10 seconds.
	DrainTimeout time.Duration
	// Logger gets what goes wrong, and at debug level what Watermill tells about itself; nil means nowhere.
	Logger *slog.Logger
	// OnError, when set, is told of every failed Handle and every unexpected end of a Pull, to be counted: they are logged
	// already. It is called from several goroutines and holds up a lane or a Pull meanwhile.
	OnError func(consumer string, err error)
	// Middleware is put around the handler of every consumer, the first one outermost. A middleware sees the message, with its
	// metadata and payload, and must pass on a context derived from the message's own.
	Middleware []message.HandlerMiddleware
}

func (c Config) withDefaults() (Config, error) {
	if c.Lanes < 0 || c.Batch < 0 || c.LaneBuffer < 0 || c.RetryPause < 0 || c.DrainTimeout < 0 {
		return c, errors.New("fanout: a negative number in the configuration")
	}
	setDefault(&c.Lanes, 16)
	setDefault(&c.LaneBuffer, 64)
	setDefault(&c.Batch, 128)
	setDefault(&c.RetryPause, 500*time.Millisecond)
	setDefault(&c.DrainTimeout, 10*time.Second)
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

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// topic is the name under which every consumer subscribes. It appears in Watermill's logs and contexts only.
const topic = "change-feed"

// Router carries records from each consumer's Pull to its Handle. It is made by [New], runs once, and its methods are safe for
// concurrent use.
type Router struct {
	config   Config
	router   *message.Router
	handlers []*message.Handler
	feeders  []*feeder
	started  atomic.Bool
}

// New returns a router for consumers, in their order. It starts nothing. Errors: an unnamed consumer, two of the same name, or
// a configuration that makes no sense.
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

// Running returns a channel that is closed once the handlers of all consumers run.
func (r *Router) Running() <-chan struct{} { return r.router.Running() }

// Run feeds the consumers until ctx ends; then it lets what is in flight finish, as the package comment says, and returns nil.
// A router runs once: a second Run is an error.
func (r *Router) Run(ctx context.Context) error {
	if r.started.Swap(true) {
		return errors.New("fanout: the router was run before")
	}
	// Handlers and Watermill outlive ctx by the drain.
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

// stopWatermill ends a router that has nothing in flight. The order of its steps is explained in the package comment.
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
