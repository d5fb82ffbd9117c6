package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/gocql/gocql"
)

// lossNotice is how long the driver is not told that a connection is lost: far more than it takes
// to get one that is set up into its pool.
const lossNotice = 100 * time.Millisecond

// patientDialer opens connections whose loss the driver learns of a moment later.
//
// When the driver (v1.18.3 of ScyllaDB's fork) learns of it after a connection was set up and
// before that is in the pool, it takes out what is not there yet, puts in what is dead, and picks
// that for ever: nothing that is not prepared on the node already gets through any more, and no
// other connection is made. That happens to many at once, when a cluster drops connections twice in
// a row.
type patientDialer struct{ gocql.Dialer }

// DialContext implements [gocql.Dialer].
func (d patientDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		return patientTCP{tcp}, nil
	}
	return patientConn{conn}, nil
}

// patientTCP is a patientConn that still writes several buffers with one system call.
type patientTCP struct{ *net.TCPConn }

// Read implements [net.Conn].
func (c patientTCP) Read(b []byte) (int, error) { return readPatiently(c.TCPConn, b) }

type patientConn struct{ net.Conn }

// Read implements [net.Conn].
func (c patientConn) Read(b []byte) (int, error) { return readPatiently(c.Conn, b) }

func readPatiently(conn net.Conn, b []byte) (int, error) {
	n, err := conn.Read(b)
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		time.Sleep(lossNotice)
	}
	return n, err
}

// dialer is what the driver opens connections with: that of the configuration, or what the driver
// would use.
func (c Config) dialer(keepalive time.Duration) gocql.Dialer {
	if c.Dialer != nil {
		return patientDialer{c.Dialer}
	}
	return patientDialer{&gocql.ScyllaShardAwareDialer{Dialer: net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepalive}}}
}
