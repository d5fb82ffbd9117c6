package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"orderflow/adapters/access"
	"orderflow/adapters/embedded"
	"orderflow/adapters/eventjson"
	"orderflow/adapters/fanout"
	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/opsapi"
	"orderflow/adapters/tracing"
	"orderflow/application/chaos"
	"orderflow/application/command"
	"orderflow/application/consumers"
	"orderflow/application/erasure"
	"orderflow/application/explain"
	"orderflow/application/incarnation"
	"orderflow/application/operations"
	"orderflow/application/personal"
	"orderflow/application/pulse"
	"orderflow/application/pushback"
	"orderflow/application/snapshot"
	"orderflow/application/stream"
	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

// Environment is what the service needs from its process.
type Environment struct {
	Logger *slog.Logger
	// Stdout is where --sink=stdout writes.
	Stdout io.Writer
	// Level is the level of Logger. With it the API can change the level.
	Level *slog.LevelVar
	// AccessLog gets a line for each request. It is nil when there is none.
	AccessLog *slog.Logger
	// Settings are shown by the API. Secrets in them are masked.
	Settings []Setting

	// around, when set, changes the store before anything is connected to it. Tests use it to
	// inject faults.
	around func(*storage)
}

// Setting is a setting of the process, with where its value comes from; see [opsapi.Setting].
type Setting = opsapi.Setting

// App is the whole service.
type App struct {
	config   Config
	log      *slog.Logger
	store    *storage
	listener net.Listener
	// opsListener has its own address. It is nil when operators use the same one as everybody.
	opsListener net.Listener
	opsServer   *httpapi.Server
	// certificates are those of the listeners. It is nil without TLS.
	certificates *access.Certificates
	server       *httpapi.Server
	router       *fanout.Router // nil in a passive service
	codec        *eventjson.Mux
	memo         *eventjson.Memo
	// keyring and seal are nil without a service key of personal data.
	keyring   *personal.Keyring
	customers *customerIDs // nil where they are stored as clients give them
	seal      *eventjson.Seal
	eraser    *erasure.Eraser // nil without a keyring, and in a passive service
	consumers consumers.Manager
	states    *command.Cache
	snapshots *snapshot.Keeper // nil without snapshots
	tracing   *tracing.Tracing
	recorder  *explain.Recorder
	// door tells who a client is, and counts whom it does not let in. It is nil when nobody is
	// asked.
	door *metrics.Refusals
	// logins is nil where people cannot log in at an identity provider.
	logins     *access.Logins
	tokens     *access.Tokens
	recordings operations.Recorder
	localToken string
	// localAccess is the path of the file for the command line. It is empty without one.
	localAccess string
	// sinkSize is the length of the file that events are published to. It is nil without one.
	sinkSize  func() float64
	publisher string // the name of the consumer that publishes; empty without one
	beats     *pulse.Monitor
	pushback  *pushback.Gate
	pacemaker *pulse.Pacemaker // nil where the feed has no heartbeats
	streams   *stream.Streams
	// faults are made on purpose. It is nil unless the service is for practice.
	faults   *chaos.Faults
	gate     *incarnation.Gate // nil without a publisher
	storeID  uuid.UUID         // the nil UUID without a topic
	registry *prometheus.Registry
	closers  []io.Closer // in the order of opening
}

// Open opens the store and connects all parts. It already listens, so that the address is known,
// but it answers no request before Run. Errors: those of Config.Validate; ports.ErrLocked when
// another process owns the data; and the errors of a store that cannot work with its data or its
// schema.
func Open(ctx context.Context, config Config, env Environment) (app *App, err error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	a := &App{
		config: config, log: env.Logger, codec: newMux(), states: command.NewCache(config.StateCache << 20),
		beats:    pulse.NewMonitor(pulse.MonitorConfig{Interval: config.Heartbeat}),
		registry: metrics.NewRegistry(metrics.Build{Version: release, Revision: revision(), Store: string(config.Store)}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.tracing, a.log, err = openTracing(ctx, env); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, a.tracing)
	serviceKey, err := readServiceKey(config.PersonalKey)
	if err != nil {
		return nil, err
	}
	if a.store, err = openStorage(ctx, config, a.log, a.epoch); err != nil {
		return nil, err
	}
	a.keyring, err = openPersonal(ctx, config, serviceKey, a.store, a.log)
	a.closers = append(a.closers, a.store.closers...)
	if err != nil {
		return nil, err
	}
	if a.customers, err = openCustomerIDs(ctx, config, serviceKey, a.store); err != nil {
		return nil, err
	}
	a.seal = openSeal(a.keyring)
	a.codec = a.codec.Sealed(a.seal)
	a.memo = eventjson.NewMemo(a.codec) // most events go to all consumers
	if env.around != nil {
		env.around(a.store)
	}
	if config.Chaos && !config.Passive {
		a.faults = chaos.New(time.Now)
		a.store.EventStore = a.faults.Events(a.store.EventStore)
	}
	a.openSnapshots()
	if err := a.listen(); err != nil {
		return nil, err
	}
	if a.store.announce != nil {
		if err := a.store.announce(a.OperatorsURL()); err != nil {
			return nil, err
		}
	}
	if a.store.pulse != nil {
		a.pacemaker = pulse.NewPacemaker(pulse.PacemakerConfig{
			Pulse: a.store.pulse, Interval: config.Heartbeat, Now: time.Now, Logger: a.log,
		})
	}
	if err := a.wireConsumers(ctx, env); err != nil {
		return nil, err
	}
	if err := a.wireAccess(); err != nil {
		return nil, err
	}
	if err := a.announceAccess(); err != nil {
		return nil, err
	}
	a.pushback = pushback.NewGate(a.consumers, config.MaxLag)
	return a, a.wireServer(ctx, env)
}

// listenError says what is wrong with the address of the API that a setting names.
func listenError(setting, address string, err error) error {
	var operation *net.OpError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen: %s is taken by another process: stop that, or name another address with --%s (%w)",
			address, setting, err)
	case errors.As(err, &operation):
		return fmt.Errorf("listen: %s: %w", address, operation.Err)
	default:
		return fmt.Errorf("listen: %s: %w", address, err)
	}
}

// readyPoll is the pause between two checks of WaitReady. A command line tool that starts its own
// service waits for it.
const readyPoll = 5 * time.Millisecond

// epoch returns the epoch of a consumer's lease. The store asks for it only while consumers run.
func (a *App) epoch(consumer string) uint64 { return a.consumers.Epoch(consumer) }

// newID returns a time-ordered id. It panics when the system has no randomness, because then
// nothing else works either.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// URL returns the address of the API.
func (a *App) URL() string { return a.urlOf(a.listener) }

// Run serves until ctx ends. Then it stops all parts in order and returns nil. It may be called
// once.
func (a *App) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.server.Run(ctx) })
	if a.opsServer != nil {
		group.Go(func() error { return a.opsServer.Run(ctx) })
	}
	if a.certificates != nil {
		group.Go(func() error { return a.certificates.Run(ctx) })
	}
	group.Go(func() error { return a.streams.Run(ctx) })
	if a.faults != nil {
		group.Go(func() error {
			<-ctx.Done()
			return a.faults.End(ctx) // what a fault holds up must not hold up the stop
		})
	}
	if a.config.MaxLag > 0 {
		group.Go(func() error { return a.pushback.Run(ctx) })
	}
	if a.snapshots != nil && !a.config.Passive {
		group.Go(func() error { return a.snapshots.Run(ctx) })
	}
	if a.eraser != nil {
		group.Go(func() error { return a.eraser.Run(ctx) })
	}
	if a.router != nil {
		group.Go(func() error { return a.router.Run(ctx) })
	}
	if a.gate != nil {
		group.Go(func() error { return a.gate.Run(ctx) })
	}
	if a.pacemaker != nil {
		group.Go(func() error { return a.pacemaker.Run(ctx) })
	}
	for _, run := range a.store.run {
		group.Go(func() error { return run(ctx) })
	}
	return group.Wait()
}

// WaitReady waits until the service is ready in the sense of /readyz.
func (a *App) WaitReady(ctx context.Context, atMost time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	again := time.NewTicker(readyPoll)
	defer again.Stop()
	for {
		err := a.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the service is not ready after %s: %w", atMost, err)
			}
			return ctx.Err()
		}
	}
}

// ready returns why the service is not ready, or nil.
func (a *App) ready(ctx context.Context) error {
	statuses := a.consumers.Consumers(ctx)
	var errs, silent []error
	for _, s := range statuses {
		if s.State == ports.ConsumerStopped && a.config.runs(s.Name) {
			errs = append(errs, fmt.Errorf("consumer %s is stopped", s.Name))
		}
		if a.beats.Silent(s.Name, time.Now()) {
			silent = append(silent, fmt.Errorf("consumer %s has got neither an event nor a heartbeat for more than two beats (%s): the reader of its change feed is dead or stuck",
				s.Name, a.config.Heartbeat))
		}
	}
	if a.eraser != nil {
		errs = append(errs, a.eraser.Unready())
	}
	if a.store.posture != nil {
		errs = append(errs, a.store.posture.err())
	}
	if a.store.alive != nil {
		silent = append(silent, a.store.alive())
	}
	if a.pacemaker != nil {
		// then every reader is silent, and that says nothing about the readers
		if at, err := a.pacemaker.Last(); err != nil {
			silent = []error{fmt.Errorf("the store has accepted no heartbeat since %s: %w", at.Format(time.RFC3339), err)}
		}
	}
	return errors.Join(append(errs, silent...)...)
}

// notes returns what should be different, although the service can do its work.
func (a *App) notes(context.Context) []string {
	notes := a.certificateNotes()
	if a.gate != nil && a.gate.Closed() != "" {
		notes = append(notes, a.gate.Closed())
	}
	if a.store.posture != nil {
		notes = append(notes, a.store.posture.notes()...)
	}
	return notes
}

// Close closes what Open opened, in reverse order. It may be called twice, and after Run has
// returned.
func (a *App) Close() error {
	err := closeAll(a.closers)
	a.closers = nil
	return err
}

// listenerCloser closes a listener that the server may have closed already.
type listenerCloser struct{ net.Listener }

// Close implements io.Closer.
func (l listenerCloser) Close() error {
	if err := l.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// RunningService returns the address of the service that has the data directory open. It returns ""
// when there is none. After a service was killed, its file is still there, but its process is not.
func RunningService(data string) (string, error) {
	owner, err := embedded.ReadOwner(data)
	if errors.Is(err, ports.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if process, err := os.FindProcess(owner.PID); err != nil ||
		errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
		return "", nil
	}
	return owner.Address, nil
}
