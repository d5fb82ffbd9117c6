package cli

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// journal remembers which lines of an input were answered, and how, so that a run that was interrupted goes on where it
// stopped.
//
// Command ids alone would keep accepted commands from happening twice. But a refused command, or one that changed nothing,
// leaves no trace in the service, and would be decided anew on an order that later lines have changed since. So each answer
// is written down before the next command of the same order is sent.
//
// A line is appended with one write and not synced: it survives the end of the process, not that of the machine.
type journal struct {
	mu   sync.Mutex
	file *os.File
	done map[int]answered
}

type answered struct {
	hash    uint64
	refusal string // empty for an accepted command
}

// openJournal reads the journal at path, if there is one, and opens it for more. An empty path keeps nothing.
func openJournal(path string) (*journal, error) {
	j := &journal{done: make(map[int]answered)}
	if path == "" {
		return j, nil
	}
	if err := j.read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.file = file
	return j, nil
}

func (j *journal) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	var whole int64 // bytes up to the end of the last whole entry
	for number := 1; ; number++ {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			if line == "" {
				return nil
			}
			return os.Truncate(path, whole) // cut off while it was written: that answer is asked for again
		}
		if err != nil {
			return err
		}
		var input int
		var a answered
		if _, err := fmt.Sscanf(line, "%d %x %q\n", &input, &a.hash, &a.refusal); err != nil {
			return fmt.Errorf("line %d is no entry of a journal: %q", number, strings.TrimSpace(line))
		}
		j.done[input] = a
		whole += int64(len(line))
	}
}

// before returns the answer that an earlier run got for a line.
func (j *journal) before(number int, line []byte) (a answered, ok bool, err error) {
	a, ok = j.done[number]
	if ok && a.hash != hashLine(line) {
		return a, false, fmt.Errorf("line %d is not what it was in the run that the journal tells of; "+
			"remove the journal to submit this input anew", number)
	}
	return a, ok, nil
}

// record writes down the answer to a line.
func (j *journal) record(number int, line []byte, refusal string) error {
	if j.file == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := fmt.Fprintf(j.file, "%d %x %q\n", number, hashLine(line), refusal)
	return err
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func hashLine(line []byte) uint64 {
	h := fnv.New64a()
	h.Write(line)
	return h.Sum64()
}
