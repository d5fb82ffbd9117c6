package endpoint

import (
	"bytes"
	"strconv"

	"github.com/google/uuid"

	"orderflow/ports/portkit"
)

// Appender is a document that writes itself, with the bytes that encoding/json would write for it.
// It is for the answers to commands, which are many. It takes a third of the time, and no memory.
type Appender interface {
	// AppendJSON appends the document.
	AppendJSON(b []byte) []byte
}

// AppendText appends a text as JSON.
func AppendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendUnusual(b, text)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendUnusual leaves to encoding/json what has to be escaped.
func appendUnusual(b []byte, text string) []byte {
	var buffer bytes.Buffer
	if err := encode(&buffer, text); err != nil {
		panic(err) // a text can always be encoded
	}
	return append(b, bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))...)
}

// AppendUUID appends an id as JSON.
func AppendUUID(b []byte, id uuid.UUID) []byte {
	return append(portkit.AppendUUID(append(b, '"'), id), '"')
}

// AppendMembers appends the members that name an aggregate, without the braces.
func (a Aggregate) AppendMembers(b []byte) []byte {
	b = AppendUUID(append(b, `"aggregate_id":`...), a.AggregateID)
	b = AppendText(append(b, `,"aggregate_type":`...), a.AggregateType)
	if a.OrderID != "" {
		b = AppendText(append(b, `,"order_id":`...), a.OrderID)
	}
	return b
}

// AppendNumber appends a member with a number, after another one.
func AppendNumber(b []byte, name string, n uint64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendUint(b, n, 10)
}
