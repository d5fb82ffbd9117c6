package aggregateapi

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"orderflow/adapters/httpapi/endpoint"
)

// The entity tag of an aggregate is its sequence number in quotes: "7". It is a strong one. RFC
// 9110, sections 8.8 and 13.

// maxTags bounds a list of entity tags.
const maxTags = 16

// entityTag is one element of If-Match or If-None-Match.
type entityTag struct {
	sequence uint64 // endpoint.NoVersion for a tag that this API does not issue
	weak     bool
}

// preconditions is a parsed If-Match or If-None-Match.
type preconditions struct {
	any  bool // *
	tags []entityTag
}

func etag(sequence uint64) string {
	return string(append(strconv.AppendUint([]byte{'"'}, sequence, 10), '"'))
}

// parsePreconditions reads a header that holds * or a list of entity tags, on one line or several.
// It returns nil if there is no such header.
func parsePreconditions(header http.Header, name string) (*preconditions, error) {
	lines := header[name]
	if len(lines) == 0 {
		return nil, nil
	}
	text := strings.Join(lines, ",")
	if trimOWS(text) == "*" {
		return &preconditions{any: true}, nil
	}
	parsed := &preconditions{}
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		tag, after, ok := cutTag(rest)
		if !ok {
			return nil, invalid(name, `must be * or a list of entity tags such as "7"`)
		}
		parsed.tags = append(parsed.tags, tag)
		rest = after
	}
	if n := len(parsed.tags); n == 0 || n > maxTags {
		return nil, invalid(name, "must have 1 to "+strconv.Itoa(maxTags)+" entity tags")
	}
	return parsed, nil
}

// cutTag takes the first entity tag off a list.
func cutTag(list string) (tag entityTag, rest string, ok bool) {
	opaque, weak := strings.CutPrefix(list, "W/")
	if !strings.HasPrefix(opaque, `"`) {
		return entityTag{}, "", false
	}
	end := strings.IndexByte(opaque[1:], '"') + 1
	if end == 0 {
		return entityTag{}, "", false
	}
	value, rest := opaque[1:end], strings.TrimLeft(opaque[end+1:], " \t")
	if strings.ContainsFunc(value, notInTag) || rest != "" && rest[0] != ',' {
		return entityTag{}, "", false
	}
	return entityTag{sequence: sequenceOf(value), weak: weak}, rest, true
}

// notInTag reports whether c cannot be inside an entity tag. Bytes above ASCII can.
func notInTag(c rune) bool { return c <= ' ' || c == 0x7f }

func sequenceOf(value string) uint64 {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != value {
		return endpoint.NoVersion
	}
	return n
}

// expected is for If-Match. It returns the sequence numbers that the aggregate may be at, in
// ascending order. If-Match compares strongly: a weak tag never matches, and neither does a tag of
// another kind. It returns nil when any version matches.
func (p *preconditions) expected() []uint64 {
	if p == nil || p.any {
		return nil
	}
	var sequences []uint64
	for _, tag := range p.tags {
		if !tag.weak && tag.sequence != endpoint.NoVersion && !slices.Contains(sequences, tag.sequence) {
			sequences = append(sequences, tag.sequence)
		}
	}
	if len(sequences) == 0 {
		return []uint64{endpoint.NoVersion}
	}
	slices.Sort(sequences)
	return sequences
}

// has reports whether sequence is among the tags, for If-None-Match, which compares weakly.
func (p *preconditions) has(sequence uint64) bool {
	return p != nil && (p.any || slices.ContainsFunc(p.tags, func(t entityTag) bool { return t.sequence == sequence }))
}

func trimOWS(s string) string { return strings.Trim(s, " \t") }

// invalid returns the problem of an invalid header.
func invalid(name, message string) error {
	return endpoint.Invalid(endpoint.CodeInvalidParameter, endpoint.FieldError{Field: name, Message: message})
}
