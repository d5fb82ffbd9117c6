package eventjson_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// counted counts how often it decodes.
type counted struct {
	*eventjson.Mux
	calls int
}

// Decode implements ports.Decoder.
func (c *counted) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	c.calls++
	return c.Mux.Decode(r)
}

var compareEvents = cmp.AllowUnexported(deposited{}, opened{})

// Whatever was decoded before, a memo gives what its decoder gives: for records that differ in
// their header, type, version or payload only, for other records in the same place, and for records
// that cannot be decoded.
func TestMemo_PropGivesWhatTheDecoderGives(t *testing.T) {
	t.Parallel()
	ids := []uuid.UUID{uuid.New(), uuid.New()}
	rapid.Check(t, func(t *rapid.T) {
		memo := eventjson.NewMemo(both())
		t.Repeat(map[string]func(*rapid.T){"decode": func(t *rapid.T) {
			r := record(
				rapid.SampledFrom([]string{"account", "door", "car"}).Draw(t, "aggregate type"),
				rapid.SampledFrom([]string{"account.deposited", "door.opened"}).Draw(t, "event type"),
				rapid.IntRange(0, 3).Draw(t, "version"),
				rapid.SampledFrom([]string{`{"cents":1}`, `{"cents":2}`, `{"euros":3}`, `{"by":"ada"}`, `{`}).Draw(t, "payload"),
			)
			r.EventID = rapid.SampledFrom(ids).Draw(t, "id")
			r.SequenceNumber = rapid.Uint64Range(1, 3).Draw(t, "sequence")
			want, wantErr := both().Decode(r)
			got, err := memo.Decode(r)
			if (err == nil) != (wantErr == nil) || !cmp.Equal(want, got, compareEvents) {
				t.Fatalf("got %+v, %v; want %+v, %v", got, err, want, wantErr)
			}
		}})
	})
}

func TestMemo_DecodesOnceForAllConsumers(t *testing.T) {
	t.Parallel()
	c := &counted{Mux: both()}
	memo := eventjson.NewMemo(c)
	r := record("door", "door.opened", 1, `{"by":"ada"}`)
	for range 4 {
		if _, err := memo.Decode(r); err != nil {
			t.Fatal(err)
		}
	}
	broken := record("door", "door.opened", 1, `{`)
	for range 2 { // it may be readable the next time
		if _, err := memo.Decode(broken); !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("a broken record: %v", err)
		}
	}
	large := record("door", "door.opened", 1, `{"by":"`+strings.Repeat("x", 5000)+`"}`)
	for range 2 { // it would take too much memory
		if _, err := memo.Decode(large); err != nil {
			t.Fatal(err)
		}
	}
	if c.calls != 1+2+2 {
		t.Errorf("decoded %d times, want 5", c.calls)
	}
}

func TestMemo_IsForSeveralGoroutines(t *testing.T) {
	t.Parallel()
	memo := eventjson.NewMemo(both())
	records := make([]eventsourcing.Record, 50)
	for i := range records {
		records[i] = record("door", "door.opened", 1, `{"by":"ada"}`)
		records[i].EventID = uuid.New()
	}
	var working sync.WaitGroup
	for range 4 {
		working.Go(func() {
			for range 20 {
				for _, r := range records {
					if e, err := memo.Decode(r); err != nil || e.EventID != r.EventID {
						t.Errorf("%s: got %s, %v", r.EventID, e.EventID, err)
						return
					}
				}
			}
		})
	}
	working.Wait()
}
