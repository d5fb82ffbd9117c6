package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestOpenAPI_golden(t *testing.T) {
	t.Parallel()
	document, err := json.MarshalIndent(served().root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "openapi.golden.json", append(document, '\n'))
}

// The rules of OpenAPI 3.1 that can be checked without its own schema.
func TestOpenAPI_isWellFormed(t *testing.T) {
	t.Parallel()
	root := served().root
	if version, _ := root["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("openapi %q", version)
	}
	info, _ := root["info"].(object)
	if info["title"] == "" || info["version"] == "" {
		t.Errorf("info %v", info)
	}
	walk(root, "#", func(node object, at string) {
		if ref, ok := node["$ref"].(string); ok {
			if !resolves(root, ref) {
				t.Errorf("%s: %s leads nowhere", at, ref)
			}
		}
	})
	ids := map[string]bool{}
	for path, item := range served().paths() {
		for method, value := range item.(object) {
			op := value.(object)
			at := method + " " + path
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] {
				t.Errorf("%s: operationId %q is empty or not unique", at, id)
			}
			ids[id] = true
			checkParameters(t, at, path, op)
			checkResponses(t, at, op)
		}
	}
}

func checkParameters(t *testing.T, at, path string, op object) {
	t.Helper()
	var inPath []string
	seen := map[string]bool{}
	parameters, _ := op["parameters"].([]any)
	for _, value := range parameters {
		p := value.(object)
		name, in := p["name"].(string), p["in"].(string)
		if seen[in+name] {
			t.Errorf("%s: parameter %s twice", at, name)
		}
		seen[in+name] = true
		if _, ok := p["schema"].(object); !ok || !slices.Contains([]string{"path", "query", "header"}, in) || p["description"] == "" {
			t.Errorf("%s: parameter %v", at, p)
		}
		if in == "path" {
			inPath = append(inPath, "{"+name+"}")
			if p["required"] != true {
				t.Errorf("%s: path parameter %s is not required", at, name)
			}
		}
	}
	template := regexp.MustCompile(`\{[^}]*\}`).FindAllString(path, -1)
	if !slices.Equal(template, inPath) {
		t.Errorf("%s: path parameters %v", at, inPath)
	}
}

func checkResponses(t *testing.T, at string, op object) {
	t.Helper()
	responses, _ := op["responses"].(object)
	good := false
	for status, value := range responses {
		response := served().resolve(value.(object))
		if !regexp.MustCompile(`^[1-5][0-9][0-9]$`).MatchString(status) || response["description"] == "" || response["description"] == nil {
			t.Errorf("%s: response %s: %v", at, status, response)
		}
		good = good || status[0] == '2' || status == "303"
		content, _ := response["content"].(object)
		for media, value := range content {
			if _, ok := value.(object)["schema"].(object); !ok {
				t.Errorf("%s: response %s: %s has no schema", at, status, media)
			}
		}
	}
	if !good || op["summary"] == nil {
		t.Errorf("%s: no summary, or no response of a success", at)
	}
}

func walk(node any, at string, visit func(object, string)) {
	switch node := node.(type) {
	case object:
		visit(node, at)
		for name, child := range node {
			walk(child, at+"/"+name, visit)
		}
	case []any:
		for _, child := range node {
			walk(child, at+"[]", visit)
		}
	}
}

func resolves(root object, ref string) bool {
	at := any(root)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		next, ok := at.(object)
		if !ok {
			return false
		}
		at = next[step]
	}
	return at != nil
}

// What is described is served, by a route of its own. What is served is described, as far as
// requests for all known paths can show.
func TestOpenAPI_isWhatIsServed(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	handler := handlerOf(t, config)
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	for path := range served().paths() {
		concrete := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, orderID)
		for _, method := range methods {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(method, concrete, nil))
			refused := answer.Code == http.StatusMethodNotAllowed ||
				answer.Code == http.StatusNotFound && problemIn(t, answer).Code == "route_not_found"
			if described := served().operation(method, concrete) != nil; described == refused {
				t.Errorf("%s %s: described %t, answered %d", method, path, described, answer.Code)
			}
		}
	}

	var routes struct {
		Routes []struct{ Method, Path string }
	}
	answer := do(t, handler, get("/"))
	if err := json.Unmarshal(answer.Body.Bytes(), &routes); err != nil {
		t.Fatal(err)
	}
	if len(routes.Routes) == 0 {
		t.Error("the index is empty")
	}
	for _, route := range routes.Routes {
		if served().operation(route.Method, route.Path) == nil {
			t.Errorf("%s %s is in the index and not described", route.Method, route.Path)
		}
	}
}

// No client is sent to another host for scripts or schemas.
func TestOpenAPI_loadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	walk(served().root, "#", func(node object, at string) {
		for _, name := range []string{"url", "externalDocs", "$schema"} {
			if url, ok := node[name].(string); ok && strings.Contains(url, "//") {
				t.Errorf("%s/%s: %s", at, name, url)
			}
		}
	})
}
