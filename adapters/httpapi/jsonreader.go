package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/uuid"
)

// jsonReader reads one JSON document of a known shape, strictly: a member that is unknown, repeated, missing, null or of the
// wrong type is refused with the path to it, and so is anything behind the document. It does not copy what it does not keep.
//
// The first thing that is wrong is kept, and every read after it does nothing, so that callers read on and ask once.
//
// encoding/json is no help here: it matches names without regard to case, takes the last of repeated members, reads null and
// absence as zero, and does not say which element of a list was wrong.
type jsonReader struct {
	data []byte
	pos  int
	path []byte // of the value being read, such as items[0].quantity
	err  *fieldError
}

// member is one member of an object: read is called with the reader in front of its value.
type member struct {
	name     string
	required bool
	read     func()
}

// object reads an object with these members, at most 64 of them, in any order.
func (r *jsonReader) object(members ...member) {
	if !r.expect('{', "an object") {
		return
	}
	var seen uint64
	r.elements('}', func() { r.member(members, &seen) })
	for i, m := range members {
		if m.required && seen&(1<<i) == 0 {
			r.at(m.name, func() { r.fail("is required") })
		}
	}
}

func (r *jsonReader) member(members []member, seen *uint64) {
	if r.peek() != '"' {
		r.syntax("a member of an object begins with its name in quotes")
		return
	}
	name := r.quoted()
	if r.err == nil && !r.next(':') {
		r.syntax("the name of a member is followed by a colon")
	}
	if r.err != nil {
		return
	}
	for i, m := range members {
		if m.name != string(name) {
			continue
		}
		if *seen&(1<<i) != 0 {
			r.at(m.name, func() { r.fail("is given twice") })
			return
		}
		*seen |= 1 << i
		r.at(m.name, m.read)
		return
	}
	r.at(shortened(string(name)), func() { r.fail("is not known here") })
}

// array reads an array and calls element in front of each of its values.
func (r *jsonReader) array(element func()) {
	if !r.expect('[', "an array") {
		return
	}
	n := 0
	r.elements(']', func() {
		mark := len(r.path)
		r.path = append(strconv.AppendInt(append(r.path, '['), int64(n), 10), ']')
		element()
		r.path = r.path[:mark]
		n++
	})
}

// elements calls element in front of each element of a list with commas, up to and with the closing byte.
func (r *jsonReader) elements(closing byte, element func()) {
	if r.next(closing) {
		return
	}
	for {
		element()
		switch {
		case r.err != nil || r.next(closing):
			return
		case !r.next(','):
			r.syntax(fmt.Sprintf("a comma or %c was expected", closing))
			return
		}
	}
}

// text reads a string.
func (r *jsonReader) text() string {
	if r.err != nil {
		return ""
	}
	if r.peek() != '"' {
		r.mismatch("a string")
		return ""
	}
	return string(r.quoted())
}

// uuid reads a UUID other than the nil one, in its usual form.
func (r *jsonReader) uuid() uuid.UUID {
	text := r.text()
	if r.err != nil {
		return uuid.Nil
	}
	id, ok := parseUUID(text)
	if !ok {
		r.fail(mustBeUUID)
	}
	return id
}

// integer reads a number that is written as a whole one and fits into 64 bits.
func (r *jsonReader) integer() int64 {
	if r.err != nil {
		return 0
	}
	if c := r.peek(); c != '-' && (c < '0' || c > '9') {
		r.mismatch("a whole number")
		return 0
	}
	start := r.pos
	for r.pos < len(r.data) && strings.IndexByte("+-.0123456789Ee", r.data[r.pos]) >= 0 {
		r.pos++
	}
	literal := string(r.data[start:r.pos])
	digits := strings.TrimPrefix(literal, "-")
	switch n, err := strconv.ParseInt(literal, 10, 64); {
	case err == nil && (len(digits) == 1 || digits[0] != '0'):
		return n
	case !json.Valid([]byte(literal)):
		r.pos = start
		r.syntax("a number was expected")
	case strings.ContainsAny(literal, ".eE"):
		r.fail("must be a whole number, written without fraction and exponent")
	default:
		r.fail("does not fit into 64 bits")
	}
	return 0
}

// boolean reads true or false.
func (r *jsonReader) boolean() bool {
	if r.err != nil {
		return false
	}
	r.peek()
	switch rest := r.data[r.pos:]; {
	case bytes.HasPrefix(rest, []byte("true")):
		r.pos += len("true")
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		r.pos += len("false")
		return false
	}
	r.mismatch("true or false")
	return false
}

// end reports what is wrong with the document, after the last read.
func (r *jsonReader) end() *fieldError {
	if r.peek(); r.pos < len(r.data) {
		r.syntax("the document ends before this")
	}
	return r.err
}

// quoted reads a string, the reader being in front of its quote. The result may be a part of the document.
func (r *jsonReader) quoted() []byte {
	start := r.pos + 1
	plain := true
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			if !utf8.Valid(r.data[start:i]) {
				r.syntax("a string must be valid UTF-8")
				return nil
			}
			if plain {
				return r.data[start:i]
			}
			return r.unescaped(r.data[start-1 : i+1])
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			r.pos = i
			r.syntax("a control character in a string must be escaped")
			return nil
		}
	}
	r.pos = len(r.data)
	r.syntax("a string has no end")
	return nil
}

// unescaped returns what a string in quotes stands for. encoding/json would read half of a surrogate pair as U+FFFD, so that
// different texts would become the same one.
func (r *jsonReader) unescaped(literal []byte) []byte {
	var s string
	switch err := json.Unmarshal(literal, &s); {
	case err != nil:
		r.syntax("a string has an escape sequence that JSON does not know")
	case hasHalfPair(literal):
		r.syntax("a string has half of a surrogate pair, which is no character")
	}
	return []byte(s)
}

// hasHalfPair reports whether a valid string in quotes has an escaped surrogate that is not one of a pair.
func hasHalfPair(literal []byte) bool {
	for i := 0; i < len(literal); i++ {
		if literal[i] != '\\' {
			continue
		}
		i++ // at the character behind the backslash
		r, ok := escapedUnit(literal[i:])
		if !ok {
			continue
		}
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if i+2 >= len(literal) || literal[i+1] != '\\' {
			return true
		}
		second, ok := escapedUnit(literal[i+2:])
		if !ok || utf16.DecodeRune(r, second) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit returns the UTF-16 code unit of the escape sequence \uXXXX, without its backslash, that text begins with.
func escapedUnit(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(n), err == nil
}

// expect steps over the opening byte of a value.
func (r *jsonReader) expect(open byte, what string) bool {
	if r.err != nil {
		return false
	}
	if r.peek() != open {
		r.mismatch(what)
		return false
	}
	r.pos++
	return true
}

// next steps over c, if that is what comes next.
func (r *jsonReader) next(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// peek returns the next byte that is not white space; 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// at calls f with name added to the path.
func (r *jsonReader) at(name string, f func()) {
	mark := len(r.path)
	if mark > 0 {
		r.path = append(r.path, '.')
	}
	r.path = append(r.path, name...)
	f()
	r.path = r.path[:mark]
}

// shortened bounds what a client gets back of a name that it made up.
func shortened(name string) string {
	const limit = 64
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "..."
}

func (r *jsonReader) fail(message string) {
	if r.err == nil {
		r.err = &fieldError{Field: string(r.path), Message: message}
	}
}

// mismatch refuses the value that comes next, which is not what it should be.
func (r *jsonReader) mismatch(want string) {
	got := ""
	switch c := r.peek(); {
	case c == '{':
		got = "an object"
	case c == '[':
		got = "an array"
	case c == '"':
		got = "a string"
	case c == 't' || c == 'f':
		got = "a boolean"
	case c == 'n':
		got = "null"
	case c == '-' || '0' <= c && c <= '9':
		got = "a number"
	default:
		r.syntax(want + " was expected")
		return
	}
	r.fail("must be " + want + ", is " + got)
}

// syntax says that the document is no JSON from here on.
func (r *jsonReader) syntax(message string) {
	r.fail(fmt.Sprintf("no valid JSON at byte %d: %s", min(r.pos, len(r.data)), message))
}
