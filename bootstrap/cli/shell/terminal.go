package shell

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Terminal is an output that is a terminal although it is no file of the process.
type Terminal interface {
	io.Writer
	// Size returns how many columns and lines it has.
	Size() (columns, lines int)
}

// IsTerminal reports whether w is a terminal, where a progress bar makes sense.
func IsTerminal(w io.Writer) bool {
	_, _, ok := sizeOf(w)
	return ok
}

// sizeOf returns the size of a terminal. ok is false when w is none.
func sizeOf(w io.Writer) (columns, lines int, ok bool) {
	switch w := w.(type) {
	case pipe:
		return sizeOf(w.Writer)
	case *whole:
		return sizeOf(w.Writer)
	case Terminal:
		columns, lines = w.Size()
		return columns, lines, true
	case *os.File:
		if !term.IsTerminal(int(w.Fd())) {
			return 0, 0, false
		}
		columns, lines, err := term.GetSize(int(w.Fd()))
		if err != nil || columns < 1 || lines < 1 {
			columns, lines = 80, 24 // a terminal that does not tell its size
		}
		return columns, lines, true
	default:
		return 0, 0, false
	}
}

// whole is the error stream of a command. Its log, its messages and its progress come from several
// goroutines, and each text is written as a whole.
type whole struct {
	mu sync.Mutex
	io.Writer
}

// Write implements io.Writer.
func (w *whole) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Writer.Write(b)
}

// Control sequences of terminals.
const (
	otherScreen = "\x1b[?1049h"
	firstScreen = "\x1b[?1049l"
	topLeft     = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// Screen shows a text that changes, on a screen of its own. It is not safe for concurrent use.
type Screen struct {
	out  io.Writer
	text string
	used bool
}

// NewScreen returns a Screen on an output.
func NewScreen(out io.Writer) *Screen { return &Screen{out: out} }

// Live reports whether the output is a terminal. Otherwise the Screen cannot be used.
func (s *Screen) Live() bool { return IsTerminal(s.out) }

// Show replaces the text. What does not fit on the screen is left out.
func (s *Screen) Show(text string) error {
	s.text = text
	var b strings.Builder
	if !s.used {
		b.WriteString(otherScreen)
		s.used = true
	}
	b.WriteString(topLeft)
	columns, most, _ := sizeOf(s.out)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines[:min(len(lines), most-1)] {
		if i > 0 {
			b.WriteString("\n")
		}
		if runes := []rune(line); len(runes) > columns {
			line = string(runes[:columns-1]) + "…"
		}
		b.WriteString(line + clearLine)
	}
	b.WriteString(clearRest)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// Close goes back to the first screen and leaves the last text there. Calling it twice is safe.
func (s *Screen) Close() {
	if s.used {
		s.used = false
		_, _ = io.WriteString(s.out, firstScreen+s.text) // the command has ended either way
	}
}
