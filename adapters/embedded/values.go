package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"orderflow/ports"
)

// The small values. Each starts with a format byte; numbers are uvarints unless said otherwise.
const (
	formatHead     = 2 // sequence number, position, aggregate type as the rest
	formatHead1    = 1 // sequence number, position; the aggregate is an order
	formatCommand  = 1 // first sequence number, number of events
	formatPosition = 1 // position
	formatState    = 1 // sequence number, state as the rest
	// formatConsumer: revision, flags, from, live, next and previous generation, switched at. A generation is its number and
	// its version, and a time is in milliseconds since 1970; all of these are varints.
	formatConsumer = 2
	// formatConsumer1 is what was written before there were revisions: generation (varint), flags. The number of a generation was
	// the version of its reducer then.
	formatConsumer1 = 1
)

// head is how far the history of an aggregate goes.
type head struct {
	sequence uint64
	// position is that of the last event in the feed.
	position      uint64
	aggregateType string
}

func (h head) encode() []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint([]byte{formatHead}, h.sequence), h.position), h.aggregateType...)
}

func decodeHead(value []byte) (head, error) {
	format, d := decodeEither(value, formatHead1, formatHead)
	h := head{sequence: d.uvarint(), position: d.uvarint(), aggregateType: ports.LegacyAggregateType}
	if format != formatHead1 {
		h.aggregateType = d.aggregateType(uint64(len(d.rest)))
	}
	if err := d.end(); err != nil {
		return head{}, fmt.Errorf("head: %w", err)
	}
	return h, nil
}

// span is where the events of a command are in the history; the zero span is nowhere.
type span struct{ first, count uint64 }

func (s span) encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{formatCommand}, s.first), s.count)
}

func decodeSpan(value []byte) (span, error) {
	d := decode(value, formatCommand)
	s := span{first: d.uvarint(), count: d.uvarint()}
	if err := d.end(); err != nil {
		return span{}, fmt.Errorf("command: %w", err)
	}
	return s, nil
}

func encodePosition(position uint64) []byte {
	return binary.AppendUvarint([]byte{formatPosition}, position)
}

func decodePosition(value []byte) (uint64, error) {
	d := decode(value, formatPosition)
	position := d.uvarint()
	if err := d.end(); err != nil {
		return 0, fmt.Errorf("position: %w", err)
	}
	return position, nil
}

func encodeState(s ports.ViewState) []byte {
	return append(binary.AppendUvarint([]byte{formatState}, s.SequenceNumber), s.Data...)
}

func decodeState(value []byte) (ports.ViewState, error) {
	d := decode(value, formatState)
	s := ports.ViewState{SequenceNumber: d.uvarint()}
	s.Data = append(s.Data, d.bytes(uint64(len(d.rest)))...)
	if err := d.end(); err != nil {
		return ports.ViewState{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// The flags of a consumer. The first formats had the first one only.
const (
	flagCatchingUp = 1 << iota
	flagPaused
)

func encodeConsumer(c ports.ConsumerRecord) ([]byte, error) {
	var flags byte
	if c.CatchingUp {
		flags |= flagCatchingUp
	}
	if c.Paused {
		flags |= flagPaused
	}
	value := append(binary.AppendUvarint([]byte{formatConsumer}, c.Revision), flags)
	value, errFrom := appendTime(value, c.From)
	for _, g := range []ports.Generation{c.Live, c.Next, c.Previous} {
		value = binary.AppendVarint(binary.AppendVarint(value, int64(g.Number)), int64(g.Version))
	}
	value, errSwitched := appendTime(value, c.SwitchedAt)
	return value, errors.Join(errFrom, errSwitched)
}

func decodeConsumer(name string, value []byte) (ports.ConsumerRecord, error) {
	if len(value) > 0 && value[0] == formatConsumer1 {
		return decodeConsumer1(name, value)
	}
	d := decode(value, formatConsumer)
	c := ports.ConsumerRecord{Name: name, Revision: d.uvarint()}
	flags := d.flags(flagCatchingUp | flagPaused)
	c.CatchingUp, c.Paused = flags&flagCatchingUp != 0, flags&flagPaused != 0
	c.From = fromMillis(d.varint())
	c.Live, c.Next, c.Previous = d.generation(), d.generation(), d.generation()
	c.SwitchedAt = fromMillis(d.varint())
	if err := d.end(); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer: %w", err)
	}
	return c, nil
}

// decodeConsumer1 reads a record that knows nothing of revisions. It is there, so it has one.
func decodeConsumer1(name string, value []byte) (ports.ConsumerRecord, error) {
	d := decode(value, formatConsumer1)
	generation := int(d.varint())
	c := ports.ConsumerRecord{
		Name: name, Revision: 1, Live: ports.Generation{Number: generation, Version: generation},
		CatchingUp: d.flags(flagCatchingUp) != 0,
	}
	if err := d.end(); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer: %w", err)
	}
	return c, nil
}

func (d *decoder) generation() ports.Generation {
	return ports.Generation{Number: int(d.varint()), Version: int(d.varint())}
}

// flags reads a byte of which only the known bits may be set.
func (d *decoder) flags(known byte) byte {
	b := d.bytes(1)
	if d.err != nil {
		return 0
	}
	if b[0]&^known != 0 {
		d.fail(errFormat)
		return 0
	}
	return b[0]
}

// appendTime appends a time; the zero time is the number that it is, long before any other.
func appendTime(dst []byte, t time.Time) ([]byte, error) {
	millis, err := toMillis(t)
	return binary.AppendVarint(dst, millis), err
}
