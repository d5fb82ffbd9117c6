package layout

import (
	"encoding/binary"
	"errors"
	"fmt"

	"orderflow/ports"
)

// The formats of the small values, with what they hold.
const (
	formatHead     = 2 // sequence number, position, aggregate type as the rest
	formatHead1    = 1 // sequence number, position; the aggregate is of ports.LegacyAggregateType
	formatCommand  = 1 // first sequence number, number of events
	formatPosition = 1 // position
	formatState    = 1 // sequence number, data as the rest
	// formatConsumer: revision, flags, from, live, next and previous generation, switched at. A
	// generation is its number and its version, both varints.
	formatConsumer = 2
	// formatConsumer1 is from before revisions: generation (varint), flags. The number of a
	// generation was the version of its reducer then.
	formatConsumer1 = 1
)

// Head is the end of the history of an aggregate.
type Head struct {
	// Sequence is the sequence number of the last event, and Position its place in the feed.
	Sequence, Position uint64
	AggregateType      string
}

// Encode returns the value of a head.
func (h Head) Encode() []byte {
	value := append(make([]byte, 0, 1+2*binary.MaxVarintLen64+len(h.AggregateType)), formatHead)
	return append(binary.AppendUvarint(binary.AppendUvarint(value, h.Sequence), h.Position), h.AggregateType...)
}

// DecodeHead reads the value of a head.
func DecodeHead(value []byte) (Head, error) {
	format, d := decodeEither(value, formatHead1, formatHead)
	h := Head{Sequence: d.uvarint(), Position: d.uvarint(), AggregateType: ports.LegacyAggregateType}
	if format != formatHead1 {
		h.AggregateType = d.aggregateType(uint64(len(d.rest)))
	}
	if err := d.end(); err != nil {
		return Head{}, fmt.Errorf("head: %w", err)
	}
	return h, nil
}

// Span is where the events of a command are in the history of the aggregate.
type Span struct{ First, Count uint64 }

// Encode returns the value of a command.
func (s Span) Encode() []byte {
	value := append(make([]byte, 0, 1+2*binary.MaxVarintLen64), formatCommand)
	return binary.AppendUvarint(binary.AppendUvarint(value, s.First), s.Count)
}

// DecodeSpan reads the value of a command.
func DecodeSpan(value []byte) (Span, error) {
	d := decode(value, formatCommand)
	s := Span{First: d.uvarint(), Count: d.uvarint()}
	if err := d.end(); err != nil {
		return Span{}, fmt.Errorf("command: %w", err)
	}
	return s, nil
}

// EncodePosition returns the value of an offset, or of OldestKey.
func EncodePosition(position uint64) []byte {
	return binary.AppendUvarint([]byte{formatPosition}, position)
}

// DecodePosition reads what EncodePosition returns.
func DecodePosition(value []byte) (uint64, error) {
	d := decode(value, formatPosition)
	position := d.uvarint()
	if err := d.end(); err != nil {
		return 0, fmt.Errorf("position: %w", err)
	}
	return position, nil
}

// AppendState appends the value of a state.
func AppendState(value []byte, s ports.ViewState) []byte {
	return append(binary.AppendUvarint(append(value, formatState), s.SequenceNumber), s.Data...)
}

// DecodeState reads the value of a state. The state shares no memory with it.
func DecodeState(value []byte) (ports.ViewState, error) {
	d := decode(value, formatState)
	s := ports.ViewState{SequenceNumber: d.uvarint()}
	s.Data = append(s.Data, d.bytes(uint64(len(d.rest)))...)
	if err := d.end(); err != nil {
		return ports.ViewState{}, fmt.Errorf("state: %w", err)
	}
	return s, nil
}

// DecodeStateSequence reads only the sequence number of a state.
func DecodeStateSequence(value []byte) (uint64, error) {
	d := decode(value, formatState)
	sequence := d.uvarint()
	if d.err != nil {
		return 0, fmt.Errorf("state: %w", d.err)
	}
	return sequence, nil
}

// The flags of a consumer.
const (
	flagCatchingUp = 1 << iota
	flagPaused
)

// EncodeConsumer returns the value of what the registry keeps about a consumer. It refuses a time
// that milliseconds cannot hold.
func EncodeConsumer(c ports.ConsumerRecord) ([]byte, error) {
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

// DecodeConsumer reads what EncodeConsumer returns. The name is in the key.
func DecodeConsumer(name string, value []byte) (ports.ConsumerRecord, error) {
	format, d := decodeEither(value, formatConsumer1, formatConsumer)
	c := ports.ConsumerRecord{Name: name}
	if format == formatConsumer1 {
		// A consumer that is stored has a revision.
		number := int(d.varint())
		c.Revision, c.Live = 1, ports.Generation{Number: number, Version: number}
		c.CatchingUp = d.flags(flagCatchingUp) != 0
	} else {
		c.Revision = d.uvarint()
		flags := d.flags(flagCatchingUp | flagPaused)
		c.CatchingUp, c.Paused = flags&flagCatchingUp != 0, flags&flagPaused != 0
		c.From = d.time()
		c.Live, c.Next, c.Previous = d.generation(), d.generation(), d.generation()
		c.SwitchedAt = d.time()
	}
	if err := d.end(); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer: %w", err)
	}
	return c, nil
}

func (d *decoder) generation() ports.Generation {
	return ports.Generation{Number: int(d.varint()), Version: int(d.varint())}
}
