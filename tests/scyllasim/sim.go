package scyllasim

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	dataCenter     = "datacenter1"
	rack           = "rack1"
	tokensPerNode  = 8
	defaultVersion = "5.1.18"
	tabletVersion  = "2025.4.0"
)

// Options configure a simulated cluster. The zero value is one node with vnodes on a free port of
// 127.0.0.1.
type Options struct {
	// on 127.0.0.1, 127.0.0.2, ...; 0 = 1. More than one needs all of 127/8 on loopback, as on
	// Linux
	Nodes int
	// of the first node, empty = 127.0.0.1 and a free port; all nodes share the port
	Addr  string
	Clock func() time.Time // the time before Advance, nil = time.Now
	// keyspaces use tablets unless they say no: CDC streams belong to a table
	Tablets bool
	// in system.versions, empty = the version the facts come from, or one with tablets
	Version string
	Tokens  [][]int64 // of each node, nil = 8 random ones

	// GenerationAge is how long before the start the first CDC generation began; 0 = one minute.
	// Older writes are refused.
	GenerationAge time.Duration

	Username, Password string      // both empty = no authentication
	TLS                *tls.Config // nil = plain
}

// Sim is a running cluster. Its methods are safe for concurrent use.
type Sim struct {
	opts  Options
	clock *clock
	nodes []*node
	port  int
	stop  chan struct{}
	wg    sync.WaitGroup

	mu            sync.Mutex // guards the data and the schema; locked by lock
	now           time.Time  // the time of the request in progress, which sees only one time
	here          time.Time  // the same time by the clock of the node that coordinates the request
	coordinator   *node
	describeLate  time.Duration
	maxKeys       int // see LimitKeys
	lastWrite     int64
	repaired      int64 // see Repair, in unix seconds; 0 = never
	keyspaces     map[string]*keyspace
	system        map[string]*keyspace
	generations   []*generation
	held          []heldLog
	schemaVersion uuid.UUID

	faultMu sync.Mutex
	faults  []*armed
	counts  map[countKey]int

	closeOnce sync.Once
}

// Start listens and serves until Close.
func Start(o Options) (*Sim, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.GenerationAge == 0 {
		o.GenerationAge = time.Minute
	}
	if o.Version == "" {
		o.Version = defaultVersion
		if o.Tablets {
			o.Version = tabletVersion
		}
	}
	s := &Sim{
		opts: o, clock: &clock{source: o.Clock}, stop: make(chan struct{}),
		keyspaces: map[string]*keyspace{}, counts: map[countKey]int{}, maxKeys: 100, schemaVersion: uuid.New(),
	}
	s.system = s.systemSchema()
	if err := s.listen(); err != nil {
		return nil, err
	}
	start := s.clock.now().Add(-o.GenerationAge).UnixMicro() / 1000 * 1000
	s.generations = []*generation{newGeneration(start, s.tokens(), 0, start)}
	for _, n := range s.nodes {
		n.serve(n.ln)
	}
	return s, nil
}

// listen opens the listener of every node. A free port must be free on all addresses, so a few
// ports are tried.
func (s *Sim) listen() error {
	first, port := "127.0.0.1", "0"
	if s.opts.Addr != "" {
		var err error
		if first, port, err = net.SplitHostPort(s.opts.Addr); err != nil {
			return fmt.Errorf("scyllasim: address %q: %w", s.opts.Addr, err)
		}
	}
	ip := net.ParseIP(first).To4()
	if ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("scyllasim: address %q is not an IPv4 loopback address", first)
	}
	var err error
	for range 10 {
		if err = s.listenAll(ip, port); err == nil || port != "0" {
			break
		}
	}
	return err
}

func (s *Sim) listenAll(first net.IP, port string) error {
	s.nodes = nil
	for i := range max(s.opts.Nodes, 1) {
		ip := net.IPv4(first[0], first[1], first[2], first[3]+byte(i))
		ln, err := net.Listen("tcp", net.JoinHostPort(ip.String(), port))
		if err != nil {
			for _, n := range s.nodes {
				err = errors.Join(err, n.ln.Close())
			}
			return fmt.Errorf("scyllasim: listen: %w", err)
		}
		s.port = ln.Addr().(*net.TCPAddr).Port
		port = fmt.Sprint(s.port)
		s.nodes = append(s.nodes, newNode(s, i, ip, ln))
	}
	return nil
}

func (s *Sim) tokensOf(i int) []int64 {
	if i < len(s.opts.Tokens) {
		return s.opts.Tokens[i]
	}
	out := make([]int64, tokensPerNode)
	for j := range out {
		out[j] = int64(rand.Uint64())
	}
	return out
}

// lock locks the data for one request and returns the function that unlocks it.
func (s *Sim) lock() (unlock func()) {
	s.mu.Lock()
	s.now = s.clock.now()
	return s.mu.Unlock
}

// timestamp returns the write timestamp of the coordinator. Nodes with the right time give
// timestamps that are all different and only grow.
func (s *Sim) timestamp(n *node) int64 {
	last := &s.lastWrite
	if n.skew != 0 {
		last = &n.lastWrite
	}
	*last = max(*last+1, s.here.UnixMicro())
	return *last
}

// Hosts lists the nodes as "address:port".
func (s *Sim) Hosts() []string {
	out := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		out[i] = n.hostPort()
	}
	return out
}

// Advance moves the server's clock forward: TTLs expire and windows pass. Delays of faults are in
// real time and are not affected.
func (s *Sim) Advance(d time.Duration) { s.clock.advance(d) }

// SkewNode makes the clock of a node (1-based) differ from the others by d. A negative d makes it
// late.
func (s *Sim) SkewNode(i int, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[i-1].skew = d
}

// Now returns the time of the server.
func (s *Sim) Now() time.Time { return s.clock.now() }

// ForgetPrepared makes every node drop its prepared statements, as after a restart. Clients get
// UNPREPARED and prepare again.
func (s *Sim) ForgetPrepared() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		clear(n.prepared)
	}
}

// DropConnections closes every client connection. Clients may connect again.
func (s *Sim) DropConnections() {
	for _, n := range s.nodes {
		n.dropConns()
	}
}

// StopNode stops a node (1-based): it refuses connections and no longer counts as a live replica.
func (s *Sim) StopNode(i int) { s.nodes[i-1].halt() }

// StartNode starts a stopped node again on its address, with the shared data.
func (s *Sim) StartNode(i int) error { return s.nodes[i-1].restart() }

// Close stops serving and waits for everything that was started. It may be called twice.
func (s *Sim) Close() {
	s.closeOnce.Do(func() {
		close(s.stop)
		for _, n := range s.nodes {
			n.halt()
		}
	})
	s.wg.Wait()
}
