package embedded

import (
	"encoding/binary"
	"fmt"

	"orderflow/ports"
)

// The small values. Each starts with a format byte; numbers are uvarints unless said otherwise.
const (
	formatHead     = 1 // sequence number, position
	formatCommand  = 1 // first sequence number, number of events
	formatPosition = 1 // position
	formatState    = 1 // sequence number, state as the rest
	formatConsumer = 1 // generation (varint), flags
)

// head is how far the history of an aggregate goes.
type head struct {
	sequence uint64
	// position is that of the last event in the feed.
	position uint64
}

func (h head) encode() []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{formatHead}, h.sequence), h.position)
}

func decodeHead(value []byte) (head, error) {
	d := decode(value, formatHead)
	h := head{sequence: d.uvarint(), position: d.uvarint()}
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

// flagCatchingUp is the only flag of a consumer.
const flagCatchingUp = 1

func encodeConsumer(c ports.ConsumerRecord) []byte {
	var flags byte
	if c.CatchingUp {
		flags |= flagCatchingUp
	}
	return append(binary.AppendVarint([]byte{formatConsumer}, int64(c.Generation)), flags)
}

func decodeConsumer(name string, value []byte) (ports.ConsumerRecord, error) {
	d := decode(value, formatConsumer)
	c := ports.ConsumerRecord{Name: name, Generation: int(d.varint())}
	if flags := d.bytes(1); d.err == nil {
		c.CatchingUp = flags[0]&flagCatchingUp != 0
		if flags[0]&^flagCatchingUp != 0 {
			d.fail(errFormat)
		}
	}
	if err := d.end(); err != nil {
		return ports.ConsumerRecord{}, fmt.Errorf("consumer: %w", err)
	}
	return c, nil
}
