package eventjson_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/adapters/eventjson"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// keys are the keys of subjects. A subject that is not there has no key.
type keys map[ports.Subject]error

// SubjectCipher implements ports.SubjectCiphers.
func (k keys) SubjectCipher(subject ports.Subject, create bool) (cipher.AEAD, error) {
	err, known := k[subject]
	if !known && !create {
		err = ports.ErrSubjectKeyMissing
	}
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(bytes.Repeat([]byte(subject[:1]), 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func sealedMux(k keys) *eventjson.Mux { return both().Sealed(eventjson.NewSeal(k)) }

// entered is an event of a door with a personal text.
func entered(subject string, by string) eventsourcing.Envelope[any] {
	e := eventsourcing.Envelope[any]{Header: eventsourcing.Header{
		EventID: uuid.New(), AggregateID: uuid.New(), AggregateType: "door", SequenceNumber: 1,
	}, Event: opened{by}}
	if subject != "" {
		e.Metadata = map[string]string{ports.MetadataSubject: subject}
	}
	return e
}

func encode(t *testing.T, m ports.Codec[any], e eventsourcing.Envelope[any]) eventsourcing.Record {
	t.Helper()
	r, err := m.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSeal_sealsPersonalFieldsOnly(t *testing.T) {
	t.Parallel()
	m := sealedMux(keys{"ada": nil})
	e := entered("ada", `secret "ü"`)
	r := encode(t, m, e)
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.Payload, &members); err != nil || bytes.Contains(r.Payload, []byte("secret")) {
		t.Fatalf("stored is %s, error %v", r.Payload, err)
	}
	if value := string(members["by"]); !strings.HasPrefix(value, `{"$sealed":"v1.`) {
		t.Errorf("the field is %s", value)
	}
	back, err := m.Decode(r)
	if err != nil || back.Event != e.Event {
		t.Errorf("got %+v, error %v", back.Event, err)
	}
	if again := encode(t, m, e); bytes.Equal(again.Payload, r.Payload) {
		t.Error("the same text is sealed twice in the same way")
	}
	account := eventsourcing.Envelope[any]{Header: eventsourcing.Header{AggregateType: "account"}, Event: deposited{5}}
	if r := encode(t, m, account); string(r.Payload) != `{"cents":5}` {
		t.Errorf("an event without personal fields is stored as %s", r.Payload)
	}
}

// Without a seal an event is stored as ever.
func TestSeal_isOffWithoutKeys(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*eventjson.Mux{"never": both(), "nil": both().Sealed(nil)} {
		if r := encode(t, m, entered("ada", "bob")); string(r.Payload) != `{"by":"bob"}` {
			t.Errorf("%s: stored is %s", name, r.Payload)
		}
	}
}

func TestSeal_refusesAnEventThatItCannotSeal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		subject string
		says    string
		is      error
	}{
		"without a subject": {"", "names no subject", nil},
		"erased":            {"erased", "", ports.ErrSubjectErased},
		"away":              {"away", "", ports.ErrUnavailable},
	} {
		_, err := sealedMux(keys{"erased": ports.ErrSubjectErased, "away": ports.ErrUnavailable}).Encode(entered(test.subject, "x"))
		if err == nil || !strings.Contains(err.Error(), test.says) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSeal_anErasedFieldIsAValueOfItsOwn(t *testing.T) {
	t.Parallel()
	k := keys{"ada": nil}
	m := sealedMux(k)
	r := encode(t, m, entered("ada", "secret"))
	k["ada"] = ports.ErrSubjectErased
	back, err := m.Decode(r)
	if err != nil || back.Event != (opened{eventsourcing.Erased}) {
		t.Fatalf("got %+v, error %v", back.Event, err)
	}
	if shown := encode(t, m.Shown(), back); string(shown.Payload) != `{"by":null}` {
		t.Errorf("shown is %s", shown.Payload)
	}
	if opened, err := m.Open(r); err != nil || string(opened.Payload) != `{"by":null}` {
		t.Errorf("open it is %s, error %v", opened.Payload, err)
	}
}

// A text that looks like an erased one inside of another text is shown as it is.
func TestShown_replacesWholeValuesOnly(t *testing.T) {
	t.Parallel()
	by := `x:"` + eventsourcing.Erased + `":"` + eventsourcing.Erased
	r := encode(t, both().Shown(), entered("", by))
	var document struct{ By string }
	if err := json.Unmarshal(r.Payload, &document); err != nil || document.By != by {
		t.Errorf("shown is %s", r.Payload)
	}
}

func TestSeal_whatIsLostIsCorrupt(t *testing.T) {
	t.Parallel()
	m := sealedMux(keys{"ada": nil, "bob": nil})
	sound, other := encode(t, m, entered("ada", "secret")), encode(t, m, entered("ada", "other"))
	for name, test := range map[string]struct {
		spoil func(r *eventsourcing.Record)
		says  string
	}{
		"moved to another event": {func(r *eventsourcing.Record) { r.Payload = other.Payload }, "belongs to another event"},
		"of another subject": {func(r *eventsourcing.Record) {
			r.Metadata = map[string]string{ports.MetadataSubject: "bob"}
		}, "was changed"},
		"of no subject": {func(r *eventsourcing.Record) { r.Metadata = nil }, "names no subject"},
		"whose key is lost": {func(r *eventsourcing.Record) {
			r.Metadata = map[string]string{ports.MetadataSubject: "lost"}
		}, ports.ErrSubjectKeyMissing.Error()},
		"changed": {func(r *eventsourcing.Record) {
			r.Payload = bytes.Replace(r.Payload, []byte("v1."), []byte("v1.AAAA"), 1)
		}, "was changed"},
		"cut": {func(r *eventsourcing.Record) { r.Payload = []byte(`{"by":{"$sealed":"v1.AA"}}`) }, "was changed"},
		"of a later form": {func(r *eventsourcing.Record) {
			r.Payload = bytes.Replace(r.Payload, []byte("v1."), []byte("v2."), 1)
		}, "unknown way"},
		"under another name": {func(r *eventsourcing.Record) {
			r.Payload = bytes.Replace(r.Payload, []byte(`"by"`), []byte(`"of"`), 1)
		}, "was changed"},
	} {
		r := sound.Clone()
		test.spoil(&r)
		_, err := m.Decode(r)
		var decode *ports.DecodeError
		if !errors.As(err, &decode) || !strings.Contains(err.Error(), test.says) || errors.Is(err, ports.ErrSubjectErased) {
			t.Errorf("%s: error %v, want %q", name, err, test.says)
		}
		if decode != nil && decode.Newer != (name == "of a later form") {
			t.Errorf("%s: newer is %v", name, decode.Newer)
		}
	}
	if _, err := both().Decode(sound); !errors.Is(err, ports.ErrCorrupt) || !strings.Contains(err.Error(), "no key of personal data") {
		t.Errorf("without keys: error %v", err)
	}
}

// Keys that cannot be had at the moment are no damage: nothing may be parked for that.
func TestSeal_waitsForKeysThatAreAway(t *testing.T) {
	t.Parallel()
	k := keys{"ada": nil}
	m := sealedMux(k)
	r := encode(t, m, entered("ada", "secret"))
	for _, away := range []error{ports.ErrUnavailable, ports.ErrClosed} {
		k["ada"] = away
		_, decoded := m.Decode(r)
		_, open := m.Open(r)
		for _, err := range []error{decoded, open} {
			if err == nil || errors.Is(err, ports.ErrCorrupt) || !errors.Is(err, ports.ErrUnavailable) && !errors.Is(err, away) {
				t.Errorf("%v: error %v", away, err)
			}
		}
	}
}

func TestMux_OpenOmitAndCountPersonalFields(t *testing.T) {
	t.Parallel()
	m := sealedMux(keys{"ada": nil})
	sealed, plain := encode(t, m, entered("ada", "secret")), encode(t, both(), entered("", "secret"))
	account := encode(t, m, eventsourcing.Envelope[any]{Header: eventsourcing.Header{AggregateType: "account"}, Event: deposited{5}})
	stranger := eventsourcing.Record{Header: eventsourcing.Header{AggregateType: "other"}, Payload: []byte("x")}
	for name, test := range map[string]struct {
		record        eventsourcing.Record
		open, omitted string
		plain         int
	}{
		"sealed":              {sealed, `{"by":"secret"}`, `{"by":null}`, 0},
		"plain":               {plain, `{"by":"secret"}`, `{"by":null}`, 1},
		"not personal":        {account, `{"cents":5}`, `{"cents":5}`, 0},
		"of an unknown type ": {stranger, "x", "x", 0},
	} {
		before := test.record.Clone()
		open, err := m.Open(test.record)
		if err != nil || string(open.Payload) != test.open {
			t.Errorf("%s: open %s, error %v", name, open.Payload, err)
		}
		omitted, err := m.Omit(test.record)
		if err != nil || string(omitted.Payload) != test.omitted || omitted.EventID != test.record.EventID {
			t.Errorf("%s: omitted %s, error %v", name, omitted.Payload, err)
		}
		if n, err := m.PlainFields(test.record); err != nil || n != test.plain {
			t.Errorf("%s: %d plain fields, error %v", name, n, err)
		}
		if !bytes.Equal(before.Payload, test.record.Payload) {
			t.Errorf("%s: the record was changed", name)
		}
	}
	spoiled := plain.Clone()
	spoiled.Payload = []byte(`{"by":"secret"} x`)
	if _, err := m.Omit(spoiled); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("omitting from damage: error %v", err)
	}
}

// Omit finds the members of any object, however it is written, and changes no other one.
func TestMux_OmitChangesOneMemberOfAnyObject(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[{}\[\]",:\\ \n]{0,6}`))
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		kinds := []*rapid.Generator[any]{
			text.AsAny(), rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		}
		if depth > 0 {
			inner := rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) })
			kinds = append(kinds, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(text, inner, 0, 3).AsAny())
		}
		return rapid.OneOf(kinds...)
	}
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.MapOfN(text, value(2), 0, 4).Draw(t, "members")
		if rapid.Bool().Draw(t, "personal") {
			members["by"] = value(2).Draw(t, "by")
		}
		payload, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		if indent := rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent"); indent != "" {
			var b bytes.Buffer
			if err := json.Indent(&b, payload, indent, indent); err != nil {
				t.Fatal(err)
			}
			payload = append(b.Bytes(), ' ', '\n')
		}
		if rapid.Bool().Draw(t, "escaped") {
			payload = bytes.Replace(payload, []byte(`"by":`), []byte(`"\u0062y" :`), 1)
		}
		header := eventsourcing.Header{AggregateType: "door"}
		omitted, err := both().Omit(eventsourcing.Record{Header: header, EventType: "door.opened", EventVersion: 1, Payload: payload})
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		var want, got map[string]any
		if err := json.Unmarshal(payload, &want); err != nil {
			t.Fatal(err)
		}
		if _, has := want["by"]; has {
			want["by"] = nil
		}
		if err := json.Unmarshal(omitted.Payload, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("of %s is left %s, error %v", payload, omitted.Payload, err)
		}
	})
}

// A payload that is no object is refused, whatever it is.
func TestMux_OmitRefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		"", " ", "{", "}", `{"by"`, `{"by":`, `{"by":"x"`, `{"by":"x`, `{"by":"x\"}`, `{"by":"x",}`, `{"by":"x"}}`, `{"by" "x"}`,
		`["by"]`, `"by"`, "null", "1", `{"by":[}`, `{"by":{]}`, "{\"by\":\"\n\"}", `{"\u00":1}`,
	} {
		header := eventsourcing.Header{AggregateType: "door"}
		r := eventsourcing.Record{Header: header, EventType: "door.opened", EventVersion: 1, Payload: []byte(payload)}
		if _, err := both().Omit(r); !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("%s: error %v", payload, err)
		}
	}
}

// An event with a sealed field may lose its personal data at any time, so a memo decodes it again.
func TestMemo_remembersNoPersonalData(t *testing.T) {
	t.Parallel()
	k := keys{"ada": nil}
	m := sealedMux(k)
	memo := eventjson.NewMemo(m)
	r := encode(t, m, entered("ada", "secret"))
	if e, err := memo.Decode(r); err != nil || e.Event != (opened{"secret"}) {
		t.Fatalf("got %+v, error %v", e.Event, err)
	}
	k["ada"] = ports.ErrSubjectErased
	if e, err := memo.Decode(r); err != nil || e.Event != (opened{eventsourcing.Erased}) {
		t.Errorf("got %+v, error %v", e.Event, err)
	}
}

// What was stored before there was a key is sealed as it is.
func TestMux_SealStored(t *testing.T) {
	t.Parallel()
	k := keys{"ada": nil, "erased": ports.ErrSubjectErased, "away": ports.ErrUnavailable}
	m := sealedMux(k)
	stored := func(subject, payload string) eventsourcing.Record {
		r := encode(t, both(), entered(subject, "x"))
		r.Payload = []byte(payload)
		return r
	}
	t.Run("a text is sealed, and the rest stays", func(t *testing.T) {
		t.Parallel()
		r, err := m.SealStored(stored("ada", `{"z" : 1, "by":"secret", "a":[2 ]}`))
		if err != nil || bytes.Contains(r.Payload, []byte("secret")) || !bytes.HasPrefix(r.Payload, []byte(`{"z":1,"by":{"$sealed":"v1.`)) ||
			!bytes.HasSuffix(r.Payload, []byte(`,"a":[2 ]}`)) {
			t.Fatalf("stored is %s, error %v", r.Payload, err)
		}
		if back, err := m.Decode(r); err != nil || back.Event != (opened{"secret"}) {
			t.Errorf("got %+v, error %v", back.Event, err)
		}
		again, err := m.SealStored(r)
		if err != nil || !bytes.Equal(again.Payload, r.Payload) {
			t.Errorf("sealed twice: %s, error %v", again.Payload, err)
		}
	})
	t.Run("an erased subject is not sealed again", func(t *testing.T) {
		t.Parallel()
		r, err := m.SealStored(stored("erased", `{"by":"secret"}`))
		if err != nil || string(r.Payload) != `{"by":{"$sealed":"erased"}}` {
			t.Fatalf("stored is %s, error %v", r.Payload, err)
		}
		// the value needs no key, and a key that comes back does not help
		for name, reader := range map[string]*eventjson.Mux{"erased": m, "with a key": sealedMux(keys{"erased": nil}), "without keys": both()} {
			if back, err := reader.Decode(r); err != nil || back.Event != (opened{eventsourcing.Erased}) {
				t.Errorf("%s: got %+v, error %v", name, back.Event, err)
			}
		}
		if open, err := m.Open(r); err != nil || string(open.Payload) != `{"by":null}` {
			t.Errorf("open: %s, error %v", open.Payload, err)
		}
	})
	t.Run("what cannot be sealed", func(t *testing.T) {
		t.Parallel()
		if _, err := m.SealStored(stored("", `{"by":"secret"}`)); err == nil || !strings.Contains(err.Error(), "names no subject") {
			t.Errorf("without a subject: %v", err)
		}
		if _, err := m.SealStored(stored("away", `{"by":"secret"}`)); !errors.Is(err, ports.ErrUnavailable) {
			t.Errorf("without a key: %v", err)
		}
		if _, err := m.SealStored(stored("ada", `[]`)); err == nil {
			t.Error("a payload that is no object is taken")
		}
		if r, err := m.SealStored(stored("", `{"by":null}`)); err != nil || string(r.Payload) != `{"by":null}` {
			t.Errorf("nothing to seal: %s, %v", r.Payload, err)
		}
	})
}

// Most events of a subject have no sealed field, and are decoded once for all consumers.
func TestMemo_remembersEventsOfASubjectWithoutPersonalData(t *testing.T) {
	t.Parallel()
	m := &calls{Decoder: sealedMux(keys{"ada": nil})}
	memo := eventjson.NewMemo(m)
	r := encode(t, both(), entered("ada", "open"))
	for range 3 {
		if e, err := memo.Decode(r); err != nil || e.Event != (opened{"open"}) {
			t.Fatalf("got %+v, error %v", e.Event, err)
		}
	}
	if m.n != 1 {
		t.Errorf("it was decoded %d times", m.n)
	}
}

type calls struct {
	ports.Decoder
	n int
}

func (c *calls) Decode(r eventsourcing.Record) (eventsourcing.Envelope[any], error) {
	c.n++
	return c.Decoder.Decode(r)
}
