package command

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"
	"unsafe"

	"github.com/google/uuid"
)

// span says where the events of a command are in a history.
type span struct {
	command uuid.UUID
	first   uint64
	count   uint32
}

// index says where the events of the commands of a history are. It answers for certain that a
// command is not among those that it holds, so that no history has to be read for it. What a
// command has answered is not kept: the events say it, and one read finds them.
type index struct {
	// before is the sequence number of the last event whose command may be missing here. A command
	// is never missing in part. Where all commands are here it is 0.
	before uint64
	// sorted has an entry for each of the older commands, in the order of their ids. An entry is 16
	// bytes of the id, 8 of the first sequence number and 4 of the count, big-endian. Snapshots
	// hold the same bytes, so a long index is used as it was read.
	sorted []byte
	// recent are the newest commands, in the order of the history.
	recent []span
}

// entryBytes is the length of an entry of index.sorted.
const entryBytes = 16 + 8 + 4

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
		if i, found := x.search(command); found && x.at(i).first+uint64(x.at(i).count) == sequence {
			x.sorted = bytes.Clone(x.sorted)
			binary.BigEndian.PutUint32(x.sorted[i*entryBytes+24:], x.at(i).count+1)
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

// forget leaves out every command but the last, if the recent ones are more than some.
func (x *index) forget(some int) {
	if len(x.recent) <= some {
		return
	}
	last := x.recent[len(x.recent)-1]
	*x = index{before: last.first - 1, recent: []span{last}}
}

// merged returns all commands as index.sorted.
func (x *index) merged() []byte {
	late := slices.Clone(x.recent)
	slices.SortFunc(late, func(a, b span) int { return bytes.Compare(a.command[:], b.command[:]) })
	all, from := make([]byte, 0, len(x.sorted)+len(late)*entryBytes), 0
	for _, s := range late {
		i, _ := x.search(s.command)
		all = append(all, x.sorted[from*entryBytes:i*entryBytes]...)
		all = append(all, s.command[:]...)
		all = binary.BigEndian.AppendUint64(all, s.first)
		all = binary.BigEndian.AppendUint32(all, s.count)
		from = i
	}
	return append(all, x.sorted[from*entryBytes:]...)
}

// find returns where the events of a command are.
func (x *index) find(command uuid.UUID) (span, bool) {
	for i := len(x.recent) - 1; i >= 0; i-- {
		if x.recent[i].command == command {
			return x.recent[i], true
		}
	}
	if i, found := x.search(command); found {
		return x.at(i), true
	}
	return span{}, false
}

// search returns the place of the first entry of index.sorted whose id is not before that of a
// command, and whether it is the command.
func (x *index) search(command uuid.UUID) (int, bool) {
	return sort.Find(len(x.sorted)/entryBytes, func(i int) int {
		return bytes.Compare(command[:], x.sorted[i*entryBytes:i*entryBytes+16])
	})
}

// at returns an entry of index.sorted.
func (x *index) at(i int) span {
	e := x.sorted[i*entryBytes : (i+1)*entryBytes]
	return span{
		command: uuid.UUID(e[:16]), first: binary.BigEndian.Uint64(e[16:]), count: binary.BigEndian.Uint32(e[24:]),
	}
}

func (x *index) bytes() int { return cap(x.sorted) + cap(x.recent)*int(unsafe.Sizeof(span{})) }
