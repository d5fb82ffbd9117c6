package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/operate"
	"orderflow/bootstrap/cli/progress"
	"orderflow/bootstrap/cli/shell"
	"orderflow/bootstrap/cli/submission"
)

// maxRefusals bounds how many refusals are printed. The report file has all of them.
const maxRefusals = 20

func (sh tools) submitCommand() *cobra.Command {
	var options submitOptions
	cmd := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Submit commands from a file of JSON lines",
		Long: `Submit the commands in FILE, or on standard input for -, one JSON object a line. Commands of one order are sent in the
order of the file, and those of different orders in parallel.

  {"command":"create_order","order_id":"…","customer_id":"c-1","currency":"EUR","items":[{"sku":"A-1","quantity":2,"unit_price":1250}]}
  {"command":"update_items","order_id":"…","items":[…]}
  {"command":"confirm_order","order_id":"…","payment_reference":"…"}
  {"command":"ship_order","order_id":"…","carrier":"…","tracking_number":"…"}
  {"command":"deliver_order","order_id":"…"}
  {"command":"cancel_order","order_id":"…","reason":"…"}

A line may have its own "command_id". Otherwise the id is derived from the line and its number (and --run). So a run that
was interrupted can be repeated: an accepted command is not done twice. A journal beside the input (FILE.journal) also
keeps refusals, which the service does not store. With it a repeated run continues where the first one stopped, and ends
like a single run. The journal keeps the answers of each store and each --run apart, so the same file can be submitted to
another service. Remove the journal to submit the file again.

A refused command does not stop the others, and neither does a line that is no command, for example one that is longer
than 2 MiB. Refusals are printed with their line numbers, and all of them are written to --report. A service that cannot be
reached for 30 seconds stops the run.

Exit status: 0 when every command was accepted, 3 when some were refused, 1 when the run could not be completed.`,
		Args: cobra.MatchAll(func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &shell.UsageError{Err: errors.New("orderflow submit: needs FILE, or - for the standard input")}
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.input = args[0]
			if options.parallel < 1 || options.parallel > 1024 {
				return shell.Bad("parallel", "%d is not 1 to 1024", options.parallel)
			}
			input, err := sh.openInput(options.input) // before a new data directory is made
			if err != nil {
				return err
			}
			defer input.Close()
			return sh.Attached(cmd, shell.Creates, func(ctx context.Context, c *client.Client) error {
				return sh.submit(ctx, c, input, options)
			})
		},
	}
	cmd.ValidArgsFunction = shell.AFile
	flags := cmd.Flags()
	flags.IntVar(&options.parallel, "parallel", 64, "commands in progress at once")
	flags.StringVar(&options.journal, "journal", "", "file for the answers (default FILE.journal; none for standard input)")
	flags.StringVar(&options.report, "report", "", "file for every refusal, one JSON object a line")
	flags.StringVar(&options.run, "run", "", "part of the derived command ids; use another one to submit the same lines again")
	flags.BoolVar(&options.wait, "wait", true, "wait at the end until every consumer has caught up")
	shell.Files(cmd, "journal", "report")
	options.output = shell.OutputFlag(cmd, "how many were accepted and refused, with the first refusals")
	return shell.Creates.Declare(cmd)
}

type submitOptions struct {
	input, journal, report, run string
	parallel                    int
	wait                        bool
	output                      *shell.Output
}

func (sh tools) submit(ctx context.Context, c *client.Client, input inputFile, options submitOptions) (err error) {
	if options.journal == "" && input.size >= 0 {
		options.journal = options.input + ".journal"
	}
	tally, err := sh.newTally(options.report, input.size)
	if err != nil {
		return err
	}
	config := submission.Config{
		Service: client.SubmitService{Client: c}, Journal: options.journal, Run: options.run, Parallel: options.parallel,
		Answered: tally.answered,
		Note:     func(text string) { fmt.Fprintln(sh.Err, text) },
	}
	if input.size >= 0 {
		config.Reopen = func() (io.ReadCloser, error) { return os.Open(options.input) }
	}
	err = submission.Submit(ctx, io.TeeReader(input, tally), config)
	if closeErr := tally.close(); err == nil {
		err = closeErr
	}
	// the counted answers may be wrong
	if errors.Is(err, submission.ErrForgotten) || errors.Is(err, submission.ErrReplaced) {
		return err
	}
	if options.output.JSON() {
		if printErr := sh.PrintJSON(tally.document(err)); err == nil {
			err = printErr
		}
	} else {
		tally.print(sh.Out)
	}
	if err != nil {
		return &shell.Interruption{
			Means: "run it again to continue where it stopped", Err: fmt.Errorf("not completed: %w", err),
		}
	}
	if options.wait {
		statuses, err := operate.Settle(ctx, sh.Shell, c)
		if err != nil {
			return &shell.Interruption{Means: "every command was answered, but the consumers were not waited for", Err: err}
		}
		operate.PrintObstacles(sh.Err, statuses)
	}
	if tally.refused > 0 {
		return &shell.BadAnswer{
			Text: fmt.Sprintf("%d of %d commands were refused", tally.refused, tally.accepted+tally.refused),
		}
	}
	return nil
}

// inputFile is the input.
type inputFile struct {
	io.ReadCloser
	// size is the number of bytes. It is -1 for an input that is not a file and can be read only
	// once.
	size int64
}

func (sh tools) openInput(name string) (inputFile, error) {
	if name == "-" {
		return inputFile{io.NopCloser(sh.In), -1}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return inputFile{}, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return inputFile{}, errors.Join(err, file.Close())
	case info.IsDir():
		return inputFile{}, errors.Join(fmt.Errorf("%s is a directory", name), file.Close())
	case !info.Mode().IsRegular():
		return inputFile{file, -1}, nil
	default:
		return inputFile{file, info.Size()}, nil
	}
}

// tally counts answers, keeps refusals, and shows the progress by the bytes of input that were
// read.
type tally struct {
	began  time.Time
	meter  *progress.Meter
	size   uint64 // of the input; 0 when it is not known
	read   uint64 // only Write uses it
	report *os.File

	mu                          sync.Mutex
	accepted, refused, repeated int
	first                       []refusal // those with the lowest line numbers, in order
	reportErr                   error
}

type refusal struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (sh tools) newTally(report string, size int64) (*tally, error) {
	t := &tally{began: time.Now(), size: uint64(max(0, size))}
	if report != "" {
		file, err := os.Create(report)
		if err != nil {
			return nil, fmt.Errorf("report: %w", err)
		}
		t.report = file
	}
	t.meter = sh.Progress("submitting", progress.Bytes)
	return t, nil
}

// Write gets the bytes that were read.
func (t *tally) Write(p []byte) (int, error) {
	t.read += uint64(len(p))
	t.meter.Set(t.read, t.size)
	return len(p), nil
}

func (t *tally) answered(line int, reason string, repeated bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if repeated {
		t.repeated++
	}
	defer func() { t.meter.Note(fmt.Sprintf("%d accepted, %d refused", t.accepted, t.refused)) }()
	if reason == "" {
		t.accepted++
		return
	}
	t.refused++
	r := refusal{Line: line, Reason: reason}
	at, _ := slices.BinarySearchFunc(t.first, r, func(a, b refusal) int { return cmp.Compare(a.Line, b.Line) })
	t.first = slices.Insert(t.first, at, r)
	t.first = t.first[:min(len(t.first), maxRefusals)]
	if t.report != nil && t.reportErr == nil {
		t.reportErr = json.NewEncoder(t.report).Encode(r)
	}
}

func (t *tally) close() error {
	t.meter.Stop()
	if t.report == nil {
		return nil
	}
	if err := t.report.Close(); t.reportErr == nil {
		t.reportErr = err
	}
	if t.reportErr != nil {
		return fmt.Errorf("report: %w", t.reportErr)
	}
	return nil
}

// submitted is the result of submit as JSON.
type submitted struct {
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	// Repeated is how many of them were answered in an earlier run.
	Repeated int     `json:"repeated"`
	Seconds  float64 `json:"seconds"`
	// Refusals are those with the lowest line numbers.
	Refusals []refusal `json:"refusals"`
	// Error says why the run was not completed.
	Error string `json:"error,omitempty"`
}

func (t *tally) document(failure error) submitted {
	d := submitted{
		Accepted: t.accepted, Refused: t.refused, Repeated: t.repeated, Seconds: time.Since(t.began).Seconds(),
		Refusals: append([]refusal{}, t.first...),
	}
	if failure != nil {
		d.Error = failure.Error()
	}
	return d
}

func (t *tally) print(out io.Writer) {
	took := time.Since(t.began)
	sent := t.accepted + t.refused - t.repeated
	fmt.Fprintf(out, "%d accepted, %d refused", t.accepted, t.refused)
	if t.repeated > 0 {
		fmt.Fprintf(out, " (%d of them answered in an earlier run)", t.repeated)
	}
	fmt.Fprintf(out, "; %d sent in %s, %.0f a second\n", sent, took.Round(time.Millisecond), float64(sent)/took.Seconds())
	for _, r := range t.first {
		fmt.Fprintf(out, "  line %d: %s\n", r.Line, r.Reason)
	}
	if more := t.refused - len(t.first); more > 0 {
		fmt.Fprintf(out, "  and %d more; --report FILE gets all of them\n", more)
	}
}
