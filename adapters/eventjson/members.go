package eventjson

import (
	"bytes"
	"encoding/json"
	"errors"

	"orderflow/domain/eventsourcing"
)

// sealedValue is the value of a sealed field. It is written as its text between sealedFrom and
// sealedTo.
type sealedValue struct {
	Sealed *string `json:"$sealed"`
}

const sealedFrom, sealedTo = `{"$sealed":"`, `"}`

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
	if !json.Valid(payload) {
		var none json.RawMessage
		return nil, json.Unmarshal(payload, &none) // it says what is wrong
	}
	return editValid(payload, change)
}

// editValid does the same with a payload that is known to be valid JSON.
func editValid(payload []byte, change func(name string, value json.RawMessage) (json.RawMessage, error)) ([]byte, error) {
	s := scanner{payload, 0}
	if s.next() != '{' {
		return nil, errors.New("the payload is no JSON object")
	}
	s.at++
	// 128 bytes are enough for one more sealed value
	edited, changed := append(make([]byte, 0, len(payload)+128), '{'), false
	for s.next() != '}' {
		if s.data[s.at] == ',' {
			s.at++
			edited = append(edited, ',')
			s.next()
		}
		written := s.value()
		name, err := nameOf(written)
		if err != nil {
			return nil, err
		}
		s.next()
		s.at++ // the colon
		s.next()
		value := json.RawMessage(s.value())
		other, err := change(name, value)
		if err != nil {
			return nil, err
		}
		if other != nil {
			value, changed = other, true
		}
		edited = append(append(append(edited, written...), ':'), value...)
	}
	if !changed {
		return payload, nil
	}
	return append(edited, '}'), nil
}

// nameOf returns the name of a member, which is written as a JSON string.
func nameOf(written []byte) (name string, err error) {
	if !bytes.ContainsRune(written, '\\') {
		return string(written[1 : len(written)-1]), nil
	}
	err = json.Unmarshal(written, &name)
	return name, err
}

// scanner goes over the members of an object in a valid JSON text. A decoder of tokens would do the
// same, and takes several times as long: it has to check what it reads.
type scanner struct {
	data []byte
	at   int
}

// next skips spaces and returns the byte after them.
func (s *scanner) next() byte {
	for {
		switch b := s.data[s.at]; b {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return b
		}
	}
}

// value skips the value that begins here, and returns it.
func (s *scanner) value() []byte {
	from, depth := s.at, 0
	for ; ; s.at++ {
		switch s.data[s.at] {
		case '"':
			for s.at++; s.data[s.at] != '"'; s.at++ {
				if s.data[s.at] == '\\' {
					s.at++
				}
			}
			if depth == 0 {
				s.at++
				return s.data[from:s.at]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 { // the end of the object around it
				return s.data[from:s.at]
			}
			if depth == 0 {
				s.at++
				return s.data[from:s.at]
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return s.data[from:s.at]
			}
		}
	}
}

// sealedText returns the text of a sealed value.
func sealedText(value json.RawMessage) (text string, ok bool) {
	if rest, found := bytes.CutPrefix(value, []byte(sealedFrom)); found { // as Seal writes it
		rest, found = bytes.CutSuffix(rest, []byte(sealedTo))
		if found && !bytes.ContainsAny(rest, `"\`) {
			return string(rest), true
		}
	}
	var v sealedValue
	if len(value) == 0 || value[0] != '{' || json.Unmarshal(value, &v) != nil || v.Sealed == nil {
		return "", false
	}
	return *v.Sealed, true
}
