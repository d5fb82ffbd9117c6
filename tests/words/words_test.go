package words_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	root = "../.."
	// limit is the widest line, in characters. A tab counts as four.
	limit = 100
)

// retired are words for things that have another name everywhere else, with that name.
var retired = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\bset(s|ting)? (\w+ )?aside\b`), "park"},
	{regexp.MustCompile(`\bpassed over\b`), "skip"},
	{regexp.MustCompile(`\bput(s|ting)? right\b`), "repair"},
	{regexp.MustCompile(`^\w+ (says|tells) whether\b`), "report whether"},
	{regexp.MustCompile(`\banew\b`), "again"},
	{regexp.MustCompile(`\bunder way\b`), "in progress"},
}

func TestComments(t *testing.T) {
	t.Parallel()
	expectNone(t, ".go", commentFaults)
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	expectNone(t, ".md", markdownFaults)
}

func TestMarkdownLinks(t *testing.T) {
	t.Parallel()
	expectNone(t, ".md", linkFaults)
}

func TestSchemaComments(t *testing.T) {
	t.Parallel()
	expectNone(t, ".cql", schemaFaults)
}

// expectNone reports the faults of all files of a kind.
func expectNone(t *testing.T, extension string, faults func(name string, text []byte) ([]string, error)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(path) != extension:
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found, err := faults(name, text)
		for _, fault := range found {
			t.Error(fault)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no file *%s", extension)
	}
}

// commentFaults returns the wide lines and the retired words in the comments of a Go file.
// Directives such as //nolint may be wide, and so may what an example prints.
func commentFaults(name string, text []byte) (faults []string, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(text, []byte("\n"))
	for _, group := range file.Comments {
		first, last := set.Position(group.Pos()).Line, set.Position(group.End()).Line
		if isOutput(group) {
			continue
		}
		for n := first; n <= last; n++ {
			if line := string(lines[n-1]); !isDirective(line) {
				faults = append(faults, wide(name, n, line)...)
			}
		}
		faults = append(faults, words(name, first, group.Text())...)
	}
	return faults, nil
}

func isOutput(group *ast.CommentGroup) bool {
	text := group.Text()
	return strings.HasPrefix(text, "Output:") || strings.HasPrefix(text, "Unordered output:")
}

var directive = regexp.MustCompile(`//(nolint|go):`)

func isDirective(line string) bool { return directive.MatchString(line) }

// markdownFaults returns the wide lines of a Markdown file outside of tables and code, and the
// retired words outside of code.
func markdownFaults(name string, text []byte) (faults []string, err error) {
	var prose []string
	begin, inCode := 1, false
	flush := func(next int) {
		faults = append(faults, words(name, begin, strings.Join(prose, "\n"))...)
		prose, begin = nil, next
	}
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			inCode = !inCode
			flush(i + 2)
		case inCode, strings.HasPrefix(line, "    ") && len(prose) == 0:
		case strings.TrimSpace(line) == "":
			flush(i + 2)
		default:
			prose = append(prose, line)
			if !strings.HasPrefix(line, "|") {
				faults = append(faults, wide(name, i+1, line)...)
			}
		}
	}
	flush(0)
	return faults, nil
}

var link = regexp.MustCompile(`\]\(([^()# ]+)[^()]*\)`)

// linkFaults returns the links of a Markdown file to files that do not exist.
func linkFaults(name string, text []byte) (faults []string, err error) {
	for i, line := range strings.Split(string(text), "\n") {
		for _, found := range link.FindAllStringSubmatch(line, -1) {
			target := found[1]
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), target)); err != nil {
				faults = append(faults, fmt.Sprintf("%s:%d: %s does not exist", name, i+1, target))
			}
		}
	}
	return faults, nil
}

// schemaFaults returns the wide lines and the retired words in the comments of a CQL file.
func schemaFaults(name string, text []byte) (faults []string, err error) {
	for i, line := range strings.Split(string(text), "\n") {
		if _, comment, ok := strings.Cut(line, "--"); ok {
			faults = append(faults, wide(name, i+1, line)...)
			faults = append(faults, words(name, i+1, comment)...)
		}
	}
	return faults, nil
}

func wide(name string, n int, line string) []string {
	width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
	if width <= limit {
		return nil
	}
	return []string{fmt.Sprintf("%s:%d: %d characters, at most %d fit", name, n, width, limit)}
}

// words returns the retired words in a text that begins at a line.
func words(name string, n int, text string) (faults []string) {
	text = strings.Join(strings.Fields(text), " ")
	for _, r := range retired {
		if found := r.pattern.FindString(text); found != "" {
			faults = append(faults, fmt.Sprintf("%s:%d: %q is called %q everywhere else", name, n, found, r.instead))
		}
	}
	return faults
}

// The checks find what they are for, and nothing else.
func TestFaults(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 20)
	const file = "package p\n\n"
	for name, test := range map[string]struct {
		check func(string, []byte) ([]string, error)
		text  string
		want  []string
	}{
		"a comment that fits":                {commentFaults, file + "// " + long[:97] + "\n", nil},
		"a wide comment":                     {commentFaults, file + "// " + long + "x\n", []string{"f:3: 104 characters, at most 100 fit"}},
		"a wide comment behind a tab":        {commentFaults, file + "func f() {\n\t// " + long[:94] + "\n}\n", []string{"f:4: 101 characters, at most 100 fit"}},
		"characters count, and not bytes":    {commentFaults, file + "// " + strings.Repeat("é", 97) + "\n", nil},
		"wide code":                          {commentFaults, file + "var x = `" + long + long + "`\n", nil},
		"a wide directive":                   {commentFaults, file + "var x = `" + long + "` //nolint:x // why\n", nil},
		"what an example prints":             {commentFaults, file + "func ExampleF() {\n\t// Output:\n\t// " + long + "\n}\n", nil},
		"a retired word over two lines":      {commentFaults, file + "// It is put\n// right.\n", []string{`f:3: "put right" is called "repair" everywhere else`}},
		"a retired word in a string":         {commentFaults, file + "var x = `put right`\n", nil},
		"a flag that says whether":           {commentFaults, file + "// F does it. --force says whether it must.\n", nil},
		"a pass over something":              {commentFaults, file + "// One pass over all.\n", nil},
		"wide Markdown":                      {markdownFaults, "# Title\n\n" + long + "x\n", []string{"f:3: 101 characters, at most 100 fit"}},
		"a wide table":                       {markdownFaults, "| " + long + "|\n", nil},
		"wide code in Markdown":              {markdownFaults, "Text:\n\n```\n" + long + "x\n```\n\n    " + long + "\n", nil},
		"a wide item of a list":              {markdownFaults, "- item\n    " + long + "\n", []string{"f:2: 104 characters, at most 100 fit"}},
		"a retired word in Markdown":         {markdownFaults, "A\n\nAn order is set\naside.\n", []string{`f:3: "set aside" is called "park" everywhere else`}},
		"a retired word in code of Markdown": {markdownFaults, "```\nset aside\n```\n", nil},
		"a link to nothing":                  {linkFaults, "[a](README.md#part), [b](https://x.example), [c](no/doc.go)\n", []string{"f:1: no/doc.go does not exist"}},
		"a wide comment in CQL":              {schemaFaults, "-- " + long + "\nSELECT;\n", []string{"f:1: 103 characters, at most 100 fit"}},
		"a retired word in CQL":              {schemaFaults, "a int, -- of events that are passed over\n", []string{`f:1: "passed over" is called "skip" everywhere else`}},
		"wide CQL":                           {schemaFaults, "SELECT " + long + ";\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.check("f", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("faults %q, want %q", got, test.want)
			}
		})
	}
}
