package strictjson

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a string, with the reader in front of its quote. The result may be a part of the
// document.
func (r *Reader) quoted() []byte {
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

// unescaped returns the text of a string in quotes. encoding/json would read half of a surrogate
// pair as U+FFFD, so that different texts would become the same.
func (r *Reader) unescaped(literal []byte) []byte {
	var s string
	switch err := json.Unmarshal(literal, &s); {
	case err != nil:
		r.syntax("a string has an escape sequence that JSON does not know")
	case hasHalfPair(literal):
		r.syntax("a string has half of a surrogate pair, which is no character")
	}
	return []byte(s)
}

// hasHalfPair reports whether a valid string in quotes has an escaped surrogate that is not one of
// a pair.
func hasHalfPair(literal []byte) bool {
	for i := 0; i < len(literal); i++ {
		if literal[i] != '\\' {
			continue
		}
		i++ // to the character after the backslash
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

// escapedUnit returns the UTF-16 code unit of the escape sequence \uXXXX, without its backslash,
// that text begins with.
func escapedUnit(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(n), err == nil
}
