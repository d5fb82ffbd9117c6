package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/gocql/gocql"
)

// lossNotice is how much later the driver is told that a connection is lost. It is far more than a
// new connection needs to get into the pool.
const lossNotice = 100 * time.Millisecond

// patientDialer opens connections whose loss the driver learns of a moment later.
//
// The driver (v1.19.0 of ScyllaDB's fork) has a fault when a connection is lost after it was set up
// and before it is in the pool. The driver removes what is not there yet, adds what is dead, and
// picks that for ever. Then no statement gets through that is not prepared on the node already, and
// no other connection is made. That happens to many connections at once, when a cluster drops
// connections twice in a row.
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

// dialer returns what the driver opens connections with: the dialer of the configuration, or the
// one that the driver would use.
func (c Config) dialer(keepalive time.Duration) gocql.Dialer {
	if c.Dialer != nil {
		return patientDialer{c.Dialer}
	}
	return patientDialer{&gocql.ScyllaShardAwareDialer{Dialer: net.Dialer{Timeout: c.ConnectTimeout, KeepAlive: keepalive}}}
}
