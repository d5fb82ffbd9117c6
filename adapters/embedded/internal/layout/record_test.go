package layout_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/domain/eventsourcing"
)

// stored returns the value of a record.
func stored(t interface{ Fatal(args ...any) }, number uint64, r eventsourcing.Record) []byte {
	body, err := layout.EncodeBody(&r)
	if err != nil {
		t.Fatal(err)
	}
	value := make([]byte, layout.RecordSize(body))
	layout.FillRecord(value, number, body)
	return value
}

// aRecord returns a record with all fields set.
func aRecord(aggregateID uuid.UUID) eventsourcing.Record {
	id := func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: "stock_item", EventID: id(), AggregateID: aggregateID, SequenceNumber: 3,
			CommandID: id(), CorrelationID: id(), CausationID: id(), Metadata: map[string]string{"user": "test"},
			CreatedAt: eventsourcing.Timestamp(time.Now()),
		},
		EventType: "test.happened", EventVersion: 1, Payload: []byte(`{"n":1}`),
	}
}

func diff(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

func drawRecord(t *rapid.T) eventsourcing.Record {
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: text.Draw(t, "type"),
			EventID:       id.Draw(t, "event"), AggregateID: id.Draw(t, "aggregate"), SequenceNumber: rapid.Uint64().Draw(t, "sequence"),
			CommandID: id.Draw(t, "command"), CorrelationID: id.Draw(t, "correlation"), CausationID: id.Draw(t, "causation"),
			Metadata:  rapid.MapOfN(text, text, 0, 5).Draw(t, "metadata"),
			CreatedAt: time.UnixMilli(rapid.Int64().Draw(t, "created at")).UTC(),
		},
		EventType: text.Draw(t, "type"), EventVersion: rapid.IntRange(1, 1<<40).Draw(t, "version"),
		Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
	}
}

func TestRecord_PropComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		number := rapid.Uint64().Draw(t, "number")
		gotNumber, got, err := layout.DecodeRecord(stored(t, number, want))
		if err != nil || gotNumber != number {
			t.Fatalf("decoded number %d, error %v", gotNumber, err)
		}
		if d := diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestRecord_PropEveryPrefixIsRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := stored(t, 1, drawRecord(t))
		cut := rapid.IntRange(0, len(value)-1).Draw(t, "cut")
		if _, _, err := layout.DecodeRecord(value[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", cut, len(value))
		}
		if _, _, err := layout.DecodeRecord(append(value, 0)); err == nil {
			t.Fatal("a byte too many was accepted")
		}
	})
}

// Whatever the number of keys, they are in order: one record has one encoding.
func TestRecord_HasItsMetadataInOrder(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{0, 1, 2, 7, 8, 9, 30} {
		r := aRecord(uuid.New())
		r.Metadata = map[string]string{}
		var inOrder []byte
		for i := range keys {
			key, value := fmt.Sprintf("key-%02d", i), fmt.Sprintf("value-%02d", i)
			r.Metadata[key] = value
			inOrder = append(append(append(append(inOrder, byte(len(key))), key...), byte(len(value))), value...)
		}
		value := stored(t, 1, r)
		if !bytes.Contains(value, inOrder) {
			t.Errorf("%d keys are not in order", keys)
		}
		if _, got, err := layout.DecodeRecord(value); err != nil || diff(r, got) != "" {
			t.Errorf("%d keys: %v %s", keys, err, diff(r, got))
		}
	}
}

// Each command encodes a record, a head and a span, and each of them is one piece of memory.
func TestEncode_TakesOnePieceOfMemory(t *testing.T) { // not parallel: it counts allocations
	r := aRecord(uuid.New())
	for name, encode := range map[string]func(){
		"record": func() { _, _ = layout.EncodeBody(&r) },
		"head":   func() { sink = layout.Head{Sequence: 1 << 62, Position: 1 << 62, AggregateType: "stock_item"}.Encode() },
		"span":   func() { sink = layout.Span{First: 1 << 62, Count: 1 << 62}.Encode() },
	} {
		if got := testing.AllocsPerRun(100, encode); got > 1 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}

// sink keeps the compiler from leaving out what is measured.
var sink []byte

func TestRecord_RefusesATimeThatMillisecondsCannotHold(t *testing.T) {
	t.Parallel()
	r := aRecord(uuid.New())
	r.CreatedAt = time.Unix(1<<60, 0)
	if _, err := layout.EncodeBody(&r); err == nil {
		t.Fatal("accepted")
	}
}

// FuzzDecodeRecord gives the decoders arbitrary bytes. They must not panic, and a record has one
// encoding only: what is accepted is what would have been written.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(stored(f, 1, aRecord(uuid.UUID{1})))
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, value []byte) {
		decodeSmall(value)
		number, r, err := layout.DecodeRecord(value)
		if err != nil {
			return
		}
		again := stored(t, number, r)
		if value[0] == 1 { // written before there were types
			if back, _, err := layout.DecodeRecord(again); err != nil || back != number || r.AggregateType != "order" {
				t.Fatalf("%x was read as one of type %q, and comes back with error %v", value, r.AggregateType, err)
			}
			return
		}
		if !bytes.Equal(again, value) {
			t.Fatalf("%x was read as what is written as %x", value, again)
		}
	})
}

// decodeSmall tries every decoder of a small value.
func decodeSmall(value []byte) {
	_, _ = layout.DecodeHead(value)
	_, _ = layout.DecodeSpan(value)
	_, _ = layout.DecodePosition(value)
	_, _ = layout.DecodeState(value)
	_, _ = layout.DecodeStateSequence(value)
	_, _ = layout.DecodeConsumer("consumer", value)
	_, _ = layout.DecodeParked(make([]byte, 16), value)
	_, _ = layout.DecodeSkip(make([]byte, 24), value)
	_, _ = layout.DecodeToken([]byte{layout.SpaceToken}, value)
	_, _ = layout.DecodeOperation(append([]byte{layout.SpaceOperation}, make([]byte, 24)...), value)
}
