package schema

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed *.cql
var files embed.FS

// migration is one file of the schema. Files are only ever added: each is applied once.
type migration struct {
	version    int
	name       string
	statements []string
	checksum   string
}

// migrations returns the embedded files in order. The first one, version 0, creates the tables that
// record the others.
func migrations() ([]migration, error) {
	entries, err := files.ReadDir(".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	var list []migration
	for i, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		if version, err := strconv.Atoi(number); err != nil || version != i {
			return nil, fmt.Errorf("schema: file %s should start with %03d", entry.Name(), i)
		}
		text, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
		m := migration{version: i, name: strings.TrimSuffix(entry.Name(), ".cql"), statements: StatementsOf(string(text))}
		sum := sha256.Sum256([]byte(strings.Join(m.statements, ";")))
		m.checksum = hex.EncodeToString(sum[:8])
		list = append(list, m)
	}
	return list, nil
}

var (
	createsTable = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\w+) `)
	// setsTombstones matches a statement that a server without the option refuses.
	setsTombstones = regexp.MustCompile(`^ALTER TABLE (\w+) WITH tombstone_gc = \{'mode': '(\w+)'\}$`)
)

// tombstonesOf returns all tables of the files with the mode of tombstone_gc that the files set. It
// is empty for a table that keeps the default of the server.
func tombstonesOf(list []migration) map[string]string {
	modes := map[string]string{}
	for _, m := range list {
		for _, cql := range m.statements {
			if created := createsTable.FindStringSubmatch(cql); created != nil {
				modes[created[1]] = ""
			}
			if set := setsTombstones.FindStringSubmatch(cql); set != nil {
				modes[set[1]] = set[2]
			}
		}
	}
	return modes
}

// StatementsOf splits CQL text and drops comments and the spaces that do not matter. No literal in
// the files contains "--" or a semicolon.
func StatementsOf(text string) []string {
	var code strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "--")
		code.WriteString(line + "\n")
	}
	var statements []string
	for statement := range strings.SplitSeq(code.String(), ";") {
		if statement = strings.Join(strings.Fields(statement), " "); statement != "" {
			statements = append(statements, statement)
		}
	}
	return statements
}
