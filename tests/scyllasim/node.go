package scyllasim

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/google/uuid"
)

// node is one server of the cluster. All nodes share the data.
type node struct {
	sim      *Sim
	index    int
	ip       net.IP
	hostID   uuid.UUID
	tokens   []int64
	prepared map[string]*preparedStmt // guarded by Sim.mu
	skew     time.Duration            // guarded by Sim.mu
	lag      time.Duration            // guarded by Sim.mu
	// lastWrite is the timestamp of the last write by the node's own clock.
	lastWrite int64

	mu    sync.Mutex
	ln    net.Listener // nil when the node is down
	conns map[*conn]bool
}

func newNode(s *Sim, i int, ip net.IP, ln net.Listener) *node {
	return &node{
		sim: s, index: i, ip: ip, ln: ln, hostID: uuid.New(), tokens: s.tokensOf(i),
		prepared: map[string]*preparedStmt{}, conns: map[*conn]bool{},
	}
}

func (n *node) hostPort() string { return net.JoinHostPort(n.ip.String(), fmt.Sprint(n.sim.port)) }

func (n *node) up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ln != nil
}

// serve accepts connections in the background until the listener is closed.
func (n *node) serve(ln net.Listener) {
	n.sim.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if n.sim.opts.TLS != nil {
				nc = tls.Server(nc, n.sim.opts.TLS)
			}
			n.start(newConn(n, nc))
		}
	})
}

// start serves a connection in the background, unless the node went down meanwhile.
func (n *node) start(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ln == nil {
		c.close()
		return
	}
	n.conns[c] = true
	n.sim.wg.Go(func() {
		c.serve()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.conns, c)
	})
}

func (n *node) halt() {
	n.mu.Lock()
	if n.ln != nil {
		n.ln.Close() //nolint:errcheck // nothing depends on it
		n.ln = nil
	}
	n.mu.Unlock()
	n.dropConns()
}

func (n *node) restart() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.sim.stop:
		return net.ErrClosed
	default:
	}
	if n.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", n.hostPort())
	if err != nil {
		return fmt.Errorf("scyllasim: restart node %d: %w", n.index+1, err)
	}
	n.ln = ln
	n.serve(ln)
	return nil
}

func (n *node) dropConns() {
	for _, c := range n.listConns() {
		c.close()
	}
}

func (n *node) listConns() []*conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*conn, 0, len(n.conns))
	for c := range n.conns {
		out = append(out, c)
	}
	return out
}

// announce sends an event to every connection that registered for it.
func (s *Sim) announce(e *message.SchemaChangeEvent) {
	for _, n := range s.nodes {
		for _, c := range n.listConns() {
			if c.schemaEvents.Load() {
				c.send(-1, e, false)
			}
		}
	}
}
