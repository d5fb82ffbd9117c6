package scyllasim

func (p *parser) create() statement {
	switch {
	case p.word("keyspace"):
		s := &createKeyspaceStmt{ifNotExists: p.words("if", "not", "exists")}
		s.name = p.ident()
		p.needWords("with")
		s.props, _ = p.properties()
		return s
	case p.word("table"), p.word("columnfamily"):
		return p.createTable()
	}
	panic(unsupported("CREATE %s", p.peek().raw))
}

func (p *parser) drop() statement {
	s := &dropStmt{}
	switch {
	case p.word("keyspace"):
		s.ifExists = p.words("if", "exists")
		s.keyspace = p.ident()
	case p.word("table"), p.word("columnfamily"):
		s.ifExists = p.words("if", "exists")
		n := p.tableName()
		s.keyspace, s.table = n.keyspace, n.name
	default:
		panic(unsupported("DROP %s", p.peek().raw))
	}
	return s
}

func (p *parser) alter() statement {
	if p.word("keyspace") {
		s := &alterKeyspaceStmt{name: p.ident()}
		p.needWords("with")
		s.props, _ = p.properties()
		return s
	}
	if !p.word("table") {
		panic(unsupported("ALTER %s", p.peek().raw))
	}
	s := &alterTableStmt{table: p.tableName()}
	switch {
	case p.word("add"):
		if p.peek().text == "(" {
			p.list(func() { s.add = append(s.add, p.columnDef()) })
		} else {
			p.comma(func() { s.add = append(s.add, p.columnDef()) })
		}
	case p.word("with"):
		s.props, _ = p.properties()
	default:
		panic(unsupported("ALTER TABLE %s", p.peek().raw))
	}
	return s
}

func (p *parser) columnDef() columnDef {
	return columnDef{name: p.ident(), typ: p.cqlType(), static: p.word("static")}
}

func (p *parser) createTable() *createTableStmt {
	s := &createTableStmt{ifNotExists: p.words("if", "not", "exists")}
	s.table = p.tableName()
	p.list(func() {
		if p.words("primary", "key") {
			p.primaryKey(s)
			return
		}
		c := p.columnDef()
		s.cols = append(s.cols, c)
		if p.words("primary", "key") {
			s.partition = []string{c.name}
		}
	})
	if p.word("with") {
		s.props, s.order = p.properties()
	}
	return s
}

func (p *parser) primaryKey(s *createTableStmt) {
	p.need("(")
	if p.peek().text == "(" {
		p.list(func() { s.partition = append(s.partition, p.ident()) })
	} else {
		s.partition = []string{p.ident()}
	}
	for p.punct(",") {
		s.clustering = append(s.clustering, p.ident())
	}
	p.need(")")
}

// properties reads "name = value AND ..." and CLUSTERING ORDER BY among them.
func (p *parser) properties() (props map[string]property, order map[string]bool) {
	props = map[string]property{}
	for {
		switch {
		case p.words("clustering", "order", "by"):
			order = map[string]bool{}
			p.list(func() {
				c := p.ident()
				desc := p.word("desc")
				if !desc {
					p.word("asc")
				}
				order[c] = desc
			})
		case p.words("compact", "storage"):
			panic(unsupported("COMPACT STORAGE"))
		default:
			name := p.ident()
			p.need("=")
			props[name] = p.property()
		}
		if !p.word("and") {
			return props, order
		}
	}
}

func (p *parser) property() property {
	t := p.term()
	if t.kind != tBraces {
		if t.text == "" && t.kind != tString {
			p.fail()
		}
		return property{text: t.text}
	}
	m := map[string]string{}
	for i, k := range t.keys {
		m[k.text] = t.items[i].text
	}
	return property{m: m}
}
