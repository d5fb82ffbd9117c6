package scyllasim

import (
	"errors"
	"strconv"
)

// maxNesting bounds nested terms and types.
const maxNesting = 32

// parser is a recursive descent parser of the CQL subset. A syntax error is a panic(*cqlError),
// which parse recovers.
type parser struct {
	toks  []tok
	pos   int
	binds int
	depth int
}

// parse parses one statement. Syntax outside the subset is an error that names the unsupported
// part.
func parse(src string) (st statement, binds int, err error) {
	toks, err := tokenize(src)
	if err != nil {
		return nil, 0, err
	}
	p := &parser{toks: toks}
	defer func() {
		if r := recover(); r != nil {
			ce, ok := r.(*cqlError)
			if !ok {
				panic(r)
			}
			st, binds, err = nil, 0, ce
		}
	}()
	st = p.statement()
	p.punct(";")
	if p.peek().kind != tkEOF {
		p.fail()
	}
	return st, p.binds, nil
}

func (p *parser) statement() statement {
	switch {
	case p.word("select"):
		return p.selectStmt()
	case p.word("insert"):
		return p.insertStmt()
	case p.word("update"):
		return p.updateStmt()
	case p.word("delete"):
		return p.deleteStmt()
	case p.word("create"):
		return p.create()
	case p.word("drop"):
		return p.drop()
	case p.word("alter"):
		return p.alter()
	case p.word("truncate"):
		p.word("table")
		return &truncateStmt{p.tableName()}
	case p.word("use"):
		return &useStmt{p.ident()}
	case p.word("describe"), p.word("desc"):
		return p.describe()
	}
	switch t := p.peek(); t.text {
	case "begin", "grant", "revoke", "list":
		panic(unsupported("the statement %s", t.raw))
	}
	p.fail()
	return nil
}

func (p *parser) peek() tok { return p.toks[p.pos] }

func (p *parser) next() tok {
	t := p.toks[p.pos]
	if t.kind != tkEOF {
		p.pos++
	}
	return t
}

// fail reports the current token as ScyllaDB does.
func (p *parser) fail() {
	t := p.peek()
	panic(syntaxErr("line %d:%d no viable alternative at input '%s'", t.line, t.col, t.raw))
}

// words consumes the given keywords when all of them follow, and otherwise nothing.
func (p *parser) words(ws ...string) bool {
	for i, w := range ws {
		if p.pos+i >= len(p.toks) {
			return false
		}
		if t := p.toks[p.pos+i]; t.kind != tkIdent || t.text != w {
			return false
		}
	}
	p.pos += len(ws)
	return true
}

func (p *parser) word(w string) bool { return p.words(w) }

func (p *parser) needWords(ws ...string) {
	for _, w := range ws {
		if !p.word(w) {
			p.fail()
		}
	}
}

func (p *parser) punct(s string) bool {
	if t := p.peek(); t.kind == tkPunct && t.text == s {
		p.pos++
		return true
	}
	return false
}

func (p *parser) need(s string) {
	if !p.punct(s) {
		p.fail()
	}
}

func (p *parser) ident() string {
	t := p.peek()
	if t.kind != tkIdent && t.kind != tkQuoted {
		p.fail()
	}
	p.pos++
	return t.text
}

// list reads "(" item {"," item} ")".
func (p *parser) list(item func()) {
	p.need("(")
	p.comma(item)
	p.need(")")
}

func (p *parser) comma(item func()) {
	item()
	for p.punct(",") {
		item()
	}
}

func (p *parser) tableName() tableName {
	n := p.ident()
	if p.punct(".") {
		return tableName{n, p.ident()}
	}
	return tableName{"", n}
}

func (p *parser) enter() func() {
	if p.depth++; p.depth > maxNesting {
		panic(unsupported("values or types nested deeper than %d", maxNesting))
	}
	return func() { p.depth-- }
}

func (p *parser) cqlType() *cqlType {
	defer p.enter()()
	name := p.ident()
	if k, ok := simpleTypes[name]; ok {
		return &cqlType{kind: k}
	}
	t := &cqlType{}
	switch name {
	case "frozen":
		p.need("<")
		inner := p.cqlType()
		p.need(">")
		return inner.asFrozen()
	case "map":
		t.kind = kMap
		p.need("<")
		t.key = p.cqlType().asFrozen()
		p.need(",")
		t.val = p.cqlType().asFrozen()
		p.need(">")
	case "set", "list":
		t.kind = map[string]kind{"set": kSet, "list": kList}[name]
		p.need("<")
		t.val = p.cqlType().asFrozen()
		p.need(">")
	default:
		panic(unsupported("the type %s", name))
	}
	return t
}

var literalKinds = map[tokenKind]termKind{
	tkString: tString, tkInteger: tInteger, tkFloat: tFloat, tkUUID: tUUID, tkBlob: tBlob,
}

func (p *parser) term() term {
	defer p.enter()()
	t := p.peek()
	if k, ok := literalKinds[t.kind]; ok {
		p.pos++
		return term{kind: k, text: t.text}
	}
	switch {
	case t.kind == tkBind:
		p.pos++
		p.binds++
		return term{kind: tBind, bind: p.binds - 1}
	case p.word("null"):
		return term{kind: tNull}
	case p.word("true"), p.word("false"):
		return term{kind: tBool, text: t.text}
	case t.kind == tkIdent:
		return p.call()
	case p.punct("{"):
		return p.braces()
	case p.punct("["):
		l := term{kind: tList}
		if !p.punct("]") {
			p.comma(func() { l.items = append(l.items, p.term()) })
			p.need("]")
		}
		return l
	case t.kind == tkPunct && t.text == ":":
		panic(unsupported("named bind markers"))
	}
	p.fail()
	return term{}
}

func (p *parser) call() term {
	f := term{kind: tFunc, text: p.ident()}
	p.need("(")
	if p.punct(")") {
		return f
	}
	p.comma(func() { f.items = append(f.items, p.term()) })
	p.need(")")
	return f
}

func (p *parser) braces() term {
	b := term{kind: tBraces}
	if p.punct("}") {
		return b
	}
	p.comma(func() {
		b.items = append(b.items, p.term())
		if p.punct(":") {
			b.keys = append(b.keys, b.items[len(b.items)-1])
			b.items[len(b.items)-1] = p.term()
		}
	})
	p.need("}")
	if len(b.keys) != 0 && len(b.keys) != len(b.items) {
		p.fail()
	}
	return b
}

func (p *parser) integer() int {
	t := p.next()
	n, err := strconv.Atoi(t.text)
	if t.kind != tkInteger || errors.Is(err, strconv.ErrRange) {
		p.pos--
		p.fail()
	}
	return n
}
