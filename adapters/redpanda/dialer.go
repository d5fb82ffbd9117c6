package redpanda

import (
	"context"
	"net"
	"sync"
	"time"
)

// dialer opens the connections of one of the readers' clients and can end them all. The client itself has no way to stop waiting
// for a broker that does not answer: its Close waits, too.
type dialer struct {
	net.Dialer
	ctx   context.Context // ended by abort
	abort context.CancelFunc

	mu    sync.Mutex
	conns map[*conn]struct{}
}

func newDialer(timeout time.Duration) *dialer {
	d := &dialer{Dialer: net.Dialer{Timeout: timeout}, conns: make(map[*conn]struct{})}
	d.ctx, d.abort = context.WithCancel(context.Background())
	context.AfterFunc(d.ctx, d.closeAll)
	return d
}

// Dial implements proxy.Dialer of golang.org/x/net, as the client wants it.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	dialled, err := d.DialContext(d.ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: dialled, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ctx.Err(); err != nil { // closeAll may have been here already
		_ = dialled.Close()
		return nil, err
	}
	d.conns[c] = struct{}{}
	return c, nil
}

func (d *dialer) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		_ = c.Conn.Close() // whoever reads from it learns of it
	}
}

type conn struct {
	net.Conn
	dialer *dialer
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}
