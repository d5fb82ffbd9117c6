package cloudevents

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"

	"orderflow/ports"
)

// stream writes to a writer that cannot remove what was written.
type stream struct {
	w io.Writer
	// rest is the rest of a line that was written in part.
	rest []byte
}

func (s *stream) write(lines []byte) (int, error) {
	n, err := write(s.w, s.rest)
	if s.rest = s.rest[n:]; err != nil {
		return 0, err
	}
	n, err = write(s.w, lines)
	if err != nil && n > 0 && lines[n-1] != '\n' {
		end := n + bytes.IndexByte(lines[n:], '\n') + 1
		s.rest = bytes.Clone(lines[n:end])
	}
	return n, err
}

func (s *stream) length() int64 { return 0 }

func (s *stream) close() error { return nil }

// write writes b, if it is not empty, and checks that the writer keeps the contract of io.Writer.
func write(w io.Writer, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := w.Write(b)
	n = min(max(n, 0), len(b))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if errors.Is(err, syscall.EPIPE) {
		err = fmt.Errorf("nobody reads the output any more; restart the service, with another sink if need be: %w", err)
	}
	return n, unavailable("write", err)
}

// unavailable translates an error of the target, if there is one.
func unavailable(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", operation, ports.ErrUnavailable, err)
}
