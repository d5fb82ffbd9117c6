package scyllasim

import "time"

func (p *parser) selectStmt() *selectStmt {
	s := &selectStmt{}
	if p.word("json") {
		panic(unsupported("SELECT JSON"))
	}
	s.distinct = p.word("distinct")
	if p.punct("*") {
		s.all = true
	} else {
		p.comma(func() { s.items = append(s.items, p.selector()) })
	}
	p.needWords("from")
	s.table = p.tableName()
	if p.word("where") {
		s.where = p.relations()
	}
	if p.words("group", "by") {
		panic(unsupported("GROUP BY"))
	}
	if p.words("order", "by") {
		p.comma(func() {
			o := orderBy{col: p.ident()}
			if !p.word("asc") {
				o.desc = p.word("desc")
			}
			s.orderBy = append(s.orderBy, o)
		})
	}
	if p.words("per", "partition", "limit") {
		t := p.term()
		s.perPartition = &t
	}
	if p.word("limit") {
		t := p.term()
		s.limit = &t
	}
	s.allowFiltering = p.words("allow", "filtering")
	p.words("bypass", "cache")
	if p.words("using", "timeout") {
		p.duration()
	}
	return s
}

func (p *parser) selector() selector {
	s := selector{}
	name := p.ident()
	switch {
	case !p.punct("("):
		s.cols = []string{name}
	case name == "count":
		s.kind = selCount
		if !p.punct("*") && p.integer() != 1 {
			panic(unsupported("COUNT of a column"))
		}
		p.need(")")
	case name == "now":
		s.kind = selNow
		p.need(")")
	case name == "writetime", name == "ttl", name == "token":
		s.kind = map[string]selectorKind{"writetime": selWritetime, "ttl": selTTL, "token": selToken}[name]
		p.comma(func() { s.cols = append(s.cols, p.ident()) })
		p.need(")")
		if s.kind != selToken && len(s.cols) != 1 {
			p.fail()
		}
	default:
		panic(unsupported("the function %s in a selection", name))
	}
	if p.word("as") {
		s.alias = p.ident()
	}
	return s
}

func (p *parser) relations() []relation {
	var out []relation
	for {
		out = append(out, p.relation())
		if !p.word("and") {
			return out
		}
	}
}

func (p *parser) relation() relation {
	r := relation{}
	switch {
	case p.punct("("):
		r.tuple = true
		p.comma(func() { r.cols = append(r.cols, p.ident()) })
		p.need(")")
	case p.peek().text == "token" && p.toks[min(p.pos+1, len(p.toks)-1)].text == "(":
		p.pos++
		r.token = true
		p.list(func() { r.cols = append(r.cols, p.ident()) })
	default:
		r.cols = []string{p.ident()}
		if p.punct("[") {
			k := p.term()
			r.key = &k
			p.need("]")
		}
	}
	if p.word("in") {
		r.op = "IN"
		p.inList(&r)
		return r
	}
	t := p.next()
	switch {
	case t.kind == tkPunct && (t.text == "=" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">=" ||
		t.text == "!="):
		r.op = t.text
	case t.kind == tkIdent && (t.text == "contains" || t.text == "like" || t.text == "is"):
		panic(unsupported("the operator %s", t.raw))
	default:
		p.pos--
		p.fail()
	}
	if r.tuple {
		p.list(func() { r.terms = append(r.terms, p.term()) })
		if len(r.terms) != len(r.cols) {
			p.fail()
		}
		return r
	}
	r.terms = []term{p.term()}
	return r
}

func (p *parser) inList(r *relation) {
	if r.tuple || r.token {
		panic(unsupported("IN on several columns"))
	}
	if p.peek().kind == tkBind {
		r.inMarker = true
		r.terms = []term{p.term()}
		return
	}
	p.need("(")
	if p.punct(")") {
		return
	}
	p.comma(func() { r.terms = append(r.terms, p.term()) })
	p.need(")")
}

func (p *parser) using() using {
	var u using
	if !p.word("using") {
		return u
	}
	for {
		switch {
		case p.word("ttl"):
			t := p.term()
			u.ttl = &t
		case p.word("timestamp"):
			t := p.term()
			u.timestamp = &t
		case p.word("timeout"):
			u.timeout = p.duration()
		default:
			p.fail()
		}
		if !p.word("and") {
			return u
		}
	}
}

func (p *parser) duration() time.Duration {
	t := p.next()
	d, err := time.ParseDuration(t.text)
	if t.kind != tkDuration || err != nil {
		p.pos--
		p.fail()
	}
	return d
}

func (p *parser) insertStmt() *insertStmt {
	p.needWords("into")
	s := &insertStmt{table: p.tableName()}
	if p.word("json") {
		panic(unsupported("INSERT JSON"))
	}
	p.list(func() { s.cols = append(s.cols, p.ident()) })
	p.needWords("values")
	p.list(func() { s.vals = append(s.vals, p.term()) })
	if len(s.cols) != len(s.vals) {
		panic(invalid("Unmatched column names/values"))
	}
	s.ifNotExists = p.words("if", "not", "exists")
	s.using = p.using()
	return s
}

func (p *parser) updateStmt() *updateStmt {
	s := &updateStmt{table: p.tableName()}
	s.using = p.using()
	p.needWords("set")
	p.comma(func() { s.sets = append(s.sets, p.assignment()) })
	p.needWords("where")
	s.where = p.relations()
	s.ifExists, s.conds = p.conditions()
	return s
}

func (p *parser) conditions() (exists bool, conds []relation) {
	if p.words("if", "exists") {
		return true, nil
	}
	if !p.word("if") {
		return false, nil
	}
	return false, p.relations()
}

func (p *parser) assignment() assignment {
	a := assignment{col: p.ident()}
	if p.punct("[") {
		a.op, a.key = assignElement, p.term()
		p.need("]")
		p.need("=")
		a.val = p.term()
		return a
	}
	p.need("=")
	if t := p.peek(); (t.kind == tkIdent || t.kind == tkQuoted) && t.text == a.col {
		p.pos++
		switch {
		case p.punct("+"):
			a.op = assignAdd
		case p.punct("-"):
			a.op = assignRemove
		default:
			p.fail()
		}
	}
	a.val = p.term()
	return a
}

func (p *parser) deleteStmt() *deleteStmt {
	s := &deleteStmt{}
	if !p.word("from") {
		p.comma(func() {
			d := deletion{col: p.ident()}
			if p.punct("[") {
				k := p.term()
				d.key = &k
				p.need("]")
			}
			s.cols = append(s.cols, d)
		})
		p.needWords("from")
	}
	s.table = p.tableName()
	s.using = p.using()
	p.needWords("where")
	s.where = p.relations()
	s.ifExists, s.conds = p.conditions()
	return s
}
