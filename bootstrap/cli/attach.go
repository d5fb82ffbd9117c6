package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"golang.org/x/term"

	"orderflow/bootstrap"
)

func termIsTerminal(fd int) bool { return term.IsTerminal(fd) }

// existence says whether a command makes sense on a data directory that is not there yet.
type existence bool

const (
	mustExist existence = true
	mayStart  existence = false
)

// startTimeout bounds how long a service of our own may take to get ready.
const startTimeout = time.Minute

// probeTimeout bounds the wait for the answer of a service that may be there.
const probeTimeout = 5 * time.Second

// attached runs use with a client of the service: the one that --url names, the one that owns the data directory, or one
// that is started for the purpose and stopped afterwards.
func (sh *shell) attached(ctx context.Context, e existence, use func(context.Context, *client) error) error {
	address := sh.url
	if address == "" {
		owner, err := sh.owner(ctx)
		if err != nil {
			return err
		}
		address = owner
	}
	if address != "" {
		c := newClient(address)
		defer c.close()
		return use(ctx, c)
	}
	if _, err := os.Stat(sh.config.Data); e == mustExist && sh.config.Store == bootstrap.StoreEmbedded && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data in %s: start 'orderflow serve', or name the directory with --data or the service with --url", sh.config.Data)
	}
	return sh.alone(ctx, use)
}

// owner returns the address of the service that works on the same data, if there is one that answers: one that was killed cannot
// take away what it wrote about itself. On ScyllaDB no directory tells; the service is looked for where it listens by default.
func (sh *shell) owner(ctx context.Context) (string, error) {
	address := "http://" + sh.config.Listen
	if sh.config.Store == bootstrap.StoreEmbedded {
		var err error
		if address, err = bootstrap.RunningService(sh.config.Data); address == "" || err != nil {
			return "", err
		}
	}
	c := newClient(address)
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if c.once(ctx, request{method: http.MethodGet, path: "/livez"}, nil, nil) != nil {
		return "", nil
	}
	return address, nil
}

// alone runs use beside a service of its own, on a free port of the loopback interface.
func (sh *shell) alone(ctx context.Context, use func(context.Context, *client) error) (err error) {
	config := sh.config
	config.Listen = "127.0.0.1:0"
	if err := config.Validate(); err != nil {
		return &usageError{err}
	}
	if sh.logLevel == "info" {
		sh.logLevel = "warn" // the command's own output is what matters
	}
	logger, err := sh.logger()
	if err != nil {
		return err
	}
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: logger, Stdout: sh.Out})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close()) }()

	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- app.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	if err := app.WaitReady(ctx, startTimeout); err != nil {
		return err
	}
	c := newClient(app.URL())
	defer c.close()
	return use(ctx, c)
}
