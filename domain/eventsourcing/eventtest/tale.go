package eventtest

import (
	"fmt"
	"strings"
)

// complaints are what is wrong with one scenario.
type complaints []string

// mostComplaints bounds what is printed of one scenario.
const mostComplaints = 5

func (c *complaints) complain(format string, args ...any) {
	switch n := len(*c); {
	case n < mostComplaints:
		*c = append(*c, fmt.Sprintf(format, args...))
	case n == mostComplaints:
		*c = append(*c, "and more")
	}
}

// protect reports whether f returned. A panic is a complaint.
func (c *complaints) protect(what string, f func()) (ended bool) {
	defer func() {
		if p := recover(); p != nil {
			c.complain("%s panicked: %v", what, p)
		}
	}()
	f()
	return true
}

// tale is a scenario in words, a line each.
type tale struct{ strings.Builder }

func (t *tale) line(text string) { t.WriteString(text + "\n") }

// part writes lines under one word.
func (t *tale) part(word string, lines []string) {
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	for _, line := range lines {
		t.line(fmt.Sprintf("%-6s %s", word, line))
		word = ""
	}
}

func (t *tale) end(complaints []string) string {
	for _, complaint := range complaints {
		t.line(complaint)
	}
	return strings.TrimRight(t.String(), "\n")
}
