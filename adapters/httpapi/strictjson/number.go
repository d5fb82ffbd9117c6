package strictjson

import (
	"encoding/json"
	"strconv"
	"strings"
)

func isNumber(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// Integer reads a number that is whole and fits into 64 bits. As in JSON Schema only its value
// matters, not its form: 206, 206.0 and 2.06e2 are the same. A value is never rounded.
func (r *Reader) Integer() int64 {
	if r.broken {
		return 0
	}
	if !isNumber(r.peek()) {
		r.mismatch("a whole number")
		return 0
	}
	literal := r.number()
	if r.broken {
		return 0
	}
	if n, err := strconv.ParseInt(string(literal), 10, 64); err == nil {
		return n
	}
	n, fault := whole(string(literal))
	if fault != "" {
		r.Fail(fault)
	}
	return n
}

// number steps over a number and returns it.
func (r *Reader) number() []byte {
	start := r.pos
	for r.pos < len(r.data) && strings.IndexByte("+-.0123456789Ee", r.data[r.pos]) >= 0 {
		r.pos++
	}
	literal := r.data[start:r.pos]
	if !isPlain(literal) && !json.Valid(literal) {
		r.pos = start
		r.syntax("a number was expected")
		return nil
	}
	return literal
}

// isPlain reports whether literal consists of digits only, as most numbers do.
func isPlain(literal []byte) bool {
	for _, c := range literal {
		if c < '0' || c > '9' {
			return false
		}
	}
	return literal[0] != '0' || len(literal) == 1
}

const tooLarge = "does not fit into 64 bits"

// whole returns the value of a valid JSON number, or what is wrong with it. Its cost does not grow
// with the exponent.
func whole(literal string) (n int64, fault string) {
	unsigned, negative := strings.CutPrefix(literal, "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(unsigned), "e")
	integer, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(integer+fraction, "0")
	// zeros to be appended to the digits, as far as the exponent does not say
	zeros := len(integer) - len(digits)
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, ""
	}
	if exponent != "" {
		e, err := strconv.ParseInt(exponent, 10, 32)
		switch {
		case err != nil && exponent[0] == '-':
			return 0, "must be a whole number"
		case err != nil:
			return 0, tooLarge
		}
		zeros += int(e)
	}
	switch {
	case zeros < 0:
		return 0, "must be a whole number"
	case len(digits)+zeros > 19: // as many as the largest has
		return 0, tooLarge
	}
	digits += strings.Repeat("0", zeros)
	if negative {
		digits = "-" + digits
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, tooLarge
	}
	return n, ""
}
