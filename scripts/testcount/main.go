// Command testcount reads the output of go test -json. It prints the failed tests with their
// output, the skipped tests with their reasons, and the number of tests. It fails when a test
// failed, and when there was no test.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
}

func main() {
	if err := count(bufio.NewScanner(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
}

func count(lines *bufio.Scanner) error {
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	output := map[string]*strings.Builder{}
	var passed, failed, skipped, packages int
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text()) // not from a test: for example a build error
			continue
		}
		key := e.Package + e.ImportPath + " " + e.Test
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		output[key].WriteString(e.Output)
		switch e.Action {
		case "pass":
			if e.Test != "" {
				passed++
			} else {
				packages++
			}
		case "skip":
			if e.Test != "" {
				skipped++
				fmt.Printf("skipped: %s\n%s", key, output[key])
			}
		case "fail", "build-fail":
			if e.Test != "" {
				failed++
			}
			fmt.Printf("FAILED: %s\n%s\n", key, output[key])
		default:
			continue
		}
		delete(output, key)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	fmt.Printf("tests and subtests in %d packages:\n%d passed, %d failed, %d skipped\n", packages, passed, failed, skipped)
	if failed > 0 || passed == 0 {
		return fmt.Errorf("%d tests failed, %d passed", failed, passed)
	}
	return nil
}
