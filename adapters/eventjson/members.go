package eventjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"orderflow/domain/eventsourcing"
)

// sealed is the value of a sealed field.
type sealedValue struct {
	Sealed *string `json:"$sealed"`
}

// mark is in every payload that has a sealed field.
var mark = []byte(`"$sealed"`)

// null is the value of a field that is not shown.
var null = json.RawMessage("null")

// erased is the value of an erased field, for the decoder.
var erased = mustMarshal(eventsourcing.Erased)

func mustMarshal(text string) json.RawMessage {
	value, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return value
}

// Shown returns a payload in which the erased fields are null.
func shown(payload []byte) []byte {
	// inside of a string a quote is escaped, so this is always a value
	from, to := append([]byte{':'}, erased...), append([]byte{':'}, null...)
	if !bytes.Contains(payload, from) {
		return payload
	}
	return bytes.ReplaceAll(payload, from, to)
}

// edit calls change for each member of a JSON object, and returns the object with the values that
// change returns. Members keep their order. When change returns nil for all of them, edit returns
// the payload as it is.
func edit(payload []byte, change func(name string, value json.RawMessage) (json.RawMessage, error)) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	if token, err := decoder.Token(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, errors.New("the payload is no JSON object")
	}
	edited, changed := append(make([]byte, 0, len(payload)+128), '{'), false
	for first := true; decoder.More(); first = false {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // it is one where an object has a name
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		other, err := change(name, value)
		if err != nil {
			return nil, err
		}
		if other != nil {
			value, changed = other, true
		}
		if !first {
			edited = append(edited, ',')
		}
		edited = append(append(append(edited, mustMarshal(name)...), ':'), value...)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the payload has something after its end")
	}
	if !changed {
		return payload, nil
	}
	return append(edited, '}'), nil
}

// sealedText returns the text of a sealed value.
func sealedText(value json.RawMessage) (text string, ok bool) {
	var v sealedValue
	if len(value) == 0 || value[0] != '{' || json.Unmarshal(value, &v) != nil || v.Sealed == nil {
		return "", false
	}
	return *v.Sealed, true
}
