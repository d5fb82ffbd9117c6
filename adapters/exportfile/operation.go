package exportfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/google/uuid"

	"orderflow/ports"
)

// operationPrefix is how the line of an entry of the log of operations begins.
const operationPrefix = `{"operation_id":`

func isOperation(line []byte) bool { return bytes.HasPrefix(line, []byte(operationPrefix)) }

// operationDocument is the line of an entry.
type operationDocument struct {
	ID        uuid.UUID `json:"operation_id"`
	At        string    `json:"at"`
	Subject   string    `json:"subject,omitempty"`
	TokenID   string    `json:"token_id,omitempty"`
	Action    string    `json:"action"`
	Target    string    `json:"target,omitempty"`
	Aggregate uuid.UUID `json:"aggregate,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	Failure   string    `json:"failure,omitempty"`
	CRC       string    `json:"crc,omitempty"`
}

// AppendOperation appends the line of an entry to b, with its line end.
func AppendOperation(b []byte, e ports.OperationEntry) []byte {
	line := marshal(operationDocument{
		ID: e.ID, At: e.At.UTC().Format(timeFormat), Subject: e.Subject, TokenID: e.TokenID, Action: e.Action, Target: e.Target,
		Aggregate: e.AggregateID, Reason: e.Reason, Detail: e.Detail, Failure: e.Failure,
	})
	line = line[:len(line)-1]
	return fmt.Appendf(append(b, line...), "%s%08x\"}\n", crcMember, crc32.Checksum(line, castagnoli))
}

// parseOperation returns the entry of a line.
func parseOperation(line []byte) (ports.OperationEntry, error) {
	var d operationDocument
	if err := strictly(line, &d); err != nil {
		return ports.OperationEntry{}, err
	}
	if err := checkSum(line, d.CRC); err != nil {
		return ports.OperationEntry{}, err
	}
	at, err := time.Parse(timeFormat, d.At)
	switch {
	case err != nil:
		return ports.OperationEntry{}, errors.New("at is no time in whole milliseconds")
	case d.ID == uuid.Nil || d.Action == "":
		return ports.OperationEntry{}, errors.New("it has no operation_id or no action")
	}
	return ports.OperationEntry{
		ID: d.ID, At: at, Subject: d.Subject, TokenID: d.TokenID, Action: d.Action, Target: d.Target, AggregateID: d.Aggregate,
		Reason: d.Reason, Detail: d.Detail, Failure: d.Failure,
	}, nil
}
