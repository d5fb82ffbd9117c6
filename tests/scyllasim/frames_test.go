package scyllasim_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/frame"
	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// captured is one frame that a driver and a real server exchanged.
type captured struct {
	Conn   any
	From   string
	Stream int16
	Opcode string
	Body   string
}

var opcodes = map[string]primitive.OpCode{
	"OPTIONS": primitive.OpCodeOptions, "SUPPORTED": primitive.OpCodeSupported, "STARTUP": primitive.OpCodeStartup,
	"READY": primitive.OpCodeReady, "QUERY": primitive.OpCodeQuery, "PREPARE": primitive.OpCodePrepare, "EXECUTE": primitive.OpCodeExecute,
	"BATCH": primitive.OpCodeBatch, "RESULT": primitive.OpCodeResult, "ERROR": primitive.OpCodeError, "EVENT": primitive.OpCodeEvent,
}

func (c captured) decode(t *testing.T) (message.Message, []byte) {
	t.Helper()
	body, err := hex.DecodeString(c.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := &frame.Header{
		IsResponse: c.From == "server", Version: primitive.ProtocolVersion4, StreamId: c.Stream, OpCode: opcodes[c.Opcode], BodyLength: int32(len(body)),
	}
	b, err := frame.NewRawCodec().DecodeBody(h, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return b.Message, body
}

// wire is a client that sends single frames.
type wire struct {
	t     *testing.T
	nc    net.Conn
	codec frame.RawCodec
}

func dial(t *testing.T, sim *scyllasim.Sim) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", sim.Hosts()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &wire{t, nc, frame.NewRawCodec()}
}

// ask sends a request and returns the answer, decoded and raw.
func (w *wire) ask(v primitive.ProtocolVersion, m message.Message) (message.Message, []byte) {
	w.t.Helper()
	if err := w.codec.EncodeFrame(frame.NewFrame(v, 1, m), w.nc); err != nil {
		w.t.Fatal(err)
	}
	raw, err := w.codec.DecodeRawFrame(w.nc)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := w.codec.ConvertFromRawFrame(raw)
	if err != nil {
		w.t.Fatal(err)
	}
	return f.Body.Message, raw.Body
}

// TestFacts_frames sends the frames that a driver sent to a real server and compares each answer.
func TestFacts_frames(t *testing.T) {
	t.Parallel()
	sim, s := setup(t, scyllasim.Options{})
	exec(t, s, "CREATE KEYSPACE facts WITH replication={'class':'NetworkTopologyStrategy','replication_factor':1}")
	w := dial(t, sim)
	w.ask(primitive.ProtocolVersion4, message.NewStartup())
	frames := readLines[captured](t, "testdata/frames.jsonl")
	ids := map[string][]byte{} // prepared ids and paging states, theirs to ours
	for i, f := range frames {
		// Connection 3 carries statements. Connection 2 carries the driver's reads of the schema,
		// of which only the descriptions are compared.
		if conn := fmt.Sprint(f.Conn); f.From != "client" || conn != "3" && (conn != "2" || f.Opcode != "PREPARE") {
			continue
		}
		var want captured
		for _, a := range frames[i+1:] {
			if a.Conn == f.Conn && a.Stream == f.Stream && a.From == "server" {
				want = a
				break
			}
		}
		req, _ := f.decode(t)
		translate(req, ids)
		got, raw := w.ask(primitive.ProtocolVersion4, req)
		expected, rawWant := want.decode(t)
		if lwtMarked(raw) != lwtMarked(rawWant) {
			t.Errorf("frame %d (%v): marked as conditional: %v, want %v", i, req, lwtMarked(raw), lwtMarked(rawWant))
		}
		comparable(expected, got, ids)
		if d := cmp.Diff(expected, got, sameType); d != "" {
			t.Errorf("frame %d (%v) (-server +simulator)\n%s", i, req, d)
		}
	}
	if len(ids) != 14 {
		t.Errorf("%d ids were learned, want 12 statements and 2 paging states", len(ids))
	}
}

// lwtMarked looks at the flag of a PREPARED result that the codec does not know.
func lwtMarked(body []byte) bool {
	prepared := []byte{0, 0, 0, 4, 0, 16}
	return bytes.HasPrefix(body, prepared) && body[len(prepared)+16]&0x80 != 0
}

func translate(m message.Message, ids map[string][]byte) {
	swap := func(b *[]byte) {
		if id, ok := ids[string(*b)]; ok {
			*b = id
		}
	}
	switch m := m.(type) {
	case *message.Execute:
		swap(&m.QueryId)
		if m.Options.PagingState != nil {
			swap(&m.Options.PagingState)
		}
	case *message.Batch:
		for _, c := range m.Children {
			swap(&c.Id)
		}
	}
}

// comparable removes what each server chooses itself, and learns which of their ids correspond.
func comparable(want, got message.Message, ids map[string][]byte) {
	switch w := want.(type) {
	case *message.PreparedResult:
		if g, ok := got.(*message.PreparedResult); ok {
			ids[string(w.PreparedQueryId)] = g.PreparedQueryId
			w.PreparedQueryId, g.PreparedQueryId = nil, nil
		}
	case *message.RowsResult:
		g, ok := got.(*message.RowsResult)
		if !ok {
			break
		}
		if w.Metadata.PagingState != nil && g.Metadata.PagingState != nil {
			ids[string(w.Metadata.PagingState)] = g.Metadata.PagingState
			w.Metadata.PagingState, g.Metadata.PagingState = nil, nil
		}
		if len(w.Metadata.Columns) > 0 && strings.HasPrefix(w.Metadata.Columns[0].Keyspace, "system") {
			w.Data, g.Data = nil, nil // versions of the schema
		}
	case *message.Supported:
		if g, ok := got.(*message.Supported); ok {
			for _, missing := range []string{"COMPRESSION", "SCYLLA_RATE_LIMIT_ERROR", "SCYLLA_SHARD_AWARE_PORT"} {
				delete(w.Options, missing)
				delete(g.Options, missing)
			}
		}
	}
}

var sameType = cmp.Comparer(func(a, b datatype.DataType) bool { return a.AsCql() == b.AsCql() })

func TestHandshake(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Username: "u", Password: "p"})
	startup := message.NewStartup()
	for name, c := range map[string]struct {
		version  primitive.ProtocolVersion
		requests []message.Message
		want     string
	}{
		"a query before STARTUP is refused": {
			primitive.ProtocolVersion4,
			[]message.Message{&message.Query{Query: "SELECT * FROM system.local", Options: &message.QueryOptions{}}},
			"Unexpected message",
		},
		"protocol 5 is refused": {primitive.ProtocolVersion5, []message.Message{&message.Options{}}, "only version 4 is supported"},
		"the right password": {
			primitive.ProtocolVersion4, []message.Message{startup, &message.AuthResponse{Token: []byte("\x00u\x00p")}}, "AUTH SUCCESS",
		},
		"a wrong password": {
			primitive.ProtocolVersion4, []message.Message{startup, &message.AuthResponse{Token: []byte("\x00u\x00x")}}, "incorrect",
		},
		"compression is refused": {
			primitive.ProtocolVersion4, []message.Message{message.NewStartup("COMPRESSION", "lz4")}, "does not support compression",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, sim)
			var got string
			for _, r := range c.requests {
				m, _ := w.ask(c.version, r)
				got = m.GetOpCode().String() + " " + textOf(m)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func textOf(m message.Message) string {
	if e, ok := m.(message.Error); ok {
		return e.GetErrorMessage()
	}
	return ""
}
