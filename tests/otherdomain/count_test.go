package otherdomain_test

import (
	"flag"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the counts into doc.go and the README")

// code counts the Go files of a folder that are not tests, and their lines of code.
func code(t *testing.T, folder string) (files, lines int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		// a file with one line of code has only a comment
		if n := len(codeLines(t, path)); n > 1 && !strings.HasSuffix(path, "_test.go") {
			files++
			lines += n
		}
	}
	return files, lines
}

// codeLines returns the lines of a file that have a token which is not a comment.
func codeLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file := set.AddFile(path, -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	text := strings.Split(string(source), "\n")
	last := 0
	for {
		at, tok, literal := s.Scan()
		if tok == token.EOF {
			return lines
		}
		if tok == token.SEMICOLON && literal == "\n" {
			continue
		}
		first := set.Position(at).Line
		for line := max(first, last+1); line <= first+strings.Count(literal, "\n"); line++ {
			lines, last = append(lines, text[line-1]), line
		}
	}
}

// ofStock matches the lines of the wiring that exist only because of the second domain.
var ofStock = regexp.MustCompile(`\b(stock|stockjson|inventory|views)\.|OrdersOnly|/otherdomain/`)

// folders are the packages of the second domain.
var folders = []string{"stock", "stock/views", "stockjson", "inventory"}

func wiring(t *testing.T) (lines int) {
	t.Helper()
	for _, line := range codeLines(t, "service.go") {
		if ofStock.MatchString(line) {
			lines++
		}
	}
	return lines
}

// counts returns the table of doc.go.
func counts(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("//\tfiles  lines\n")
	for _, folder := range folders {
		files, lines := code(t, folder)
		fmt.Fprintf(&b, "//\t%5d %6d  %s\n", files, lines, folder)
	}
	fmt.Fprintf(&b, "//\t%5d %6d  service.go, of the lines of its wiring\n", 1, wiring(t))
	return b.String()
}

// cells returns the cells of the table in the README, in its order.
func cells(t *testing.T) (cells []string) {
	t.Helper()
	for _, folder := range folders {
		files, lines := code(t, folder)
		word := "files"
		if files == 1 {
			word = "file"
		}
		cells = append(cells, fmt.Sprintf("| %d %s, %d lines |", files, word, lines))
	}
	return append(cells, fmt.Sprintf("| %d lines |", wiring(t)))
}

// The figures in the documentation are counted and not typed.
func TestDoc_CountsWhatStockTook(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?m)^//\tfiles  lines\n(//\t.*\n)+`)
	got := counts(t)
	if *update {
		if err := os.WriteFile("doc.go", table.ReplaceAll(doc, []byte(got)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found := table.FindString(string(doc)); found != got {
		t.Errorf("doc.go says\n%s\nand it is\n%s\nrun with -update", found, got)
	}
}

func TestReadme_CountsWhatStockTook(t *testing.T) {
	t.Parallel()
	const path = "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cell, want, n := regexp.MustCompile(`\| (\d+ files?, )?\d+ lines \|`), cells(t), 0
	got := cell.ReplaceAllStringFunc(string(readme), func(old string) string {
		n++
		return want[min(n, len(want))-1]
	})
	switch {
	case n != len(want):
		t.Errorf("%d figures in the README, want %d", n, len(want))
	case got == string(readme):
	case *update:
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README has other figures than %q; run with -update", want)
	}
}

func TestCodeLines_CountsNeitherBlanksNorComments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.go")
	source := "// Package a is.\npackage a\n\n// A comment.\nvar text = `one\n\nthree`\n\n" +
		"/* a\nlong\n*/\nfunc f() {\n\tf() // again\n}\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(codeLines(t, path), "|")
	if want := "package a|var text = `one||three`|func f() {|\tf() // again|}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
