package client

import (
	"bytes"
	"encoding/json"
)

// Document is a part of an answer: what the command line knows of it, and all of it as it came. So
// the command line prints what a newer service adds.
type Document[T any] struct {
	Known T
	all   json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Document[T]) UnmarshalJSON(text []byte) error {
	d.all = bytes.Clone(text)
	return json.Unmarshal(text, &d.Known)
}

// MarshalJSON returns all of the document.
func (d Document[T]) MarshalJSON() ([]byte, error) {
	if d.all == nil {
		return json.Marshal(d.Known)
	}
	return d.all, nil
}

// Of returns the document, which is an object, with the name of the consumer that it belongs to.
func (d Document[T]) Of(consumer string) (json.RawMessage, error) {
	text, err := d.MarshalJSON()
	if err != nil {
		return nil, err
	}
	name, err := json.Marshal(consumer)
	if err != nil {
		return nil, err
	}
	rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("{")))
	with := append([]byte(`{"consumer":`), name...)
	if !bytes.HasPrefix(rest, []byte("}")) {
		with = append(with, ',')
	}
	return append(with, rest...), nil
}

// KnownOf returns what is known of each document.
func KnownOf[T any](documents []Document[T]) []T {
	known := make([]T, len(documents))
	for i, d := range documents {
		known[i] = d.Known
	}
	return known
}
