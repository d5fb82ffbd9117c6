// Package strictjson reads JSON documents of a known shape, and reports everything that is wrong
// with a document.
//
// A member that is unknown, repeated, missing, null or of the wrong type is a fault, and so is
// anything after the document. Each fault has the path of the value, such as items[3].quantity. The
// reader continues after a fault and reports up to [MaxFaults] of them. It stops where the text is
// not JSON.
//
// encoding/json cannot do this. It matches names without regard to case, takes the last of repeated
// members, reads null and absence as zero, reads half of a surrogate pair as U+FFFD, and does not
// say which element of a list was wrong.
package strictjson

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// MaxFaults is how many faults of one document are reported at most.
const MaxFaults = 20

// maxDepth bounds the nesting of values that are not expected.
const maxDepth = 64

// Fault is one fault of a document.
type Fault struct {
	// Field is the path of the value, such as items[3].quantity; empty for the document as a whole.
	Field string
	// Message says what is wrong. It completes a sentence that begins with the field: "is
	// required".
	Message string
}

// Reader reads one document, from its beginning to its end. Its methods are called when the reader
// is in front of a value, and step over that value. After a fault they return zero values, so that
// callers read on and call [Reader.End] once.
//
// A Reader is for one goroutine. It does not copy what it does not return.
type Reader struct {
	data   []byte
	pos    int
	path   []byte // of the value being read, such as items[0].quantity
	faults []Fault
	broken bool // the text is not JSON at pos; nothing more is read
}

// New returns a Reader of a document.
func New(document []byte) *Reader { return &Reader{data: document} }

// Member is one member of an object: Read is called with the reader in front of its value, and must
// read exactly that value.
type Member struct {
	Name     string
	Required bool
	Read     func()
}

// Object reads an object with these members, at most 64 of them, in any order. Other members are
// faults.
func (r *Reader) Object(members ...Member) {
	if !r.open('{', "an object") {
		return
	}
	var seen uint64
	r.elements('}', func() { r.member(members, &seen) })
	for i, m := range members {
		if m.Required && seen&(1<<i) == 0 && !r.broken {
			r.at(m.Name, func() { r.Fail("is required") })
		}
	}
}

func (r *Reader) member(members []Member, seen *uint64) {
	name, ok := r.name()
	if !ok {
		return
	}
	for i, m := range members {
		if m.Name != string(name) {
			continue
		}
		if *seen&(1<<i) != 0 {
			r.at(m.Name, r.repeated)
			return
		}
		*seen |= 1 << i
		r.at(m.Name, m.Read)
		return
	}
	r.at(shortened(string(name)), func() {
		r.Fail("is not known here")
		r.skip(0)
	})
}

// Members reads an object whose members are not known in advance. It calls read in front of the
// value of each member. A repeated name is a fault.
func (r *Reader) Members(read func(name string)) {
	if !r.open('{', "an object") {
		return
	}
	seen := make(map[string]bool)
	r.elements('}', func() {
		name, ok := r.name()
		switch {
		case !ok:
		case seen[string(name)]:
			r.at(shortened(string(name)), r.repeated)
		default:
			seen[string(name)] = true
			r.at(shortened(string(name)), func() { read(string(name)) })
		}
	})
}

func (r *Reader) repeated() {
	r.Fail("is given twice")
	r.skip(0)
}

// name reads the name of a member, up to the value.
func (r *Reader) name() ([]byte, bool) {
	if r.peek() != '"' {
		r.syntax("a member of an object begins with its name in quotes")
		return nil, false
	}
	name := r.quoted()
	if !r.broken && !r.next(':') {
		r.syntax("the name of a member is followed by a colon")
	}
	return name, !r.broken
}

// Array reads an array and calls element in front of each of its values.
func (r *Reader) Array(element func()) {
	if !r.open('[', "an array") {
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

// elements calls element in front of each element of a list with commas, up to and including the
// closing byte.
func (r *Reader) elements(closing byte, element func()) {
	if r.next(closing) {
		return
	}
	for {
		element()
		switch {
		case r.broken || r.next(closing):
			return
		case !r.next(','):
			r.syntax(fmt.Sprintf("a comma or %c was expected", closing))
			return
		}
	}
}

// Text reads a string.
func (r *Reader) Text() string {
	text, _ := r.text("a string")
	return text
}

func (r *Reader) text(what string) (string, bool) {
	if r.broken {
		return "", false
	}
	if r.peek() != '"' {
		r.mismatch(what)
		return "", false
	}
	text := r.quoted()
	return string(text), !r.broken
}

// UUID reads a string that is a UUID in its usual form of 36 characters, and not the nil UUID.
func (r *Reader) UUID() uuid.UUID {
	text, ok := r.text("a string")
	if !ok {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 || id == uuid.Nil {
		r.Fail("must be a UUID other than the nil UUID")
		return uuid.Nil
	}
	return id
}

// Boolean reads true or false.
func (r *Reader) Boolean() bool {
	if r.broken {
		return false
	}
	r.peek()
	switch {
	case r.word("true"):
		return true
	case !r.word("false"):
		r.mismatch("true or false")
	}
	return false
}

// word steps over a word, if that is what comes next.
func (r *Reader) word(w string) bool {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(w)) {
		return false
	}
	r.pos += len(w)
	return true
}

// Value reads any value and returns it as it was written, without the white space around it. It
// returns nil after a fault. The value is a part of the document.
func (r *Reader) Value() []byte {
	if r.broken {
		return nil
	}
	r.peek()
	start := r.pos
	r.skip(0)
	if r.broken {
		return nil
	}
	return r.data[start:r.pos]
}

// Fail records a fault of the value that is being read, or was read last within the same member or
// element.
func (r *Reader) Fail(message string) {
	if len(r.faults) < MaxFaults {
		r.faults = append(r.faults, Fault{Field: string(r.path), Message: message})
	}
}

// End returns the faults of the document, in the order in which they were found. It is called after
// the last read. It returns nil when there are none.
func (r *Reader) End() []Fault {
	if !r.broken {
		if r.peek(); r.pos < len(r.data) {
			r.syntax("the document ends before this")
		}
	}
	return r.faults
}

// Broken reports whether the text is not JSON, so that nothing is known of what comes after.
func (r *Reader) Broken() bool { return r.broken }

// open steps over the opening byte of an object or array.
func (r *Reader) open(open byte, what string) bool {
	if r.broken {
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
func (r *Reader) next(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

// peek steps over white space and returns the byte after it. It returns 0 at the end.
func (r *Reader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// skip steps over any value.
func (r *Reader) skip(depth int) {
	if depth > maxDepth {
		r.syntax("values are nested too deep")
		return
	}
	switch c := r.peek(); {
	case r.broken:
	case c == '{':
		r.pos++
		r.elements('}', func() {
			if _, ok := r.name(); ok {
				r.skip(depth + 1)
			}
		})
	case c == '[':
		r.pos++
		r.elements(']', func() { r.skip(depth + 1) })
	case c == '"':
		r.quoted()
	case isNumber(c):
		r.number()
	case r.word("true"), r.word("false"), r.word("null"):
	default:
		r.syntax("a value was expected")
	}
}

// at calls f with name added to the path.
func (r *Reader) at(name string, f func()) {
	mark := len(r.path)
	if mark > 0 {
		r.path = append(r.path, '.')
	}
	r.path = append(r.path, name...)
	f()
	r.path = r.path[:mark]
}

// shortened bounds the length of a name that comes from the client and is sent back.
func shortened(name string) string {
	const limit = 64
	if len(name) <= limit {
		return name
	}
	return strings.ToValidUTF8(name[:limit], "") + "..."
}

// mismatch records that the next value has the wrong type, and steps over it.
func (r *Reader) mismatch(want string) {
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
	case isNumber(c):
		got = "a number"
	default:
		r.syntax(want + " was expected")
		return
	}
	before := len(r.faults)
	r.Fail("must be " + want + ", is " + got)
	r.skip(0)
	if r.broken && len(r.faults) > before+1 { // it is not a value at all
		r.faults = append(r.faults[:before], r.faults[before+1])
	}
}

// syntax records that the document is not JSON from here on.
func (r *Reader) syntax(message string) {
	if !r.broken {
		r.broken = true
		r.Fail(fmt.Sprintf("no valid JSON at byte %d: %s", min(r.pos, len(r.data)), message))
	}
}
