package scyllasim

import "math"

func (w *where) addToken(e *env, r relation) error {
	if len(r.cols) != len(w.t.pk) {
		return invalid("The token() function must be applied to all partition key components or none of them")
	}
	for i, c := range w.t.pk {
		if r.cols[i] != c.name {
			return invalid("The token function arguments must be in the partition key order: %s", c.name)
		}
	}
	v, err := e.tokenValue(w.t, r.terms[0])
	if err != nil {
		return err
	}
	if w.tokens == nil {
		w.tokens = &tokenRange{math.MinInt64, math.MaxInt64}
	}
	switch r.op {
	case "=":
		w.tokens.lo, w.tokens.hi = max(w.tokens.lo, v), min(w.tokens.hi, v)
	case ">=":
		w.tokens.lo = max(w.tokens.lo, v)
	case ">":
		if v == math.MaxInt64 {
			w.tokens.hi = math.MinInt64
		} else {
			w.tokens.lo = max(w.tokens.lo, v+1)
		}
	case "<=":
		if v != math.MinInt64 { // the minimum as an upper end means the end of the ring
			w.tokens.hi = min(w.tokens.hi, v)
		}
	case "<":
		if v != math.MinInt64 {
			w.tokens.hi = min(w.tokens.hi, v-1)
		}
	default:
		return invalid("Unsupported token() relation")
	}
	return nil
}

// tokenValue evaluates the right side of a token() relation: a number, or token() of values.
func (e *env) tokenValue(t *table, x term) (int64, error) {
	if x.kind == tFunc && x.text == "token" {
		if len(x.items) != len(t.pk) {
			return 0, invalid("Invalid number of arguments in call to function token")
		}
		key := make([][]byte, len(t.pk))
		for i, item := range x.items {
			v, err := e.eval(item, t.pk[i].typ)
			if err != nil || v.b == nil {
				return 0, orInvalid(err, "Invalid null value in token()")
			}
			key[i] = v.b
		}
		return t.token(key), nil
	}
	v, err := e.eval(x, bigintT)
	if err != nil || v.b == nil {
		return 0, orInvalid(err, "Invalid null token in condition")
	}
	return signed(v.b), nil
}

func orInvalid(err error, text string) error {
	if err != nil {
		return err
	}
	return invalid("%s", text)
}
