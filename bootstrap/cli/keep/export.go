package keep

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/adapters/exportfile"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/shell"
	"orderflow/ports"
)

// exportOptions are the arguments and flags of export.
type exportOptions struct {
	file, since, order, kind string
	follow                   bool

	header exportfile.Header
}

// drainTimeout bounds how long the end of a following export may take.
const drainTimeout = time.Minute

func (sh tools) exportCommand() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the stored events to a file",
		Long: `Write the stored events to a file, as they are stored: one JSON object a line, order by order, with a header and a
trailer. A file whose name ends in .zst is compressed. The file has its name only when it is complete. - is the standard
output. The file holds personal data, and only its owner may read it. A whole export also has the log of operations: who
has done what to the service. It has no tokens.

With --follow the export goes on with what is committed until Ctrl-C. Then it writes what was committed up to that moment,
and the trailer. So a move to another store needs a pause of a few seconds only: export with --follow into an import, stop
the writers, end the export with Ctrl-C.

Exit status: 0, or 3 when an event cannot be read. The history of its order then ends before that event.`,
		Example: `  orderflow export orders.ndjson.zst                      # everything
  orderflow export --order ID -                           # one order, to look at
  orderflow export --follow - | orderflow import - --store=scylla --scylla-hosts=10.0.0.1 # a move`,
		Args: func(_ *cobra.Command, args []string) error { return oneFile("export", args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			if err := o.check(); err != nil {
				return err
			}
			return sh.Attached(cmd, shell.OnlyReads, func(ctx context.Context, c *client.Client) error {
				return sh.export(ctx, c, o)
			})
		},
	}
	cmd.ValidArgsFunction = shell.AFile
	flags := cmd.Flags()
	flags.StringVar(&o.since, "since", "", "only events from this time on, such as 2026-05-01T00:00:00Z")
	flags.StringVar(&o.order, "order", "", "only this order")
	flags.StringVar(&o.kind, "type", "", "only this type of aggregates, such as order")
	flags.BoolVar(&o.follow, "follow", false, "go on with what is committed, until Ctrl-C")
	return shell.OnlyReads.Declare(cmd)
}

func oneFile(command string, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return &shell.UsageError{Err: fmt.Errorf("orderflow %s: needs FILE, or - for the standard streams", command)}
	}
	return nil
}

func (o *exportOptions) check() error {
	o.header = exportfile.Header{
		Type: o.kind, Follow: o.follow, Operations: o.since == "" && o.order == "" && o.kind == "",
	}
	var err error
	if o.since != "" {
		if o.header.Since, err = time.Parse(time.RFC3339, o.since); err != nil {
			return shell.Bad("since", "%q is not a time such as 2026-05-01T00:00:00Z", o.since)
		}
	}
	if o.order != "" {
		if o.header.Order, err = uuid.Parse(o.order); err != nil || o.header.Order == uuid.Nil {
			return shell.Bad("order", "%q is not the id of an order", o.order)
		}
	}
	return nil
}

func (o *exportOptions) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"since": o.since, "order": o.order, "type": o.kind} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func (sh tools) export(ctx context.Context, c *client.Client, o exportOptions) (err error) {
	if o.follow && c.Passive {
		return errors.New("no service runs on " + sh.Config.Data + ", so there is nothing to follow: leave --follow out")
	}
	var index struct {
		StoreID uuid.UUID `json:"store_id"`
	}
	if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/", Patient: true, Accept: "application/json"}, &index); err != nil {
		return err
	}
	o.header.Store, o.header.Created = index.StoreID, time.Now().UTC().Truncate(time.Second)
	out, finish, err := sh.create(o.file)
	if err != nil {
		return err
	}
	defer func() {
		var bad *shell.BadAnswer // the file is complete: it says what there is
		err = errors.Join(err, finish(err == nil || errors.As(err, &bad)))
	}()
	file, err := exportfile.NewWriter(out, exportfile.Compressed(o.file), o.header)
	if err != nil {
		return err
	}
	x := &exporting{client: c, file: file, meter: sh.Progress("exporting", "events")}
	defer x.meter.Stop()
	if err := x.all(ctx, o); err != nil {
		return err
	}
	if o.header.Operations {
		if err := x.operations(ctx); err != nil {
			return err
		}
	}
	trailer, err := file.Close()
	if err != nil {
		return err
	}
	x.meter.Stop()
	if o.order != "" && o.since == "" && trailer.Events == 0 && x.end.Unreadable == 0 {
		return fmt.Errorf("there is no order %s", o.order)
	}
	fmt.Fprintf(sh.Err, "exported %d events of %d orders\n", trailer.Events, trailer.Orders)
	if x.end.Unreadable > 0 {
		return x.unreadable()
	}
	return nil
}

// create opens the output. finish gives a file its name, or removes what there is of it.
func (sh tools) create(name string) (out io.Writer, finish func(complete bool) error, err error) {
	if name == "-" {
		buffered := bufio.NewWriterSize(sh.Out, 64<<10)
		return flushing{buffered}, func(bool) error { return buffered.Flush() }, nil
	}
	if _, err := os.Lstat(name); err == nil {
		return nil, nil, fmt.Errorf("%s exists already: delete it, or name another file", name)
	}
	part := name + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	buffered := bufio.NewWriterSize(file, 256<<10)
	return flushing{buffered}, func(complete bool) error {
		errs := []error{buffered.Flush(), file.Sync(), file.Close()}
		if err := errors.Join(errs...); err != nil || !complete {
			return errors.Join(err, os.Remove(part))
		}
		return os.Rename(part, name)
	}, nil
}

// flushing is a buffered output that can be flushed.
type flushing struct{ *bufio.Writer }

// exporting is one export.
type exporting struct {
	client *client.Client
	file   *exportfile.Writer
	meter  *progress.Meter
	// place is the last place up to which everything has come.
	place string
	end   exportEnd
}

type exportEnd struct {
	Unreadable uint64 `json:"unreadable"`
	Shown      []struct {
		AggregateID    string `json:"aggregate_id"`
		SequenceNumber uint64 `json:"sequence_number"`
	} `json:"shown"`
}

func (x *exporting) all(ctx context.Context, o exportOptions) error {
	query := o.query()
	if !o.follow {
		return x.read(ctx, query)
	}
	query.Set("follow", "true")
	err := x.read(ctx, query)
	if ctx.Err() == nil || x.place == "" {
		return err
	}
	// The end of a following export. What was committed up to now is still to come.
	query.Del("follow")
	query.Del("since")
	query.Set("after", x.place)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return x.read(ctx, query)
}

// read writes an answer to the file.
func (x *exporting) read(ctx context.Context, query url.Values) error {
	answer, err := x.client.Stream(ctx, client.Request{Method: http.MethodGet, Path: "/v1/export?" + query.Encode()})
	if err != nil {
		return err
	}
	defer answer.Close()
	for lines := bufio.NewReaderSize(answer, 256<<10); ; {
		line, err := readLine(lines)
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the answer ends before the export is complete: has the service been stopped?")
		case err != nil:
			return fmt.Errorf("answer of /v1/export: %w", err)
		}
		if exportfile.IsRecord(line) {
			if err := x.file.Record(line); err != nil {
				return err
			}
			x.meter.Add(1)
			continue
		}
		var control struct {
			Place   string
			End     *exportEnd
			Problem *client.Problem
		}
		if err := json.Unmarshal(line, &control); err != nil {
			return fmt.Errorf("answer of /v1/export: %w", err)
		}
		switch {
		case control.Problem != nil:
			return control.Problem
		case control.End != nil:
			x.end = *control.End
			return nil
		case control.Place != "":
			x.place = control.Place
			if err := x.file.Flush(); err != nil {
				return err
			}
		}
	}
}

// operations writes the log of operations to the file. What is done meanwhile is not in it.
func (x *exporting) operations(ctx context.Context) error {
	// after Ctrl-C, which ends an export that follows, this is still to be written
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	type page struct {
		client.Next
		Operations []operation `json:"operations"`
	}
	var failed error
	_, err := client.Pages(ctx, x.client, "/v1/operations", math.MaxInt, func(p page) int {
		for _, o := range p.Operations {
			if failed == nil {
				failed = x.file.Operation(ports.OperationEntry(o))
			}
		}
		return len(p.Operations)
	})
	return errors.Join(err, failed)
}

// operation is an entry of GET /v1/operations.
type operation struct {
	ID          uuid.UUID `json:"id"`
	At          time.Time `json:"at"`
	Subject     string    `json:"subject"`
	TokenID     string    `json:"token_id"`
	Action      string    `json:"action"`
	Target      string    `json:"target"`
	AggregateID uuid.UUID `json:"aggregate_id"`
	Reason      string    `json:"reason"`
	Detail      string    `json:"detail"`
	Failure     string    `json:"failure"`
}

// readLine returns a line with its end. It is valid until the next call.
func readLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	rest, err := lines.ReadBytes('\n')
	return append(bytes.Clone(line), rest...), err
}

func (x *exporting) unreadable() error {
	text := fmt.Sprintf("%d orders have an event that cannot be read, and are exported up to it:", x.end.Unreadable)
	for _, u := range x.end.Shown {
		text += fmt.Sprintf(" event %d of %s;", u.SequenceNumber, u.AggregateID)
	}
	return &shell.BadAnswer{Text: text[:len(text)-1]}
}
