package submission

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
)

// MaxLine is the highest number of bytes of a line. The API accepts bodies of up to 1 MiB, so it
// would refuse a longer line.
const MaxLine = 2 << 20

// line is one line of the input.
type line struct {
	number int
	// text is the line without its end. It is nil for a line that is longer than MaxLine.
	text []byte
	// size is the number of bytes of the whole line, and sum a checksum of them.
	size int64
	sum  uint64
}

var errUTF16 = errors.New("the input is UTF-16; save it as UTF-8")

// readLines calls each for every line that is not blank, until it returns an error.
func readLines(input io.Reader, each func(line) error) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	start, _ := reader.Peek(3) // the error comes again
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = reader.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errUTF16
	}
	for number := 1; ; number++ {
		l, err := readLine(reader)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number, err)
		}
		l.number = number
		if blank := !l.tooLong() && len(bytes.TrimSpace(l.text)) == 0; !blank {
			if err := each(l); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine reads up to the next line end. With io.EOF it returns the rest.
func readLine(reader *bufio.Reader) (line, error) {
	var text []byte
	var size int64
	var tooLong hash.Hash64 // for a line whose text is not kept
	for {
		part, err := reader.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		size += int64(len(part))
		switch {
		case tooLong != nil:
			tooLong.Write(part)
		case size > MaxLine+1: // there may be a carriage return in addition
			tooLong = fnv.New64a()
			tooLong.Write(text)
			tooLong.Write(part)
		default:
			text = append(text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if tooLong != nil {
			return line{size: size, sum: tooLong.Sum64()}, err
		}
		text = bytes.TrimSuffix(text, []byte{'\r'})
		l := line{text: text, size: int64(len(text)), sum: checksum(text)}
		if len(text) > MaxLine {
			l.text = nil
		}
		return l, err
	}
}

func checksum(text []byte) uint64 {
	h := fnv.New64a()
	h.Write(text)
	return h.Sum64()
}

func (l line) tooLong() bool { return l.size > MaxLine }
