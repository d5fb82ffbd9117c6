package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// watchPatience bounds one look, so that an outage is seen soon.
const watchPatience = 5 * time.Second

// watchConsumers shows the consumers again and again until ctx ends. That is its normal end.
func (sh tools) watchConsumers(ctx context.Context, c *client.Client, o consumersOptions) error {
	if c.Passive {
		return fmt.Errorf("no service runs on %s, so there is nothing to watch: start 'orderflow serve', or leave --watch out",
			sh.Config.Data)
	}
	c.Patience = watchPatience
	show, end := sh.watched(o.output)
	defer end()
	for first := true; ; first = false {
		view, err := look(ctx, c, o.check)
		var refusal *client.Problem
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case errors.As(err, &refusal) && !refusal.Passing():
			return err
		}
		if err := show(time.Now(), view, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.interval):
		}
	}
}

// watched returns how a look is shown: on a terminal as a table that changes, elsewhere as a line
// of JSON, or as one table after the other if the user wants that.
func (sh tools) watched(output *shell.Output) (show func(time.Time, consumersView, error) error, end func()) {
	screen := shell.NewScreen(sh.Out)
	switch {
	case output.JSON(), !output.Given() && !screen.Live():
		return sh.printLine, func() {}
	case !screen.Live():
		return func(at time.Time, view consumersView, failure error) error {
			var b strings.Builder
			err := writeWatched(&b, at, view, failure)
			return errors.Join(err, printed(fmt.Fprintln(sh.Out, b.String())))
		}, func() {}
	default:
		var table string // the newest one stays visible while there is no other
		return func(at time.Time, view consumersView, failure error) error {
			var b strings.Builder
			if err := writeWatched(&b, at, view, failure); err != nil {
				return err
			}
			if failure != nil {
				return screen.Show(b.String() + "\n" + table)
			}
			table = b.String()
			return screen.Show(table)
		}, screen.Close
	}
}

func printed(_ int, err error) error { return err }

// watchedLine is a line of 'consumers --watch': what 'consumers' shows and when, or why there is
// nothing to show.
type watchedLine struct {
	At string `json:"at"`
	*consumersView
	Error string `json:"error,omitempty"`
}

func (sh tools) printLine(at time.Time, view consumersView, failure error) error {
	line := watchedLine{At: at.UTC().Format(time.RFC3339Nano), consumersView: &view}
	if failure != nil {
		line.consumersView, line.Error = nil, failure.Error()
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		return err
	}
	return printed(sh.Out.Write(text.Bytes()))
}

// writeWatched writes one look as a table.
func writeWatched(out io.Writer, at time.Time, view consumersView, failure error) error {
	fmt.Fprintln(out, at.Format(time.TimeOnly))
	if failure != nil {
		return printed(fmt.Fprintln(out, failure))
	}
	err := PrintConsumers(out, client.KnownOf(view.Consumers), at)
	for _, text := range view.Wrong {
		fmt.Fprintf(out, "\nwrong: %s\n", text)
	}
	return err
}
