package command

import (
	"bytes"
	"slices"
	"unsafe"

	"github.com/google/uuid"
)

// span says where the events of a command are in a history.
type span struct {
	command uuid.UUID
	first   uint64
	count   uint32
}

// index holds every command of a history: 32 bytes each. It answers for certain that a command is
// not there, so that no history has to be read for it. What a command has answered is not kept: the
// events say it, and one read finds them.
type index struct {
	// sorted is in the order of the command ids.
	sorted []span
	// recent are the newest commands, in the order of the history.
	recent []span
}

// maxRecent bounds the commands that are searched one by one. So settle copies the index once in
// maxRecent commands.
const maxRecent = 256

func (x *index) grow(commands int) { x.recent = slices.Grow(x.recent, commands) }

// add adds the next event of the history.
func (x *index) add(command uuid.UUID, sequence uint64) {
	switch n := len(x.recent); {
	case n > 0 && x.recent[n-1].command == command:
		x.recent[n-1].count++
		return
	case n == 0: // the last command may have been sorted in before its last event came
		if i, found := x.search(command); found && x.sorted[i].first+uint64(x.sorted[i].count) == sequence {
			x.sorted[i].count++
			return
		}
	}
	x.recent = append(x.recent, span{command: command, first: sequence, count: 1})
}

// settle sorts the recent commands in, if they are many.
func (x *index) settle() {
	if len(x.recent) > maxRecent {
		x.sorted, x.recent = x.merged(), nil
	}
}

// merged returns all commands in the order of their ids.
func (x *index) merged() []span {
	all := make([]span, 0, len(x.sorted)+len(x.recent))
	late := slices.Clone(x.recent)
	slices.SortFunc(late, func(a, b span) int { return bytes.Compare(a.command[:], b.command[:]) })
	for _, s := range x.sorted {
		for len(late) > 0 && bytes.Compare(late[0].command[:], s.command[:]) < 0 {
			all, late = append(all, late[0]), late[1:]
		}
		all = append(all, s)
	}
	return append(all, late...)
}

// find returns where the events of a command are.
func (x *index) find(command uuid.UUID) (span, bool) {
	for i := len(x.recent) - 1; i >= 0; i-- {
		if x.recent[i].command == command {
			return x.recent[i], true
		}
	}
	if i, found := x.search(command); found {
		return x.sorted[i], true
	}
	return span{}, false
}

func (x *index) search(command uuid.UUID) (int, bool) {
	return slices.BinarySearchFunc(x.sorted, command, func(s span, id uuid.UUID) int {
		return bytes.Compare(s.command[:], id[:])
	})
}

func (x *index) bytes() int { return (cap(x.sorted) + cap(x.recent)) * int(unsafe.Sizeof(span{})) }
