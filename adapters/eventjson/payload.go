package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Appender is a payload that appends its JSON by itself, in the bytes of [json.Marshal]. That takes
// a fraction of the time.
type Appender interface{ AppendJSON(b []byte) []byte }

// payloadRoom is enough for most payloads. A longer one is copied while it grows.
const payloadRoom = 256

func marshal(payload any) ([]byte, error) {
	if a, ok := payload.(Appender); ok {
		return a.AppendJSON(make([]byte, 0, payloadRoom)), nil
	}
	return json.Marshal(payload)
}

// AppendText appends a text as JSON, in the bytes of [json.Marshal].
func AppendText(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			escaped, _ := json.Marshal(text) // a text always has a JSON
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// Upcaster turns the payload of one version of an event type into that of the next version. It is
// pure.
type Upcaster func(payload []byte) ([]byte, error)

// Upcast makes an [Upcaster] of a function from one payload type to the next.
//
// A required field that is missing stays missing: a nil pointer becomes null. Only the newest
// version checks for it, and every payload reaches that version. An upcaster checks only the fields
// that it needs.
func Upcast[From, To any](next func(From) (To, error)) Upcaster {
	return func(payload []byte) ([]byte, error) {
		from, err := unmarshal[From](payload)
		if err != nil {
			return nil, err
		}
		to, err := next(from)
		if err != nil {
			return nil, err
		}
		return json.Marshal(to)
	}
}

// Read makes the Decode function of a [Schema]. Its argument turns the payload of the newest
// version into the event.
func Read[P, E any](event func(P) (E, error)) func(payload []byte) (E, error) {
	return func(data []byte) (E, error) {
		payload, err := unmarshal[P](data)
		if err != nil {
			var none E
			return none, err
		}
		return event(payload)
	}
}

// unmarshal reads one JSON object and refuses anything after it.
func unmarshal[P any](data []byte) (payload P, err error) {
	object := &payload
	if err := json.Unmarshal(data, &object); err != nil {
		return payload, err
	}
	if object == nil {
		return payload, errors.New("the payload is null")
	}
	return payload, nil
}

// CheckText refuses texts that are not UTF-8. Without it encoding/json would replace bytes by
// U+FFFD and return no error.
func CheckText(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("text %q is not UTF-8", text)
		}
	}
	return nil
}

// Missing returns the error for a required field that is missing.
func Missing(field string) error { return fmt.Errorf("%s is missing", field) }
