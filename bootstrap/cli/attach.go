package cli

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
	"golang.org/x/term"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/settings"
)

func termIsTerminal(fd int) bool { return term.IsTerminal(fd) }

// need says what a command needs of a service that it starts itself because none runs.
type need string

const (
	// isService: the command is the service.
	isService need = "is service"
	// needsNothing: the command does its work without a service.
	needsNothing need = "nothing"
	// onlyReads: the service runs no consumers.
	onlyReads need = "reads"
	// readsTopic is onlyReads, and the service connects to the brokers.
	readsTopic need = "reads topic"
	// works: consumers run, with the settings that the data directory was last served with.
	works need = "works"
	// creates is works, and the data directory may be new.
	creates need = "creates"
)

// passive reports whether a service for this need runs no consumers.
func (n need) passive() bool { return n == onlyReads || n == readsTopic }

// needAnnotation is the annotation of a command that has its need.
const needAnnotation = "need"

// declare notes what a command needs, and has its help say so.
func (n need) declare(cmd *cobra.Command) *cobra.Command {
	cmd.Annotations = map[string]string{needAnnotation: string(n)}
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	switch n {
	case onlyReads, readsTopic:
		cmd.Long += `

The command only reads. If no service runs, it looks into the data directory itself: no consumer works meanwhile, and nothing is
published.`
	case works, creates:
		cmd.Long += `

If no service runs, the command starts one for as long as it needs it, with the settings that the data directory was last served
with. Its consumers work, and publish, as those of the service do.`
	}
	return cmd
}

// startTimeout bounds how long a service of our own may take to get ready.
const startTimeout = time.Minute

// probeTimeout bounds the wait for the answer of a service that may be there.
const probeTimeout = 5 * time.Second

// needOf returns what a command has declared.
func needOf(cmd *cobra.Command) need { return need(cmd.Annotations[needAnnotation]) }

// attached runs use with a client of the service: the one that --url names, the one that owns the data directory, or one
// that is started for the purpose and stopped afterwards.
func (sh *shell) attached(cmd *cobra.Command, n need, use func(context.Context, *client.Client) error) error {
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
	if sh.url == "" && sh.config.Store == bootstrap.StoreEmbedded && !n.passive() {
		if served, err := settings.Recall(sh.config.Data); err == nil {
			if err := served.Check(cmd.Flags(), sh.remembered(), sh.origins); err != nil {
				return &usageError{err}
			}
		}
	}
	c := client.New(address)
	defer c.Close()
	return use(ctx, c)
}

// checkURL refuses an address that no service can have.
func checkURL(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return bad("url", "%q is not an address such as http://127.0.0.1:8080", address)
	}
	return nil
}

// checkNoneForURL refuses flags about the service on a command line that names a service. Variables and files may be there for
// others.
func (sh *shell) checkNoneForURL(cmd *cobra.Command) error {
	var errs []error
	for name := range sh.remembered() {
		if flag := cmd.Flags().Lookup(name); flag.Changed && sh.origins.Of(name) == "--"+name {
			errs = append(errs, fmt.Errorf("--%s has no effect with --url: the service there has settings of its own", name))
		}
	}
	if len(errs) > 0 {
		return &usageError{errors.Join(errs...)}
	}
	return nil
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
	c := client.New(address)
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if c.Once(ctx, client.Request{Method: http.MethodGet, Path: "/livez"}, nil) != nil {
		return "", nil
	}
	return address, nil
}

// alone runs use beside a service of its own, on a free port of the loopback interface.
func (sh *shell) alone(cmd *cobra.Command, n need, use func(context.Context, *client.Client) error) (err error) {
	ctx := cmd.Context()
	remember, err := sh.adopt(cmd, n)
	if err != nil {
		return err
	}
	config := sh.config
	config.Listen = "127.0.0.1:0"
	config.Passive = n == onlyReads
	if err := config.Validate(); err != nil {
		return &usageError{err}
	}
	config.Passive = n.passive()
	if sh.logLevel == "info" {
		sh.logLevel = "warn" // the command's own output is what matters
	}
	logger, err := sh.logger()
	if err != nil {
		return err
	}
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: logger, Stdout: sh.stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	if remember {
		if err := settings.Remember(config.Data, cmd.Flags(), sh.remembered()); err != nil {
			return err
		}
	}

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
	c := client.New(app.URL())
	c.Passive = config.Passive
	defer c.Close()
	return use(ctx, c)
}

// adopt completes the configuration for a service of our own by the settings that the data directory was last served with. It
// reports whether there are none, and those of this command are to be remembered.
func (sh *shell) adopt(cmd *cobra.Command, n need) (remember bool, err error) {
	if sh.config.Store != bootstrap.StoreEmbedded {
		return false, sh.needsSink(cmd, n, "other processes may publish from this store with settings that nobody has written down")
	}
	data := sh.config.Data
	if _, err := os.Stat(data); n != creates && errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("there is no data in %s: start 'orderflow serve', or name the directory with --data or the service with --url", data)
	}
	served, err := settings.Recall(data)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(data, storeMark)); err == nil {
			return !n.passive(), sh.needsSink(cmd, n, data+" was last served by a version that did not write down its settings")
		}
		return !n.passive(), nil
	}
	if err != nil {
		return false, err
	}
	if !n.passive() {
		if err := served.Check(cmd.Flags(), sh.remembered(), sh.origins); err != nil {
			return false, &usageError{err}
		}
	}
	if err := served.Fill(cmd.Flags(), sh.remembered(), sh.origins); err != nil {
		return false, err
	}
	sh.complete()
	return false, sh.checkPassword(n)
}

// storeMark is a file that every data directory has in which there was a store.
const storeMark = "VERSION"

// needsSink refuses to publish to the default sink where it is not known which one the service uses.
func (sh *shell) needsSink(cmd *cobra.Command, n need, why string) error {
	if n.passive() || cmd.Flags().Changed("sink") {
		return nil
	}
	return bad("sink", "it is missing. No service runs that %s could talk to, and %s: name the service with --url, or say where its events go with --sink "+
		"(--sink=none publishes nothing)", cmd.CommandPath(), why)
}

// checkPassword asks for the password of the brokers, which is not remembered. What only reads the store does without brokers.
func (sh *shell) checkPassword(n need) error {
	if n == onlyReads {
		sh.config.Redpanda.SASL = nil
		return nil
	}
	if sasl := sh.config.Redpanda.SASL; len(sh.config.Redpanda.Brokers) > 0 && sasl != nil && sasl.Password == "" {
		return bad("redpanda-password", "it is missing. The data was last served with one, which is not written down: set ORDERFLOW_REDPANDA_PASSWORD")
	}
	return nil
}
