package compact_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/domain/compact"
)

// fields is one of each field, and a list.
type fields struct {
	text   string
	number int64
	id     uuid.UUID
	time   time.Time
	list   []string
}

func write(f fields) []byte {
	b := compact.AppendText(nil, f.text)
	b = compact.AppendNumber(b, f.number)
	b = compact.AppendID(b, f.id)
	b = compact.AppendTime(b, f.time)
	b = compact.AppendCount(b, len(f.list))
	for _, text := range f.list {
		b = compact.AppendText(b, text)
	}
	return b
}

func read(data []byte) (f fields, err error) {
	r := compact.NewReader(data)
	f.text, f.number, f.id, f.time = r.Text(), r.Number(), r.ID(), r.Time()
	f.list = make([]string, r.Count(1))
	for i := range f.list {
		f.list[i] = r.Text()
	}
	return f, r.End()
}

func TestReader_PropReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := fields{
			text:   rapid.String().Draw(t, "text"),
			number: rapid.Int64().Draw(t, "number"),
			id:     uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			time:   time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
			list:   rapid.SliceOf(rapid.String()).Draw(t, "list"),
		}
		got, err := read(write(want))
		if err != nil {
			t.Fatal(err)
		}
		if got.text != want.text || got.number != want.number || got.id != want.id || got.time != want.time ||
			len(got.list) != len(want.list) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
		for i := range want.list {
			if got.list[i] != want.list[i] {
				t.Fatalf("element %d is %q, want %q", i, got.list[i], want.list[i])
			}
		}
	})
}

// A value that compares equal to the zero time, or is in another location, is read as the same
// moment in UTC.
func TestReader_TimesAreReadInUTC(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 31, 12, 0, 0, 5, time.FixedZone("", 3600))
	for _, want := range []time.Time{{}, noon} {
		r := compact.NewReader(compact.AppendTime(nil, want))
		if got := r.Time(); r.End() != nil || got != want.UTC() {
			t.Errorf("got %v, want %v: %v", got, want, r.End())
		}
	}
}

func TestReader_Refuses(t *testing.T) {
	t.Parallel()
	number := func(r *compact.Reader) { r.Number() }
	text := func(r *compact.Reader) { r.Text() }
	for name, test := range map[string]struct {
		data []byte
		read func(*compact.Reader)
		want error
	}{
		"an empty input":                  {nil, number, compact.ErrShort},
		"a number without its end":        {[]byte{0x80}, number, compact.ErrShort},
		"a number in more bytes":          {[]byte{0x80, 0}, number, compact.ErrCanonical},
		"a number above 64 bits":          {[]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, number, compact.ErrCanonical},
		"a number without end":            {[]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, number, compact.ErrCanonical},
		"a text that is too short":        {[]byte{3, 'a', 'b'}, text, compact.ErrShort},
		"a text of impossible length":     {binary.AppendUvarint(nil, math.MaxUint64), text, compact.ErrShort},
		"something after the last field":  {[]byte{1, 'a', 'b'}, text, compact.ErrLong},
		"an id that is too short":         {make([]byte, 15), func(r *compact.Reader) { r.ID() }, compact.ErrShort},
		"more elements than can be there": {[]byte{3, 0, 0, 0, 0, 0}, func(r *compact.Reader) { r.Count(2) }, compact.ErrShort},
		"too many nanoseconds": {
			binary.AppendUvarint(binary.AppendVarint(nil, 0), 1_000_000_000), func(r *compact.Reader) { r.Time() }, compact.ErrCanonical,
		},
		"a time after the year 9999": {
			binary.AppendUvarint(binary.AppendVarint(nil, 253402300800), 0), func(r *compact.Reader) { r.Time() }, compact.ErrCanonical,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := compact.NewReader(test.data)
			test.read(r)
			if err := r.End(); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// After a failure everything is zero, and the first failure is the one that End returns.
func TestReader_KeepsTheFirstFailure(t *testing.T) {
	t.Parallel()
	r := compact.NewReader([]byte{0x80, 0, 1, 'a'})
	if r.Number() != 0 || r.Text() != "" || r.Count(1) != 0 || r.ID() != uuid.Nil || !r.Time().IsZero() {
		t.Error("something was read after a failure")
	}
	r.Fail(errors.New("later"))
	if err := r.End(); !errors.Is(err, compact.ErrCanonical) {
		t.Errorf("got %v, want the first failure", err)
	}
}

// No input makes the reader panic, and what it accepts is what the writer writes.
func FuzzReader(f *testing.F) {
	f.Add(write(fields{text: "a", number: -7, id: uuid.UUID{1}, time: time.Unix(5, 7), list: []string{"b", ""}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := read(data)
		if err == nil && string(write(got)) != string(data) {
			t.Errorf("% x is read as %+v, which is written as % x", data, got, write(got))
		}
	})
}
