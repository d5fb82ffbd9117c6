package operate

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"orderflow/bootstrap/cli/client"
)

// PrintDifferences writes what a verification found, one line per difference.
func PrintDifferences(out io.Writer, v *client.Verification) {
	for _, d := range v.Shown {
		about := ""
		if d.ID() != "" {
			about = d.Named.String() + ": "
		}
		if d.Consumer != "" {
			about += d.Consumer + ": "
		}
		fmt.Fprintln(out, about+d.Detail)
	}
	if more := v.Differences - uint64(len(v.Shown)); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
}

// PrintConsumers writes a table of the consumers: a line each, then its reason if it has one.
func PrintConsumers(out io.Writer, statuses []client.Status, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONSUMER\tSTATE\tLAG (EVENTS)\tLAG (AGE)\tHEADROOM\tPARKED\tGENERATION\tPROCESS")
	for _, s := range statuses {
		events, age, headroom := "unknown", "unknown", "unknown"
		if s.Lag.Known {
			events = fmt.Sprint(s.Lag.Events)
			age = time.Duration(s.Lag.AgeSeconds * float64(time.Second)).Round(time.Millisecond).String()
		}
		if s.Lag.HeadroomSeconds != nil {
			headroom = time.Duration(*s.Lag.HeadroomSeconds * float64(time.Second)).Round(time.Second).String()
		}
		state, parked := s.State, "0"
		if state == "parked" {
			state = fmt.Sprintf("parked(%d)", s.Parked)
		}
		if s.Parked > 0 {
			parked = fmt.Sprintf("%d, for %s", s.Parked, now.Sub(s.OldestParked).Round(time.Second))
		}
		process := "here"
		if s.Holder != nil {
			process = s.Holder.Address
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d (v%d)\t%s\n",
			s.Name, state, events, age, headroom, parked, s.Live.Number, s.Live.Version, process)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range statuses {
		printNotes(out, s)
		printFailure(out, s)
		printRebuild(out, s)
	}
	return nil
}

// printNotes prints what the table has no column for.
func printNotes(out io.Writer, s client.Status) {
	if s.Waiting > 0 {
		fmt.Fprintf(out, "\n%s: %d of the parked orders wait for a newer version of the program, which continues with them by itself\n", s.Name, s.Waiting)
	}
	if s.Foreign > 0 {
		fmt.Fprintf(out, "\n%s: %d messages of its feed are no events of the event store, and had no effect: does another program write to the topic?\n", s.Name, s.Foreign)
	}
	if s.Lag.Error != "" {
		fmt.Fprintf(out, "\n%s: it is not known how far it is behind: %s\n", s.Name, s.Lag.Error)
	}
}

func printFailure(out io.Writer, s client.Status) {
	f := s.Failure
	if f == nil {
		return
	}
	where := "its loop"
	if f.SequenceNumber > 0 {
		where = fmt.Sprintf("event %d of %s", f.SequenceNumber, f.Named)
	}
	kind := ""
	if f.Kind != "" {
		kind = " (" + f.Kind + ")"
	}
	fmt.Fprintf(out, "\n%s: stuck on %s since %s, %d attempts%s: %s\n",
		s.Name, where, f.Since.Format(time.RFC3339), f.Attempts, kind, f.Error)
}

func printRebuild(out io.Writer, s client.Status) {
	r := s.Rebuild
	if r == nil {
		return
	}
	switch r.Phase {
	case "filling", "verifying":
		of := ""
		if r.Total > 0 {
			of = fmt.Sprintf(" of %d", r.Total)
		}
		fmt.Fprintf(out, "\n%s: %s generation %d: %d%s orders\n", s.Name, r.Phase, r.Generation.Number, r.Done, of)
	case "refused":
		fmt.Fprintf(out, "\n%s: generation %d is refused, generation %d stays live\n",
			s.Name, r.Generation.Number, s.Live.Number)
		if r.Report != nil {
			PrintDifferences(out, r.Report)
		}
	case "switched":
		if s.Previous != nil {
			fmt.Fprintf(out, "\n%s: generation %d is kept for a while, 'orderflow consumers rebuild %s --rollback' goes back to it\n", s.Name, s.Previous.Number, s.Name)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(out, "%s: makes no progress: %s\n", s.Name, r.Error)
	}
}

// PrintObstacles names the consumers that have not handled everything, with the reasons.
func PrintObstacles(out io.Writer, statuses []client.Status) {
	for _, s := range statuses {
		if obstacle := s.Obstacle(); obstacle != "" {
			fmt.Fprintf(out, "consumer %s %s, see 'orderflow consumers'\n", s.Name, obstacle)
		}
	}
}

// PrintIdle says which differences a comparison will find because no consumer runs.
func PrintIdle(out io.Writer, statuses []client.Status) {
	for _, s := range statuses {
		switch {
		case s.Parked > 0:
			fmt.Fprintf(out, "consumer %s has parked %d orders, see 'orderflow consumers'\n", s.Name, s.Parked)
		case !s.Lag.Known:
			fmt.Fprintf(out, "no service runs, so consumer %s does not work: what it has not handled yet counts as a difference\n", s.Name)
		case s.Lag.Events > 0:
			fmt.Fprintf(out, "no service runs, so consumer %s stays %d events behind: they count as differences\n",
				s.Name, s.Lag.Events)
		}
	}
}
