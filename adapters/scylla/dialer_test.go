package scylla_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// switchboard is a dialer that can refuse.
type switchboard struct {
	net.Dialer
	dialled atomic.Int64
	refuses atomic.Bool
}

// DialContext implements gocql.Dialer.
func (s *switchboard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	s.dialled.Add(1)
	if s.refuses.Load() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("refused")}
	}
	return s.Dialer.DialContext(ctx, network, addr)
}

func TestConnect_GoesThroughTheDialer(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	dialer := &switchboard{}
	config.Dialer = dialer
	store := open(t, config)
	mustAppend(t, store, command(newID(), 0, 1))
	if dialer.dialled.Load() == 0 {
		t.Error("the connections were opened without the dialer")
	}
	dialer.refuses.Store(true)
	if _, err := scylla.Open(t.Context(), config); !errors.Is(err, ports.ErrUnavailable) {
		t.Errorf("error %v without a network, want %v", err, ports.ErrUnavailable)
	}
}

// fragile is a dialer whose first connections are lost as soon as they are set up.
type fragile struct {
	net.Dialer
	left atomic.Int64
}

// DialContext implements gocql.Dialer.
func (f *fragile) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := f.Dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &fragileConn{Conn: conn, dialer: f}, nil
}

// fragileConn is lost with the answer to USE, which is the last request before the driver takes it
// into its pool.
type fragileConn struct {
	net.Conn
	dialer     *fragile
	used, lost atomic.Bool
}

// Write implements net.Conn.
func (c *fragileConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("USE \"")) && c.dialer.left.Add(-1) >= 0 {
		c.used.Store(true)
	}
	return c.Conn.Write(b)
}

// Read implements net.Conn.
func (c *fragileConn) Read(b []byte) (int, error) {
	if c.lost.Load() {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(b)
	if c.used.Load() {
		c.lost.Store(true)
	}
	return n, err
}

func TestConnect_OutlivesConnectionsThatAreLostAtOnce(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := prepare(t, on(sim.Hosts()))
	dialer := &fragile{}
	config.Dialer = dialer
	store := open(t, config)
	for range 10 {
		dialer.left.Store(2)
		sim.DropConnections()
		// after a minute the driver tries again the nodes that it considers down
		deadline := time.Now().Add(2 * time.Minute)
		for {
			_, err := store.Append(t.Context(), command(newID(), 0, 1))
			if err == nil && dialer.left.Load() <= 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the store does not find back: %v", err)
			}
		}
	}
}
