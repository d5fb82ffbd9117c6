package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// object is a JSON object.
type object = map[string]any

// description is the API as it describes itself.
type description struct{ root object }

// served is the OpenAPI document that every API of this package serves.
var served = sync.OnceValue(func() description {
	config := newShop().config()
	config.Metrics = http.NotFoundHandler()
	server, err := config.server()
	if err != nil {
		panic(err)
	}
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var d description
	if err := json.Unmarshal(answer.Body.Bytes(), &d.root); err != nil {
		panic(err)
	}
	return d
})

func (d description) paths() object { return d.root["paths"].(object) }

// resolve follows a $ref.
func (d description) resolve(node object) object {
	ref, ok := node["$ref"].(string)
	if !ok {
		return node
	}
	at := any(d.root)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = at.(object)[step]
	}
	return d.resolve(at.(object))
}

// operation finds the operation that serves a request. It returns nil when there is none.
func (d description) operation(method, path string) object {
	path, _, _ = strings.Cut(path, "?")
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for template, item := range d.paths() {
		if matches(template, path) {
			op, _ := item.(object)[strings.ToLower(method)].(object)
			return op
		}
	}
	return nil
}

func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

func (d description) bodySchema(method, path string) object {
	body := d.operation(method, path)["requestBody"].(object)
	return body["content"].(object)["application/json"].(object)["schema"].(object)
}

// checkDescribed compares an answer with the description: its status, its headers, its media type
// and its body.
func checkDescribed(t testing.TB, r request, answer *httptest.ResponseRecorder) {
	t.Helper()
	op := served().operation(r.method, r.path)
	if op == nil {
		return
	}
	response, ok := op["responses"].(object)[strconv.Itoa(answer.Code)].(object)
	if !ok {
		t.Errorf("%s %s answers %d, which is not described", r.method, r.path, answer.Code)
		return
	}
	response = served().resolve(response)
	headers, _ := response["headers"].(object)
	for name, header := range headers {
		if problem := served().header(header.(object)["schema"].(object), answer.Header().Get(name), name); problem != "" {
			t.Errorf("%s %s answers %d with a header that is not as described: %s", r.method, r.path, answer.Code, problem)
		}
	}
	content, described := response["content"].(object)
	if !described {
		if answer.Body.Len() > 0 {
			t.Errorf("%s %s answers %d with a body, which is not described", r.method, r.path, answer.Code)
		}
		return
	}
	media, ok := content[answer.Header().Get("Content-Type")].(object)
	if !ok {
		t.Errorf("%s %s answers %d with %q, which is not described", r.method, r.path, answer.Code, answer.Header().Get("Content-Type"))
		return
	}
	switch answer.Header().Get("Content-Type") {
	case "text/plain", "text/event-stream":
		return
	case "application/x-ndjson":
		for line := range strings.Lines(answer.Body.String()) {
			var value any
			if err := json.Unmarshal([]byte(line), &value); err != nil {
				t.Errorf("%s %s answers with a line that is no JSON: %v", r.method, r.path, err)
			} else if problem := served().check(media["schema"].(object), value, "line"); problem != "" {
				t.Errorf("%s %s answers with a line that is not as described: %s\n%s", r.method, r.path, problem, line)
			}
		}
		return
	}
	if r.method == http.MethodHead {
		return
	}
	if problem := served().check(media["schema"].(object), bodyOf[any](t, answer), "body"); problem != "" {
		t.Errorf("%s %s answers %d with a body that is not as described: %s\n%s", r.method, r.path, answer.Code, problem, answer.Body)
	}
}

// header checks a header, which is a number if the schema says so.
func (d description) header(schema object, text, name string) string {
	if schema["type"] == "integer" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Sprintf("%s: %q is no number", name, text)
		}
		return d.check(schema, n, name)
	}
	return d.check(schema, text, name)
}

// check returns the first place where value is not what schema says; "" when there is none. It
// knows the keywords that the description uses, and fails on any other, so that every keyword is
// really checked.
func (d description) check(schema object, value any, at string) string {
	schema = d.resolve(schema)
	for keyword, argument := range schema {
		if problem := d.keyword(schema, keyword, argument, value, at); problem != "" {
			return problem
		}
	}
	return ""
}

func (d description) keyword(schema object, keyword string, argument, value any, at string) string {
	wrong := func(ok bool) string {
		if ok {
			return ""
		}
		return fmt.Sprintf("%s: %v breaks %s: %v", at, value, keyword, argument)
	}
	number, isNumber := value.(float64)
	text, isText := value.(string)
	list, isList := value.([]any)
	members, isObject := value.(object)
	switch keyword {
	case "description", "examples", "default":
		return ""
	case "anyOf":
		return wrong(slices.ContainsFunc(argument.([]any), func(one any) bool { return d.check(one.(object), value, at) == "" }))
	case "not":
		return wrong(d.check(argument.(object), value, at) != "")
	case "type":
		types, several := argument.([]any) // a value that may be null
		if !several {
			types = []any{argument}
		}
		is := map[any]bool{
			"null": value == nil, "object": isObject, "array": isList, "string": isText, "number": isNumber, "boolean": value == true || value == false,
			"integer": isNumber && number == math.Trunc(number),
		}
		return wrong(slices.ContainsFunc(types, func(one any) bool { return is[one] }))
	case "minimum":
		return wrong(!isNumber || number >= argument.(float64))
	case "exclusiveMaximum":
		return wrong(!isNumber || number < argument.(float64))
	case "maximum":
		return wrong(!isNumber || number <= argument.(float64))
	case "minLength":
		return wrong(!isText || utf8.RuneCountInString(text) >= int(argument.(float64)))
	case "maxLength":
		return wrong(!isText || utf8.RuneCountInString(text) <= int(argument.(float64)))
	case "pattern":
		return wrong(!isText || regexp.MustCompile(argument.(string)).MatchString(text))
	case "enum":
		return wrong(slices.Contains(argument.([]any), value))
	case "format":
		return wrong(!isText || hasFormat(argument.(string), text))
	case "minItems":
		return wrong(!isList || len(list) >= int(argument.(float64)))
	case "maxItems":
		return wrong(!isList || len(list) <= int(argument.(float64)))
	case "items":
		for i, element := range list {
			if problem := d.check(argument.(object), element, fmt.Sprintf("%s[%d]", at, i)); problem != "" {
				return problem
			}
		}
		return ""
	case "required":
		for _, name := range argument.([]any) {
			if _, ok := members[name.(string)]; isObject && !ok {
				return fmt.Sprintf("%s: %s is missing", at, name)
			}
		}
		return ""
	case "properties":
		for name, property := range argument.(object) {
			if member, ok := members[name]; ok {
				if problem := d.check(property.(object), member, at+"."+name); problem != "" {
					return problem
				}
			}
		}
		return ""
	case "additionalProperties":
		properties, _ := schema["properties"].(object)
		for name, member := range members {
			if _, ok := properties[name]; ok {
				continue
			}
			rest, isSchema := argument.(object)
			if argument == false {
				return fmt.Sprintf("%s: %s is not expected", at, name)
			}
			if isSchema {
				if problem := d.check(rest, member, at+"."+name); problem != "" {
					return problem
				}
			}
		}
		return ""
	default:
		return fmt.Sprintf("%s: this test does not know the keyword %s", at, keyword)
	}
}

func hasFormat(format, text string) bool {
	switch format {
	case "uuid":
		id, err := uuid.Parse(text)
		return err == nil && id.String() == strings.ToLower(text)
	case "date-time":
		return new(time.Time).UnmarshalText([]byte(text)) == nil
	case "uri", "uri-reference":
		return text != "" && !strings.ContainsAny(text, " \n")
	default:
		return false
	}
}
