package outside

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Dialer is the network of one process. After cut, nothing goes into the process or out of it. So
// it is dead for all others, and what it still does inside has no effect.
type Dialer struct {
	net.Dialer

	mu    sync.Mutex
	dead  bool
	conns map[*trackedConn]bool
}

// errCut is the error of dialling a dead network. The driver does not need an error of this type.
var errCut = &net.OpError{Op: "dial", Err: errors.New("the process is dead")}

// DialContext implements gocql.Dialer.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.isCut() {
		return nil, errCut
	}
	conn, err := d.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	tracked := &trackedConn{Conn: conn, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil, errors.Join(errCut, conn.Close())
	}
	if d.conns == nil {
		d.conns = map[*trackedConn]bool{}
	}
	d.conns[tracked] = true
	return tracked, nil
}

func (d *Dialer) isCut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Cut closes every connection, for ever.
func (d *Dialer) Cut() {
	d.mu.Lock()
	d.dead = true
	conns := d.conns
	d.conns = nil
	d.mu.Unlock()
	for conn := range conns {
		conn.Conn.Close() // lost data stays lost
	}
}

// trackedConn is a connection that its dialer knows.
type trackedConn struct {
	net.Conn
	dialer *Dialer
}

// Close implements net.Conn.
func (c *trackedConn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}
