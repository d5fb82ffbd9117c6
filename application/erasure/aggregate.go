package erasure

import (
	"strconv"

	"orderflow/application/command"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// Commands decides commands of subjects and appends their events.
type Commands = ports.CommandHandler[subject.Command, subject.Event]

// NewCommands returns the command handler of subjects.
func NewCommands(codec ports.Codec[subject.Event], config command.Config) Commands {
	return command.New(Aggregate(codec), config)
}

// Aggregate describes subjects to the command handler.
func Aggregate(codec ports.Codec[subject.Event]) command.Aggregate[subject.Command, subject.Subject, subject.Event] {
	return command.Aggregate[subject.Command, subject.Subject, subject.Event]{
		Type: subject.Type, Decider: subject.Decider(), Codec: codec, Check: subject.Check, AppendContent: appendContent,
	}
}

// appendContent appends the fields of a command. The digest of the text is stored.
func appendContent(b []byte, c subject.Command) []byte {
	switch c := c.(type) {
	case subject.RequestErasure:
		for _, text := range []string{c.Token, c.Reason, c.Reference} {
			b = strconv.AppendQuote(append(b, ' '), text)
		}
	case subject.RecordErasure:
		for _, n := range []int64{c.Counts.Aggregates, c.Counts.Rewritten, c.Counts.Plain} {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
	}
	return b
}
