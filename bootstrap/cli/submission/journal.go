package submission

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/google/uuid"
)

// journalFormat is the version of the format: JSON lines, each a heading or an entry. Format 1 had
// a line "NUMBER CHECKSUM REFUSAL" for each answer, and did not name the store of the answers.
const journalFormat = 2

// journal keeps which lines of an input were answered, and how, by each store in each run.
//
// An entry is appended with one write and not synced. It survives the end of the process, but not a
// crash of the machine.
type journal struct {
	path string
	// part marks the entries of this store and this run.
	part string

	mu   sync.Mutex
	file *os.File
	// done holds the answers of this store in this run.
	done map[int]answered
	// newest is the line of the last answer that names an event. It is 0 when there is none.
	newest int
	// others is the number of answers of other stores and other runs.
	others int
	// early holds the answers in format 1.
	early map[int]answered
}

// answered is the answer to a line.
type answered struct {
	sum     uint64
	refusal string // empty for an accepted command
	// orderID and eventID are those of the first event of the command. They are nil when it emitted
	// none.
	orderID, eventID uuid.UUID
}

// entry is a line of the journal. A heading has a format, an entry has a line number.
type entry struct {
	Format int    `json:"journal,omitempty"`
	Part   string `json:"part"`
	Store  string `json:"store,omitempty"`
	Run    string `json:"run,omitempty"`

	Line    int       `json:"line,omitempty"`
	Sum     string    `json:"sum,omitempty"`
	Refusal string    `json:"refusal,omitempty"`
	OrderID uuid.UUID `json:"order_id,omitzero"`
	EventID uuid.UUID `json:"event_id,omitzero"`
}

// openJournal reads the journal at path, if there is one, and opens it for the answers of a store
// in a run. With an empty path nothing is kept.
func openJournal(path, store, run string) (_ *journal, err error) {
	part := sha256.Sum256([]byte(store + "\x00" + run))
	j := &journal{path: path, part: hex.EncodeToString(part[:8]), done: map[int]answered{}, early: map[int]answered{}}
	if path == "" {
		return j, nil
	}
	known := false
	err = j.read(func(e entry) { known = known || e.Format > 0 && e.Part == j.part })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	if j.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if !known {
		err = j.write(entry{Format: journalFormat, Part: j.part, Store: store, Run: run})
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// read reads every complete line of the file. It removes an incomplete last line, so that answer is
// requested again.
func (j *journal) read(heading func(entry)) error {
	file, err := os.Open(j.path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	var whole int64 // bytes up to the end of the last complete line
	for number := 1; ; number++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(text) == 0 {
				return nil
			}
			return os.Truncate(j.path, whole)
		}
		if err != nil {
			return err
		}
		if err := j.take(text, heading); err != nil {
			return fmt.Errorf("line %d is no entry of a journal: %q (%w)", number, bytes.TrimSpace(text), err)
		}
		whole += int64(len(text))
	}
}

// take reads one line of the file.
func (j *journal) take(text []byte, heading func(entry)) error {
	if text[0] != '{' {
		var line int
		var a answered
		if _, err := fmt.Sscanf(string(text), "%d %x %q\n", &line, &a.sum, &a.refusal); err != nil {
			return err
		}
		j.early[line] = a
		return nil
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	sum, err := strconv.ParseUint(e.Sum, 16, 64)
	switch {
	case e.Format > journalFormat:
		return fmt.Errorf("it has format %d, and this version of the program knows format %d", e.Format, journalFormat)
	case e.Format > 0:
		heading(e)
	case e.Line < 1 || err != nil:
		return errors.New("it has no number or no checksum")
	case e.Part != j.part:
		j.others++
	default:
		j.keep(e.Line, answered{sum: sum, refusal: e.Refusal, orderID: e.OrderID, eventID: e.EventID})
	}
	return nil
}

func (j *journal) keep(line int, a answered) {
	j.done[line] = a
	if a.eventID != uuid.Nil {
		j.newest = line
	}
}

// before returns the answer of an earlier run to a line.
func (j *journal) before(l line) (a answered, ok bool, err error) {
	j.mu.Lock()
	a, ok = j.done[l.number]
	j.mu.Unlock()
	if ok && a.sum != l.sum {
		return a, false, fmt.Errorf("it is not what it was in the run that the journal tells of; remove %s to submit this input again", j.path)
	}
	return a, ok, nil
}

// record stores the answer to a line.
func (j *journal) record(line int, a answered) error {
	if j.file == nil {
		return nil
	}
	return j.write(entry{
		Part: j.part, Line: line, Sum: strconv.FormatUint(a.sum, 16), Refusal: a.refusal, OrderID: a.orderID,
		EventID: a.eventID,
	})
}

// adopt adds the answers in format 1, when it is known that they belong to this store and this run.
func (j *journal) adopt() error {
	for _, line := range slices.Sorted(maps.Keys(j.early)) {
		j.keep(line, j.early[line])
		if err := j.record(line, j.early[line]); err != nil {
			return err
		}
	}
	clear(j.early)
	return nil
}

func (j *journal) write(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}
