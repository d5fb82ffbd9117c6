package keep

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"orderflow/application/rehearse"
	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/shell"
	"orderflow/ports"
)

// rehearseOptions are the flags of rehearse.
type rehearseOptions struct {
	against, scratch string
	output           *shell.Output
}

func (sh tools) rehearseCommand() *cobra.Command {
	var o rehearseOptions
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: "Try this program on data that another version has written, before you deploy it",
		Long: `Run the decider, the upcasters and the reducers of this program over real histories, and report what differs: payloads
that it cannot read, commands that it would refuse or decide in another way, and rows of views that would change. No
service is asked, and nothing is changed.

--against is a backup, a data directory that no service uses, or an exported file (- is the standard input). Without it,
the store of the settings is read: the directory of --data, or a keyspace in ScyllaDB. A directory is copied first, below
--scratch; on the same file system that needs little space. An export has no views, so no rows are compared.

Personal data that is sealed is not read: its commands are not decided again, and no view is compared.

Commands that would be decided in another way are only reported: rules may change, and what was decided stays. A view that
a reducer of another version has filled will be filled again, so its differences are only reported, too.

Exit status: 0, or 3 when an event cannot be read, or when a view differs and its reducer has the same version: then raise
the version.`,
		Example: `  orderflow backup /var/backups/today          # with the program that runs
  ./orderflow-new rehearse --against=/var/backups/today
  orderflow export - | ./orderflow-new rehearse --against=- --output=json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return sh.rehearse(cmd, o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.against, "against", "", "backup, data directory or exported file")
	flags.StringVar(&o.scratch, "scratch", "", "where to copy a data directory to (default a directory for temporary files)")
	shell.Files(cmd, "against")
	o.output = shell.OutputFlag(cmd, "one document")
	return shell.NeedsNothing.Declare(cmd)
}

func (sh tools) rehearse(cmd *cobra.Command, o rehearseOptions) error {
	if cmd.Flags().Changed("url") {
		return shell.Bad("url", "a rehearsal asks no service; name a backup or an export with --against")
	}
	meter := sh.Progress("rehearsing", "events")
	defer meter.Stop()
	began := time.Now()
	result, err := sh.rehearsal(cmd.Context(), o, bootstrap.RehearseOptions{Scratch: o.scratch, Progress: meter.Add})
	meter.Stop()
	if err != nil {
		return err
	}
	document := newRehearsal(result, time.Since(began))
	if o.output.JSON() {
		err = sh.PrintJSON(document)
	} else {
		err = document.print(sh.Out)
	}
	if err == nil && !result.Passed() {
		return &shell.BadAnswer{Text: "this program must not be deployed on these data as it is"}
	}
	return err
}

func (sh tools) rehearsal(ctx context.Context, o rehearseOptions, options bootstrap.RehearseOptions) (bootstrap.Rehearsal, error) {
	log, err := sh.ToolLogger()
	if err != nil {
		return bootstrap.Rehearsal{}, err
	}
	against := o.against
	switch {
	case against == "-":
		return bootstrap.RehearseFile(ctx, sh.In, options)
	case against == "" && sh.Config.Store == bootstrap.StoreScylla:
		return bootstrap.RehearseStore(ctx, sh.Config, log, options)
	case against == "":
		against = sh.Config.Data
	}
	info, err := os.Stat(against)
	if err != nil {
		return bootstrap.Rehearsal{}, err
	}
	if info.IsDir() {
		return bootstrap.RehearseDir(ctx, against, log, options)
	}
	file, err := os.Open(against)
	if err != nil {
		return bootstrap.Rehearsal{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	result, err := bootstrap.RehearseFile(ctx, file, options)
	if err != nil {
		err = fmt.Errorf("%s: %w", against, err)
	}
	return result, err
}

// rehearsal is the document of --output=json.
type rehearsal struct {
	Passed          bool      `json:"passed"`
	Version         string    `json:"version"`
	Aggregates      uint64    `json:"aggregates"`
	Events          uint64    `json:"events"`
	Commands        uint64    `json:"commands"`
	Sealed          uint64    `json:"sealed"`
	Seconds         float64   `json:"seconds"`
	EventsPerSecond float64   `json:"events_per_second"`
	Unreadable      []finding `json:"unreadable"`
	Refused         []finding `json:"refused"`
	Changed         []finding `json:"changed"`
	Unknown         []finding `json:"unknown"`
	Views           []view    `json:"views"`
}

type finding struct {
	What           string    `json:"what"`
	Count          uint64    `json:"count"`
	AggregateID    uuid.UUID `json:"aggregate_id,omitzero"`
	SequenceNumber uint64    `json:"sequence_number,omitempty"`
	Detail         string    `json:"detail"`
}

type view struct {
	Consumer      string       `json:"consumer"`
	StoredVersion int          `json:"stored_version"`
	Version       int          `json:"version"`
	Rows          uint64       `json:"rows"`
	Differences   uint64       `json:"differences"`
	Failure       string       `json:"failure,omitempty"`
	Wrong         bool         `json:"wrong"`
	Shown         []difference `json:"shown"`
}

type difference struct {
	AggregateID uuid.UUID `json:"aggregate_id,omitzero"`
	Detail      string    `json:"detail"`
}

func newRehearsal(r bootstrap.Rehearsal, took time.Duration) rehearsal {
	document := rehearsal{
		Passed: r.Passed(), Version: bootstrap.Version(),
		Aggregates: r.Aggregates, Events: r.Events, Commands: r.Commands, Sealed: r.Sealed, Seconds: took.Seconds(),
		Unreadable: newFindings(r.Unreadable), Refused: newFindings(r.Refused),
		Changed: newFindings(r.Changed), Unknown: newFindings(r.Unknown), Views: []view{},
	}
	if took > 0 {
		document.EventsPerSecond = float64(r.Events) / took.Seconds()
	}
	for _, v := range r.Views {
		document.Views = append(document.Views, view{
			Consumer: v.Consumer, StoredVersion: v.Stored, Version: v.Version, Rows: v.Rows, Differences: v.Differences,
			Failure: v.Failure, Wrong: v.Wrong(), Shown: newDifferences(v.Shown),
		})
	}
	return document
}

func newFindings(all []rehearse.Finding) []finding {
	findings := make([]finding, 0, len(all))
	for _, f := range all {
		findings = append(findings, finding(f))
	}
	return findings
}

func newDifferences(all []ports.VerifyDifference) []difference {
	differences := make([]difference, 0, len(all))
	for _, d := range all {
		differences = append(differences, difference{d.AggregateID, d.Detail})
	}
	return differences
}

func (r rehearsal) print(out io.Writer) error {
	fmt.Fprintf(out, "%d aggregates, %d events, %d commands in %.1f s (%.0f events/s)\n",
		r.Aggregates, r.Events, r.Commands, r.Seconds, r.EventsPerSecond)
	if r.Sealed > 0 {
		fmt.Fprintf(out, "%d commands had personal data that is sealed: they were not decided again, and no view was compared\n", r.Sealed)
	}
	printFindings(out, "cannot be read", r.Unreadable)
	printFindings(out, "would be refused", r.Refused)
	printFindings(out, "would be decided in another way", r.Changed)
	printFindings(out, "no command of this program causes it", r.Unknown)
	for _, v := range r.Views {
		v.print(out)
	}
	_, err := fmt.Fprintln(out, map[bool]string{true: "passed", false: "failed"}[r.Passed])
	return err
}

func printFindings(out io.Writer, what string, all []finding) {
	for _, f := range all {
		fmt.Fprintf(out, "%s: %s, %d times; first at event %d of %s: %s\n",
			what, f.What, f.Count, f.SequenceNumber, f.AggregateID, oneLine(f.Detail))
	}
}

func (v view) print(out io.Writer) {
	what := cmp.Or(v.Failure, fmt.Sprintf("%d rows as stored", v.Rows))
	switch {
	case v.StoredVersion == 0:
		what = "there is no such view yet: it will be filled"
	case v.Wrong:
		what = fmt.Sprintf("%d orders differ, and nothing would fill the view again: raise the version of its reducer", v.Differences)
		if v.Failure != "" {
			what = "cannot be compared: " + v.Failure
		}
	case v.StoredVersion != v.Version:
		what = fmt.Sprintf("version %d filled it, version %d will fill it again; %d orders differ", v.StoredVersion, v.Version, v.Differences)
	}
	fmt.Fprintf(out, "%s: %s\n", v.Consumer, oneLine(what))
	for _, d := range v.Shown {
		fmt.Fprintf(out, "  %s: %s\n", d.AggregateID, oneLine(d.Detail))
	}
}

// oneLine joins the lines of a text. Nothing of it is left out: it goes to somebody who looks for a
// cause.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
