package operate

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// listing is a list that a command prints.
type listing struct {
	// header has the names of the columns of the table, and none is printed for an empty list.
	header, none string

	lines     []string
	documents []json.RawMessage
	err       error
}

// add adds an entry: a line of the table, and the document of the API. With a consumer, both begin
// with it.
func add[T any](l *listing, consumer string, document client.Document[T], format string, columns ...any) {
	line := fmt.Sprintf(format, columns...)
	text, err := document.MarshalJSON()
	if consumer != "" {
		line = consumer + "\t" + line
		text, err = document.Of(consumer)
	}
	if err != nil && l.err == nil {
		l.err = err
	}
	l.lines, l.documents = append(l.lines, line), append(l.documents, text)
}

// print prints a list, as JSON under a name.
func (sh tools) print(l *listing, name string, output *shell.Output) error {
	switch {
	case l.err != nil:
		return l.err
	case output.JSON():
		return sh.PrintJSON(map[string][]json.RawMessage{name: append([]json.RawMessage{}, l.documents...)})
	case len(l.lines) == 0:
		_, err := fmt.Fprintln(sh.Out, l.none)
		return err
	}
	table := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, l.header)
	for _, line := range l.lines {
		fmt.Fprintln(table, line)
	}
	return table.Flush()
}
