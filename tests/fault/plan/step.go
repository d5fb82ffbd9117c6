package plan

import (
	"time"

	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// Step is one fault, or one action of an operator, which happens after so many commands.
type Step struct {
	After int
	What  Trouble

	Process  int           // of Kill, Crash and Replace; AllProcesses means all
	Node     int           // of Stop, Start, Lag and Skew
	By       time.Duration // of Generation, Clock, Describe, Lag and Skew
	Times    int           // of Refuse and Fill; of Retry, Skip and Unskip which one of the list
	Consumer string        // of the actions of operators
	Rebuild  ports.RebuildRequest
	Writes   Writes          // of Fill
	Version  Version         // of Replace
	Target   int             // of Replace; 0 = the same
	Fault    scyllasim.Fault // of Inject and Crash
}

// Trouble is the kind of a step.
type Trouble string

// What goes wrong in the cluster.
const (
	// Inject arms a fault of the cluster.
	Inject Trouble = "inject"
	// Generation starts new CDC streams. Describe lists the streams of later generations late, Lag
	// lets a node learn late of them, and Skew makes the clock of a node wrong.
	Generation Trouble = "generation"
	Describe   Trouble = "describe late"
	Lag        Trouble = "lag"
	Skew       Trouble = "skew"
	// Drop closes all connections, and Forget makes the nodes forget prepared statements.
	Drop   Trouble = "drop"
	Forget Trouble = "forget"
	// Stop takes a node down, and Start brings it back.
	Stop  Trouble = "stop"
	Start Trouble = "start"
	// Fill makes some writes fail because the disk is full.
	Fill Trouble = "fill"
)

// What goes wrong with the processes and the targets.
const (
	// Kill ends a process at once, and Crash at a request that a fault describes.
	Kill  Trouble = "kill"
	Crash Trouble = "crash"
	// Replace stops a process in order and starts another program in its place.
	Replace Trouble = "replace"
	// Clock moves the clocks of all processes forward. So what they are doing looks like the work
	// of a process that was stopped for a while.
	Clock Trouble = "clock"
	// Refuse makes the publisher fail.
	Refuse Trouble = "refuse"
	// Mend removes the cause of the poison.
	Mend Trouble = "mend"
)

// What operators do.
const (
	// Pause and Resume stop and start a consumer.
	Pause  Trouble = "pause"
	Resume Trouble = "resume"
	// Rebuild fills a new generation of a view beside the live one, and Abort ends that. Rollback
	// makes the previous generation live again.
	Rebuild  Trouble = "rebuild"
	Abort    Trouble = "abort the rebuild of"
	Rollback Trouble = "roll back"
	// Reset makes a consumer start again from the beginning.
	Reset Trouble = "reset"
	// Retry and Skip are for the orders that a consumer has parked, Unskip for events that it
	// skips.
	Retry  Trouble = "retry a parked order of"
	Skip   Trouble = "skip a parked event of"
	Unskip Trouble = "take back a skip of"
)

// Operators lists what operators do.
func Operators() []Trouble {
	return []Trouble{Pause, Resume, Rebuild, Abort, Rollback, Reset, Retry, Skip, Unskip}
}

// Writes says which writes fail.
type Writes string

// The writes that a full disk can refuse.
const (
	Appends    Writes = "appends"
	Effects    Writes = "effects"
	Everything Writes = "writes"
)

// Version says which program a process runs after Replace.
type Version string

// The versions of Replace.
const (
	Same  Version = ""
	Older Version = "older"
	Newer Version = "newer"
)
