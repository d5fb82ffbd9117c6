package deploy_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// instructions returns the instructions of the Dockerfile by name, in their order.
func instructions(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		name, arguments, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && !strings.HasPrefix(name, "#") {
			found[name] = append(found[name], arguments)
		}
	}
	return found
}

func TestDockerfile_BuildsOneStaticBinaryForAnybodyButRoot(t *testing.T) {
	t.Parallel()
	is := instructions(t)
	if from := is["FROM"]; len(from) != 2 || !pinned.MatchString(strings.TrimSuffix(from[0], " AS build")) || from[1] != "scratch" {
		t.Errorf("FROM %q, want a pinned compiler and then nothing", from)
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)[1]
	if !strings.HasPrefix(is["FROM"][0], "golang:"+string(language)+".") {
		t.Errorf("FROM %s, and go.mod wants Go %s", is["FROM"][0], language)
	}
	build := strings.Join(is["RUN"], "\n")
	for _, want := range []string{"CGO_ENABLED=0 go build", " -trimpath ", " -buildvcs=false ", " ./bootstrap/orderflow "} {
		if !strings.Contains(build, want) {
			t.Errorf("the build does not say %q:\n%s", want, build)
		}
	}
	if user := is["USER"]; len(user) != 1 || !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user[0]) {
		t.Errorf("USER %q, want the numbers of somebody without rights", user)
	}
}

func TestDockerfile_BinaryKnowsItsSettingsAndCommands(t *testing.T) {
	t.Parallel()
	is := instructions(t)
	for _, line := range is["ENV"] {
		for setting := range strings.FieldsSeq(line) {
			name, _, _ := strings.Cut(setting, "=")
			expectSetting(t, name)
		}
	}
	_, check, _ := strings.Cut(strings.Join(is["HEALTHCHECK"], " "), " CMD ")
	for _, command := range []string{check, is["CMD"][0]} {
		var args []string
		if err := json.Unmarshal([]byte(command), &args); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if args[0] == "/orderflow" {
			args = args[1:]
		}
		expectCommand(t, args)
	}
}
