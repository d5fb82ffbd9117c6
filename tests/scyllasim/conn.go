package scyllasim

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/datastax/go-cassandra-native-protocol/frame"
	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

const (
	protocolVersion = primitive.ProtocolVersion4
	writeDeadline   = 10 * time.Second
)

// errDropped makes a connection close without an answer.
var errDropped = errors.New("connection dropped by a fault")

// conn is one client connection. Requests run concurrently, as the protocol's stream ids allow.
type conn struct {
	n     *node
	nc    net.Conn
	codec frame.RawCodec
	wmu   sync.Mutex // one frame at a time
	done  chan struct{}
	once  sync.Once

	keyspace     atomic.Value // string, set by USE
	schemaEvents atomic.Bool
	lwtMark      atomic.Bool // the client asked to have conditional statements marked
	ready        atomic.Bool
}

func newConn(n *node, nc net.Conn) *conn {
	c := &conn{n: n, nc: nc, codec: frame.NewRawCodec(), done: make(chan struct{})}
	c.keyspace.Store("")
	return c
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.done)
		c.nc.Close() //nolint:errcheck // nothing depends on it
	})
}

// serve reads requests until the connection ends, and waits for those in progress.
func (c *conn) serve() {
	var running sync.WaitGroup
	defer running.Wait()
	defer c.close()
	in := bufio.NewReader(c.nc)
	for {
		h, err := c.codec.DecodeHeader(in)
		if v := new(frame.ProtocolVersionErr); errors.As(err, &v) || err == nil && h.Version != protocolVersion {
			c.refuseVersion(h)
			return
		}
		if err != nil {
			return
		}
		body, err := c.codec.DecodeBody(h, in)
		if err != nil {
			c.send(h.StreamId, &message.ProtocolError{ErrorMessage: err.Error()}, false)
			return
		}
		running.Go(func() {
			msg, lwt, err := c.handle(body.Message)
			if errors.Is(err, errDropped) {
				c.close()
				return
			}
			if err != nil {
				msg = errorMessage(err)
			}
			c.send(h.StreamId, msg, lwt)
		})
	}
}

func errorMessage(err error) message.Message {
	if ce := (*cqlError)(nil); errors.As(err, &ce) {
		return ce.msg
	}
	return &message.ServerError{ErrorMessage: "scyllasim: " + err.Error()}
}

func (c *conn) refuseVersion(h *frame.Header) {
	var stream int16
	if h != nil {
		stream = h.StreamId
	}
	c.send(stream, &message.ProtocolError{
		ErrorMessage: "Invalid or unsupported protocol version: only version 4 is supported",
	}, false)
}

// markOffset is the offset of the metadata flags in a PREPARED result: after the header, the kind
// of the result, the length of the id, and the id.
const markOffset = 9 + 4 + 2 + 16

// send writes one frame. lwt sets the flag that SCYLLA_LWT_ADD_METADATA_MARK negotiated; the codec
// does not know it.
func (c *conn) send(stream int16, msg message.Message, lwt bool) {
	var buf bytes.Buffer
	if err := c.codec.EncodeFrame(frame.NewFrame(protocolVersion, stream, msg), &buf); err != nil {
		buf.Reset()
		fail := &message.ServerError{ErrorMessage: "scyllasim: " + err.Error()}
		if err := c.codec.EncodeFrame(frame.NewFrame(protocolVersion, stream, fail), &buf); err != nil {
			c.close()
			return
		}
	} else if lwt && c.lwtMark.Load() {
		buf.Bytes()[markOffset] |= lwtMarkBit >> 24
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(writeDeadline)) //nolint:errcheck // the write reports it
	if _, err := c.nc.Write(buf.Bytes()); err != nil {
		c.close()
	}
}
