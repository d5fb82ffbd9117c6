package endpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"orderflow/ports"
)

// Fingerprint names the cause of a failure: it is the same for parked aggregates that failed in the
// same way. These are failures of the same kind, at the same type of event, whose errors differ in
// ids, numbers and quoted texts only. It is not stored, so a later version may group in another
// way.
func Fingerprint(p ports.ParkedAggregate) string {
	sum := sha256.Sum256([]byte(string(p.Kind) + "\x00" + p.EventType + "\x00" + shape(p.Error)))
	return hex.EncodeToString(sum[:6])
}

// shape returns an error without what differs from order to order. A quoted text, and a word with a
// digit in it, stand for others of their kind.
func shape(text string) string {
	var out, word strings.Builder
	digits, quoted := false, false
	flush := func() {
		if digits {
			out.WriteByte('#')
		} else {
			out.WriteString(word.String())
		}
		word.Reset()
		digits = false
	}
	for _, r := range text {
		switch {
		case r == '"':
			if !quoted {
				flush()
				out.WriteString(`"#"`)
			}
			quoted = !quoted
		case quoted:
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			digits = digits || unicode.IsDigit(r)
			word.WriteRune(r)
		default:
			flush()
			out.WriteRune(r)
		}
	}
	flush()
	return out.String()
}
