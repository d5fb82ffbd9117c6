package commit

import (
	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/layout"
	"orderflow/ports"
)

// look reads the heads and the commands of requests. What cannot be read of one aggregate does not
// affect the others.
func (g *group) look(requests []*request) error {
	clear(g.heads)
	clear(g.commands)
	clear(g.broken)
	keys, room := make([][]byte, len(requests)), g.keys[:0]
	for i, r := range requests {
		from := len(room)
		room = layout.AppendHeadKey(room, r.aggregateID)
		keys[i] = room[from:len(room):len(room)]
	}
	g.keys = room
	unread, err := g.db.Lookup(keys, func(key, value []byte) (err error) {
		g.heads[layout.AggregateOf(key)], err = layout.DecodeHead(value)
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range unread {
		g.replaceHead(layout.AggregateOf(key))
	}
	keys = keys[:0]
	for _, r := range requests {
		// A command that is in the history already lies after the expected head, see
		// ports.EventStore. So nothing is to be looked for when that is the head.
		if g.heads[r.aggregateID].Sequence != r.expected {
			keys = append(keys, layout.CommandKey(r.aggregateID, r.commandID))
		}
	}
	unread, err = g.db.Lookup(keys, func(key, value []byte) (err error) {
		g.commands[commandID{layout.AggregateOf(key), layout.CommandOf(key)}], err = layout.DecodeSpan(value)
		return err
	})
	for _, key := range unread {
		g.replaceSpan(commandID{layout.AggregateOf(key), layout.CommandOf(key)})
	}
	return err
}

// replaceHead takes a head that cannot be read from the events.
func (g *group) replaceHead(id uuid.UUID) {
	delete(g.heads, id)
	head, found, err := g.history.HeadOfEvents(id, ports.ErrCorrupt)
	switch {
	case err != nil:
		g.broken[id] = err
	case found:
		g.heads[id] = head
	}
}

// replaceSpan takes a command that cannot be read from the history.
func (g *group) replaceSpan(id commandID) {
	delete(g.commands, id)
	span, found, err := g.history.SpanOf(id.aggregate, id.command)
	switch {
	case err != nil:
		g.broken[id.aggregate] = err
	case found:
		g.commands[id] = span
	}
}
