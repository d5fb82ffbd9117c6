package scylla_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

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
