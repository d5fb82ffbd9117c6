package embedded_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/embedded"
	"orderflow/domain/eventsourcing"
)

// stored returns a record as it lies under its aggregate or in the outbox.
func stored(t interface{ Fatal(args ...any) }, number uint64, r eventsourcing.Record) []byte {
	value, err := embedded.AppendBody(binary.BigEndian.AppendUint64([]byte{2}, number), &r)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

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
		gotNumber, got, err := embedded.DecodeRecord(stored(t, number, want))
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
		if _, _, err := embedded.DecodeRecord(value[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", cut, len(value))
		}
		if _, _, err := embedded.DecodeRecord(append(value, 0)); err == nil {
			t.Fatal("a byte too many was accepted")
		}
	})
}

func TestRecord_RefusesATimeThatMillisecondsCannotHold(t *testing.T) {
	t.Parallel()
	r := command(newID(), 0, 1).Records[0]
	r.CreatedAt = time.Unix(1<<60, 0)
	if _, err := embedded.AppendBody(nil, &r); err == nil {
		t.Fatal("accepted")
	}
}

// FuzzDecodeRecord feeds the decoders anything. They must not panic, and a record has one encoding only: whatever is
// accepted is what would have been written.
func FuzzDecodeRecord(f *testing.F) {
	a := command(uuid.UUID{1}, 0, 2)
	for i, r := range a.Records {
		f.Add(stored(f, uint64(i), r))
	}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, value []byte) {
		embedded.DecodeSmall(value)
		number, r, err := embedded.DecodeRecord(value)
		if err != nil {
			return
		}
		again := stored(t, number, r)
		if value[0] == 1 { // written before there were types
			if back, _, err := embedded.DecodeRecord(again); err != nil || back != number || r.AggregateType != "order" {
				t.Fatalf("%x was read as one of type %q, and comes back with error %v", value, r.AggregateType, err)
			}
			return
		}
		if !bytes.Equal(again, value) {
			t.Fatalf("%x was read as what is written as %x", value, again)
		}
	})
}
