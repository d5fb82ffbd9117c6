package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/settings"
)

// Need says what a command needs of a service that it starts because none runs.
type Need string

const (
	// IsService: the command is the service.
	IsService Need = "is service"
	// NeedsNothing: the command needs no service.
	NeedsNothing Need = "nothing"
	// OnlyReads: the service runs no consumers.
	OnlyReads Need = "reads"
	// ReadsTopic is OnlyReads with a service that connects to the brokers.
	ReadsTopic Need = "reads topic"
	// Administers: the service runs no consumers, and the data directory may be new.
	Administers Need = "administers"
	// Works: consumers run, with the settings that the data directory was last served with.
	Works Need = "works"
	// Creates is Works with a data directory that may be new.
	Creates Need = "creates"
)

// passive reports whether a service for this need runs no consumers.
func (n Need) passive() bool { return n == OnlyReads || n == ReadsTopic || n == Administers }

// needAnnotation is the name of the annotation that holds the need of a command.
const needAnnotation = "need"

// Declare stores what a command needs, and adds it to the command's help.
func (n Need) Declare(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{needAnnotation: string(n)}
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	switch n {
	case OnlyReads, ReadsTopic:
		cmd.Long += `

The command only reads. If no service runs, it uses the data directory itself: no consumer runs, and nothing is
published.`
	case Administers:
		cmd.Long += `

If no service runs, the command uses the data directory itself: no consumer runs, and nothing is published. With
--store=scylla and without --url it uses the store itself.`
	case Works, Creates:
		cmd.Long += `

If no service runs, the command starts one for as long as it needs it,
with the settings that the data directory was last served with. Its consumers run and publish like those of the service.`
	}
	return cmd
}

// startTimeout bounds how long a service that a command starts may take to become ready.
const startTimeout = time.Minute

// probeTimeout bounds the wait for the answer of a service that may exist.
const probeTimeout = 5 * time.Second

// NeedOf returns what a command has declared.
func NeedOf(cmd *cobra.Command) Need { return Need(cmd.Annotations[needAnnotation]) }

// Attached runs use with a client of the service: the one that --url names, the one that owns the
// data directory, or one that is started for the command and stopped afterwards.
func (sh *Shell) Attached(cmd *cobra.Command, n Need, use func(context.Context, *client.Client) error) error {
	ctx := cmd.Context()
	address := sh.url
	if address != "" {
		if err := errors.Join(checkURL(address), sh.checkNoneForURL(cmd)); err != nil {
			return err
		}
	} else {
		owner, err := sh.owner(ctx)
		if err != nil {
			return err
		}
		address = owner
	}
	if address == "" {
		return sh.alone(cmd, n, use)
	}
	if sh.url == "" && sh.Config.Store == bootstrap.StoreEmbedded && !n.passive() {
		if served, err := settings.Recall(sh.Config.Data); err == nil {
			if err := served.Check(cmd.Flags(), sh.Remembered(), sh.origins); err != nil {
				return &UsageError{Err: err}
			}
		}
	}
	c, err := sh.client(address)
	if err != nil {
		return err
	}
	defer c.Close()
	return use(ctx, c)
}

// Direct is Attached for commands that must work before anybody has a token. On a store that is
// reached over the network they use the store itself: whoever can do that may do everything anyway.
func (sh *Shell) Direct(cmd *cobra.Command, use func(context.Context, *client.Client) error) error {
	if sh.url == "" && sh.Config.Store == bootstrap.StoreScylla {
		return sh.alone(cmd, Administers, use)
	}
	return sh.Attached(cmd, Administers, use)
}

// checkURL refuses an address that cannot belong to a service.
func checkURL(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" || parsed.RawQuery != "" ||
		parsed.Fragment != "" {
		return Bad("url", "%q is not an address such as http://127.0.0.1:8080", address)
	}
	return nil
}

// checkNoneForURL refuses flags about the service on a command line that names a service. In the
// environment and in files they are allowed, because other commands may need them.
func (sh *Shell) checkNoneForURL(cmd *cobra.Command) error {
	var errs []error
	for name := range sh.Remembered() {
		if flag := cmd.Flags().Lookup(name); flag.Changed && sh.origins.Of(name) == "--"+name {
			errs = append(errs, fmt.Errorf("--%s has no effect with --url: the service there has settings of its own", name))
		}
	}
	if len(errs) > 0 {
		return &UsageError{Err: errors.Join(errs...)}
	}
	return nil
}

// owner returns the address of the service that uses the same data, if there is one that answers. A
// service that was killed cannot remove its address from the directory. On ScyllaDB there is no
// directory, so the default address is tried.
func (sh *Shell) owner(ctx context.Context) (string, error) {
	address := "http://" + sh.Config.Listen
	if sh.Config.Access.TLSCert != "" {
		address = "https://" + sh.Config.Listen
	}
	if sh.Config.Store == bootstrap.StoreEmbedded {
		var err error
		if address, err = bootstrap.RunningService(sh.Config.Data); address == "" || err != nil {
			return "", err
		}
	}
	c, err := sh.client(address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if c.Once(ctx, client.Request{Method: http.MethodGet, Path: "/livez"}, nil) != nil {
		return "", nil
	}
	return address, nil
}

// alone runs use with a new service, on a free port of the loopback interface.
func (sh *Shell) alone(cmd *cobra.Command, n Need, use func(context.Context, *client.Client) error) (err error) {
	ctx := cmd.Context()
	remember, err := sh.adopt(cmd, n)
	if err != nil {
		return err
	}
	config := sh.Config
	config.Listen, config.Access = "127.0.0.1:0", sh.aloneAccess()
	config.Passive = n == OnlyReads || n == Administers
	if err := config.Validate(); err != nil {
		return &UsageError{Err: err}
	}
	config.Passive = n.passive()
	logger, err := sh.ToolLogger()
	if err != nil {
		return err
	}
	meter := sh.Progress("starting on "+sh.place(), "")
	defer func() { meter.Stop() }() // the one that is the last
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: logger, Stdout: sh.stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	if remember {
		if err := settings.Remember(config.Data, cmd.Flags(), sh.Remembered()); err != nil {
			return err
		}
	}

	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- app.Run(running) }()
	defer func() {
		meter = sh.Progress("stopping what was started", "")
		stop()
		err = errors.Join(err, <-ended)
	}()
	err = app.WaitReady(ctx, startTimeout)
	meter.Stop()
	if err != nil {
		return err
	}
	c := client.New(app.URL())
	c.Token, c.Passive = app.LocalToken(), config.Passive
	defer c.Close()
	return use(ctx, c)
}

// adopt completes the configuration of a new service with the settings that the data directory was
// last served with. It reports whether there are none, so that those of this command are to be
// stored.
func (sh *Shell) adopt(cmd *cobra.Command, n Need) (remember bool, err error) {
	if sh.Config.Store != bootstrap.StoreEmbedded {
		return false, sh.needsSink(cmd, n, "other processes may publish from this store with settings that are not known here")
	}
	data := sh.Config.Data
	if _, err := os.Stat(data); n != Creates && n != Administers && errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("there is no data in %s: start 'orderflow serve', or name the directory with --data or the service with --url", data)
	}
	served, err := settings.Recall(data)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(data, storeMark)); err == nil {
			return !n.passive(), sh.needsSink(cmd, n,
				data+" was last served by a version that did not write down its settings")
		}
		return !n.passive(), nil
	}
	if err != nil {
		return false, err
	}
	if !n.passive() {
		if err := served.Check(cmd.Flags(), sh.Remembered(), sh.origins); err != nil {
			return false, &UsageError{Err: err}
		}
	}
	if err := served.Fill(cmd.Flags(), sh.Remembered(), sh.origins); err != nil {
		return false, err
	}
	sh.complete()
	return false, sh.checkPassword(n)
}

// storeMark is a file that exists in every data directory with a store.
const storeMark = "VERSION"

// needsSink refuses to publish to the default sink when it is not known which one the service uses.
func (sh *Shell) needsSink(cmd *cobra.Command, n Need, why string) error {
	if n.passive() || cmd.Flags().Changed("sink") {
		return nil
	}
	return Bad("sink", "it is missing. No service runs that %s could talk to, and %s: name the service with --url, or say where its events go with --sink "+
		"(--sink=none publishes nothing)", cmd.CommandPath(), why)
}

// checkPassword asks for the password of the brokers, which is not stored. A command that only
// reads the store needs no brokers.
func (sh *Shell) checkPassword(n Need) error {
	if n == OnlyReads || n == Administers {
		sh.Config.Redpanda.SASL = nil
		return nil
	}
	if sasl := sh.Config.Redpanda.SASL; len(sh.Config.Redpanda.Brokers) > 0 && sasl != nil && sasl.Password == "" {
		return Bad("redpanda-password", "it is missing. The data was last served with one, which is not written down: set ORDERFLOW_REDPANDA_PASSWORD")
	}
	return nil
}

// WithService returns the RunE of a command that needs a service as it has declared.
func (sh *Shell) WithService(
	run func(ctx context.Context, c *client.Client, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return sh.Attached(cmd, NeedOf(cmd), func(ctx context.Context, c *client.Client) error { return run(ctx, c, args) })
	}
}
