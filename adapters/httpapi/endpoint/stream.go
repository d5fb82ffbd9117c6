package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Stream is an answer that is written in parts, for as long as the client stays.
type Stream struct {
	call    *Call
	control *http.ResponseController
	unhook  func() bool

	mu sync.Mutex // guards the deadline of writes
	// last is the deadline of all writes from now on. It is zero while the server is not stopping.
	last time.Time
}

const (
	// writePatience is how long one write of a [Stream] may wait for the client.
	writePatience = 30 * time.Second
	// farewell is how long the writes of a stream may take together after its context has ended.
	farewell = time.Second
)

// ErrSlowClient says that a client has taken nothing for so long that its stream was ended.
var ErrSlowClient = errors.New("the client reads too slowly")

// Stream begins such an answer. The operation is unbounded. It calls End at the end.
func (c *Call) Stream(media string) *Stream {
	header := c.response.Header()
	header.Set("Content-Type", media)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // proxies must not wait for more
	s := &Stream{call: c, control: http.NewResponseController(c.response)}
	// A write that waits for its client must not keep the server from stopping.
	s.unhook = context.AfterFunc(c.Context(), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = time.Now().Add(farewell)
		_ = s.control.SetWriteDeadline(s.last) // a server without deadlines has none to move
	})
	return s
}

// Write writes a part, and sends it. Each write has its own deadline, whatever that of the server
// is.
//
// Errors: [ErrSlowClient]; any other error says that the client has left, or that the server stops.
func (s *Stream) Write(part []byte) error {
	s.mu.Lock()
	if s.last.IsZero() {
		_ = s.control.SetWriteDeadline(time.Now().Add(writePatience))
	}
	s.mu.Unlock()
	_, err := s.call.response.Write(part)
	if err == nil {
		err = s.control.Flush()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !s.Stopping(): // net/http has ended the context
		return fmt.Errorf("%w: %w", ErrSlowClient, err)
	default:
		return fmt.Errorf("write to the client: %w", err)
	}
}

// Stopping reports whether the stream must end because the server stops.
func (s *Stream) Stopping() bool { return errors.Is(context.Cause(s.call.Context()), ErrStopping) }

// Expelled returns the problem for which the client may not have the rest of the answer, in an
// operation that is rechecked. It is nil while it may.
func (s *Stream) Expelled() *Problem {
	if err := expulsion(s.call.Context()); err != nil {
		return s.call.problem(err)
	}
	return nil
}

// Problem returns the problem for err, whose code can be sent. It is logged like any other. It is
// nil when the client has left.
func (s *Stream) Problem(err error) *Problem { return s.call.problem(endedIn(s.call.Context(), err)) }

// End returns the reply of an operation that has written its answer.
func (s *Stream) End() Reply {
	s.unhook()
	return Reply{sent: true}
}

// HeadOnly reports whether the client wants the headers of the answer only.
func (c *Call) HeadOnly() bool { return c.request.Method == http.MethodHead }

// ClientAddress returns the address of the client, or of the last proxy, without the port.
func (c *Call) ClientAddress() string {
	host, _, err := net.SplitHostPort(c.request.RemoteAddr)
	if err != nil {
		return c.request.RemoteAddr
	}
	return host
}
