package scyllasim

import (
	"regexp"
	"strings"
)

type tokenKind uint8

const (
	tkEOF    tokenKind = iota
	tkIdent            // lower-cased unless quoted
	tkQuoted           // "Identifier"
	tkString
	tkInteger
	tkFloat
	tkDuration
	tkUUID
	tkBlob
	tkBind
	tkPunct
)

type tok struct {
	kind tokenKind
	text string
	raw  string
	line int
	col  int
}

var (
	uuidRE   = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
	blobRE   = regexp.MustCompile(`^0[xX][0-9a-fA-F]*`)
	numberRE = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`)
	identRE  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*`)
	punctRE  = regexp.MustCompile(`^(<=|>=|!=|[-+*/(){}\[\],.:;=<>])`)
	spaceRE  = regexp.MustCompile(`^(\s+|--[^\n]*|//[^\n]*|/\*[\s\S]*?\*/)+`)
)

// tokenize splits a statement into tokens. Positions start at line 1, column 0, as in the server's
// messages.
func tokenize(src string) ([]tok, error) {
	var out []tok
	line, lineStart, pos := 1, 0, 0
	advance := func(n int) {
		for _, c := range []byte(src[pos : pos+n]) {
			pos++
			if c == '\n' {
				line, lineStart = line+1, pos
			}
		}
	}
	for {
		if m := spaceRE.FindString(src[pos:]); m != "" {
			advance(len(m))
		}
		t := tok{line: line, col: pos - lineStart}
		if pos >= len(src) {
			t.raw = "<EOF>"
			return append(out, t), nil
		}
		n := scan(src[pos:], &t)
		if n == 0 {
			return nil, syntaxErr("line %d:%d no viable alternative at character '%s'", line, t.col, src[pos:pos+1])
		}
		t.raw = src[pos : pos+n]
		advance(n)
		out = append(out, t)
	}
}

// scan reads one token at the start of s and returns its length. It returns 0 when there is none.
func scan(s string, t *tok) int {
	set := func(k tokenKind, m string) int {
		t.kind, t.text = k, m
		return len(m)
	}
	if m := uuidRE.FindString(s); m != "" {
		return set(tkUUID, m)
	}
	if m := blobRE.FindString(s); m != "" {
		return set(tkBlob, m)
	}
	if m := numberRE.FindString(s); m != "" {
		if u := identRE.FindString(s[len(m):]); u != "" {
			return set(tkDuration, m+u)
		}
		if strings.ContainsAny(m, ".eE") {
			return set(tkFloat, m)
		}
		return set(tkInteger, m)
	}
	if m := identRE.FindString(s); m != "" {
		t.kind, t.text = tkIdent, strings.ToLower(m)
		return len(m)
	}
	switch s[0] {
	case '?':
		return set(tkBind, "?")
	case '\'':
		return scanQuoted(s, '\'', tkString, t)
	case '"':
		return scanQuoted(s, '"', tkQuoted, t)
	}
	return set(tkPunct, punctRE.FindString(s))
}

func scanQuoted(s string, q byte, k tokenKind, t *tok) int {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != q {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			b.WriteByte(q)
			i++
			continue
		}
		t.kind, t.text = k, b.String()
		return i + 1
	}
	return 0
}
