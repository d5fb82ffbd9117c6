package eventjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Upcaster turns the payload of one version of an event type into that of the next version. It is pure.
type Upcaster func(payload []byte) ([]byte, error)

// Upcast makes an [Upcaster] of a function from one payload type to the next.
//
// A required field that is missing stays missing on the way (a nil pointer becomes null), so that only the newest version,
// which every payload reaches, has to look for it. An upcaster looks only for what it cannot do without.
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

// Read makes Schema.Decode of a function from the payload type of the newest version to the event.
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

// unmarshal reads one JSON object and nothing behind it.
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

// CheckText refuses texts that are not UTF-8: encoding/json would put U+FFFD in their place without an error.
func CheckText(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("text %q is not UTF-8", text)
		}
	}
	return nil
}

// Missing is the error for a required field that is not there.
func Missing(field string) error { return fmt.Errorf("%s is missing", field) }
