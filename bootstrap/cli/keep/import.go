package keep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"orderflow/adapters/exportfile"
	"orderflow/application/transfer"
	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/shell"
	"orderflow/ports"
)

// importOptions are the arguments and flags of import.
type importOptions struct {
	file                    string
	dryRun, publish, opaque bool
	seal, verify            bool
}

func (sh tools) importCommand() *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Write the events of an exported file into the store",
		Long: `Write the events of an exported file into the store: ids, times, sequence numbers and command ids stay as they are. The
consumers of the service follow. Entries of the log of operations are added to the log. - is the standard input.
Compression is recognised.

What the store has already is skipped. An order of which the store has another event is refused, and so is one with a bad
line in the file: nothing of it is written, and the others go on. A file is checked as a whole before anything is written.
An import that was interrupted is run again.

Imported events are not published, because they were published where they come from. --publish publishes them. An event
of a type that this program does not know is refused, unless --opaque.

With --seal and --personal-key, personal data that the file has in plain is sealed with the keys of this store; the rest
stays as it is. So a store that was filled without a key gets one. The data of a customer who was erased here is not
written.

Every event is compared with the file when it is written. --verify reads all of them again at the end, and compares them
with the file a second time. Whether the read models follow says 'orderflow verify', when a service has run.

The command uses the store itself. No service may run on the data directory. On ScyllaDB services may run.

Exit status: 0, or 4 when orders were refused; they are listed. 3 when --verify finds something.`,
		Example: `  orderflow import orders.ndjson.zst --data=new --dry-run
  orderflow import orders.ndjson.zst --data=sealed --personal-key=personal.key --seal
  orderflow import orders.ndjson.zst --store=scylla --scylla-hosts=10.0.0.1`,
		Args: func(_ *cobra.Command, args []string) error { return oneFile("import", args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return sh.runImport(cmd, o)
		},
	}
	cmd.ValidArgsFunction = shell.AFile
	flags := cmd.Flags()
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would happen")
	flags.BoolVar(&o.publish, "publish", false, "publish what is imported")
	flags.BoolVar(&o.seal, "seal", false, "seal personal data that is not sealed in the file")
	flags.BoolVar(&o.verify, "verify", false, "compare the store with the file at the end")
	flags.BoolVar(&o.opaque, "opaque", false, "accept events that this program cannot read")
	return shell.NeedsNothing.Declare(cmd)
}

func (sh tools) runImport(cmd *cobra.Command, o importOptions) error {
	ctx := cmd.Context()
	if cmd.Flags().Changed("url") {
		return shell.Bad("url", "an import uses the store itself, and no service")
	}
	if o.seal && sh.Config.PersonalKey == "" {
		return shell.Bad("personal-key", "it is missing: --seal needs it")
	}
	if o.verify && (o.file == "-" || o.dryRun) {
		return shell.Bad("verify", "it reads the file again after the import, so it needs a file, and no --dry-run")
	}
	in := io.Reader(sh.In)
	if o.file == "-" {
		// Ctrl-C goes to all commands of a pipe. The export before this one then writes its end,
		// which is still to be imported. A second Ctrl-C ends this command at once.
		ctx = context.WithoutCancel(ctx)
	} else {
		file, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	log, err := sh.ToolLogger()
	if err != nil {
		return err
	}
	meter := sh.Progress("importing", "events")
	defer meter.Stop()
	count, begin := meter.Add, func(string) {}
	if file, ok := in.(*os.File); ok && o.file != "-" {
		// The file says how much there is to do, so its bytes are what is counted.
		read := &counted{ReadSeeker: file, meter: meter, size: size(file)}
		in, count, begin = read, read.note, read.begin
	}
	var report transfer.ImportReport
	began := time.Now()
	options := bootstrap.ImportOptions{
		Publish: o.publish, DryRun: o.dryRun, Seal: o.seal, Opaque: o.opaque, Progress: count,
	}
	err = bootstrap.Import(ctx, sh.Config, log, options, func(m *transfer.Importer) (err error) {
		begin("checking")
		if err := o.check(ctx, in, m); err != nil {
			return fmt.Errorf("%s: %w; nothing was written", o.file, err)
		}
		begin("importing")
		report, err = pass(ctx, in, o.file == "-", m.Import)
		return err
	})
	imported, wrong := report, error(nil)
	if err == nil && o.verify {
		options.DryRun = true // and it opens the store again
		err = bootstrap.Import(ctx, sh.Config, log, options, func(m *transfer.Importer) (err error) {
			if err := rewind(in); err != nil {
				return err
			}
			begin("verifying")
			report, err = pass(ctx, in, false, m.Import)
			return err
		})
		wrong = differs(imported, report)
		report = imported
	}
	meter.Stop()
	if err != nil {
		if ctx.Err() != nil {
			return &shell.Interruption{Means: "run it again, and it continues", Err: err}
		}
		if report.Appended > 0 {
			return fmt.Errorf("%w; %d events were written: run it again, and it continues", err, report.Appended)
		}
		return err
	}
	return errors.Join(sh.reportImport(o, report, time.Since(began)), wrong)
}

// check reads all of the file before anything is written, if it can be read twice.
func (o importOptions) check(ctx context.Context, in io.Reader, m *transfer.Importer) error {
	if _, ok := in.(io.Seeker); !ok || o.file == "-" {
		return nil
	}
	if _, err := pass(ctx, in, false, m.Check); err != nil {
		return err
	}
	return rewind(in)
}

// rewind makes a file begin again.
func rewind(in io.Reader) error {
	seeker, ok := in.(io.Seeker)
	if !ok {
		return errors.New("it cannot be read twice")
	}
	_, err := seeker.Seek(0, io.SeekStart)
	return err
}

// differs compares an import with one that was done again and wrote nothing: there was nothing left
// to write, and the same orders were refused.
func differs(imported, again transfer.ImportReport) error {
	if again.Appended == 0 && again.Refused == imported.Refused {
		return nil
	}
	return &shell.BadAnswer{Text: fmt.Sprintf("%d events of the file are not in the store, and %d orders of it are other ones",
		again.Appended, again.Refused-min(imported.Refused, again.Refused))}
}

// counted shows how much of a file was read.
type counted struct {
	io.ReadSeeker
	meter      *progress.Meter
	read, size uint64
	events     atomic.Int64
}

// size returns the size of a file. It is 0, which is not known, for what has none.
func size(file *os.File) uint64 {
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return uint64(info.Size())
	}
	return 0
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.read += uint64(n)
	c.meter.Set(c.read, c.size)
	return n, err
}

// begin says that the file is read from its beginning, for this purpose.
func (c *counted) begin(what string) {
	c.read = 0
	c.events.Store(0)
	c.meter.Phase(what, progress.Bytes)
}

// note says how many more events were read.
func (c *counted) note(events int) {
	c.meter.Note(fmt.Sprintf("%d events", c.events.Add(int64(events))))
}

// pass reads a file once.
func pass(
	ctx context.Context, in io.Reader, whole bool,
	use func(context.Context, ports.ImportSource) (transfer.ImportReport, error),
) (transfer.ImportReport, error) {
	r, err := exportfile.NewReader(in)
	if err != nil {
		return transfer.ImportReport{}, err
	}
	defer r.Close()
	r.Whole = whole
	return use(ctx, r)
}

func (sh tools) reportImport(o importOptions, report transfer.ImportReport, took time.Duration) error {
	done := "imported"
	if o.dryRun {
		done = "would import"
	}
	fmt.Fprintf(sh.Out, "%s %d events; %d were there already", done, report.Appended, report.Present)
	if seconds := took.Seconds(); seconds > 1 {
		fmt.Fprintf(sh.Out, " (%.0f events/s)", float64(report.Events)/seconds)
	}
	if report.Operations > 0 {
		fmt.Fprintf(sh.Out, "; and %d entries of the log of operations", report.Operations)
	}
	fmt.Fprintln(sh.Out)
	if report.Refused == 0 {
		return nil
	}
	for _, fault := range report.Shown {
		fmt.Fprintf(sh.Out, "refused: line %d, order %s: %s\n", fault.Line, fault.AggregateID, client.OneLine(fault.Reason))
	}
	if more := report.Refused - uint64(len(report.Shown)); more > 0 {
		fmt.Fprintf(sh.Out, "and %d more\n", more)
	}
	return &shell.BadAnswer{Text: fmt.Sprintf("%d orders were refused", report.Refused), Status: shell.ExitRefused}
}
