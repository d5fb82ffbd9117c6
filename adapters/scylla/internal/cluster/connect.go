package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/gocql/gocql"

	"orderflow/ports"
)

// Connect opens a session. Without a keyspace, it works when the keyspace does not exist yet. The
// configuration is complete, see [Config.WithDefaults].
//
// The driver sends no timestamps of its own. Those of plain writes come from the servers, whose
// clocks are synchronised. Only requests that are marked as idempotent are sent twice, see
// RetryPolicy.
func Connect(ctx context.Context, c Config, keyspace string) (*gocql.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cluster, err := c.cluster(keyspace)
	if err != nil {
		return nil, err
	}
	// When the driver fails to connect, it leaks what it started, unless it is asked not to wait:
	// then there is a session to close.
	session, err := cluster.CreateSessionNonBlocking()
	if err != nil {
		return nil, c.explain(err)
	}
	ready := make(chan error, 1)
	go func() { ready <- session.WaitUntilReady() }()
	select {
	case err = <-ready:
	case <-ctx.Done():
		// it cannot be interrupted, and gives up by itself after ConnectTimeout for each node
		<-ready
		err = ctx.Err()
	}
	if err == nil {
		return session, nil
	}
	session.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, c.explain(err)
}

// explain says what can be done about a connection that failed.
func (c Config) explain(err error) error {
	hosts := strings.Join(c.Hosts, ", ")
	text := err.Error()
	switch {
	case strings.Contains(text, "authentication") || strings.Contains(text, "Username") ||
		strings.Contains(text, "password"):
		return fmt.Errorf("connect to ScyllaDB at %s: %w: check the user name and password", hosts, err)
	case strings.Contains(text, "certificate") || strings.Contains(text, "tls:"):
		return fmt.Errorf("connect to ScyllaDB at %s: %w: check the certificates and the name they are for", hosts, err)
	default:
		return fmt.Errorf("connect to ScyllaDB at %s: %w: %w: check that the nodes are up and can be reached from here, "+
			"and the port, the encryption and the data centre (%q)",
			hosts, ports.ErrUnavailable, err, c.LocalDC)
	}
}

func (c Config) cluster(keyspace string) (*gocql.ClusterConfig, error) {
	cluster := gocql.NewCluster(c.Hosts...)
	cluster.Keyspace = keyspace
	// what every ScyllaDB speaks, and the first with values that are not set
	cluster.ProtoVersion = 4
	cluster.Timeout, cluster.WriteTimeout, cluster.ReadTimeout = c.Timeout, c.Timeout, c.Timeout
	cluster.ConnectTimeout = c.ConnectTimeout
	cluster.Dialer = c.dialer(cluster.SocketKeepalive)
	// The driver's handling of schema events races with the start of a session, and with a new
	// control connection. The events only matter for the choice of replicas: after an ALTER
	// KEYSPACE, requests take one more hop until a restart.
	cluster.Events.DisableSchemaEvents = true
	cluster.Consistency = gocql.LocalQuorum
	cluster.SerialConsistency = c.SerialConsistency
	cluster.DefaultTimestamp = false
	cluster.DefaultIdempotence = false
	cluster.RetryPolicy = RetryPolicy{Attempts: requestAttempts}
	cluster.DisableInitialHostLookup = c.DisableInitialHostLookup
	cluster.DisableShardAwarePort = c.DisableShardAwarePort
	cluster.Logger = driverLogger{c.Logger}

	near := gocql.RoundRobinHostPolicy()
	if c.LocalDC != "" {
		near = gocql.DCAwareRoundRobinPolicy(c.LocalDC)
	}
	cluster.PoolConfig.HostSelectionPolicy = DistinctHosts{gocql.TokenAwareHostPolicy(near)}

	if c.Username != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: c.Username, Password: c.Password}
	}
	if c.TLS != nil {
		config, err := c.TLS.config()
		if err != nil {
			return nil, err
		}
		cluster.SslOpts = &gocql.SslOptions{Config: config, EnableHostVerification: true}
	}
	return cluster, nil
}

func (t *TLS) config() (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("scylla configuration: TLS.CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("scylla configuration: TLS.CA: no certificate in " + t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("scylla configuration: TLS.Cert and TLS.Key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// driverLogger passes on the messages of the driver, which are about nodes that come and go.
type driverLogger struct{ log *slog.Logger }

func (l driverLogger) Print(v ...any) { l.log.Warn("driver: " + strings.TrimSpace(fmt.Sprint(v...))) }

func (l driverLogger) Println(v ...any) {
	l.log.Warn("driver: " + strings.TrimSpace(fmt.Sprintln(v...)))
}

func (l driverLogger) Printf(format string, v ...any) {
	l.log.Warn("driver: " + strings.TrimSpace(fmt.Sprintf(format, v...)))
}
