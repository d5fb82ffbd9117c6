package plan

import (
	"math/rand/v2"
	"slices"
	"time"

	"orderflow/domain/order/views"
)

// Processes is the number of processes that run at a time. As the number of a process it means all
// of them.
const (
	Processes    = 2
	AllProcesses = Processes
)

// The service runs with hundredths of seconds where it usually has tens of seconds.
const (
	// Confidence is the window of the safe reader.
	Confidence = 1500 * time.Millisecond
	// RequestTimeout is the timeout of the drivers. Delays of faults may exceed it.
	RequestTimeout = time.Second
)

const (
	// Publisher is the name of the consumer that publishes to the first target that is used. The
	// second target has a name of its own.
	Publisher = "publisher"
	// AnyPublisher stands for the consumer that publishes, whatever its target.
	AnyPublisher = "the publisher"
)

// Views returns the names of the consumers that fill views.
func Views() (names []string) {
	for _, p := range views.All() {
		names = append(names, p.Name)
	}
	return names
}

// Schedule determines a round, except for what the operating system's scheduler adds. It is a plain
// value: it can be printed, run again, and run again with fewer steps.
type Schedule struct {
	Seed uint64
	// Nodes is the number of servers, and Replication the number of copies. Tablets reports whether
	// the streams of the CDC log belong to a table, as on servers with tablets.
	Nodes, Replication int
	Tablets            bool
	// Orders is the number of orders that the writers share. Each writer sends Commands commands.
	Orders, Writers, Commands int
	// Patience is how long a record waits for its predecessor, in the feed of every process.
	Patience time.Duration
	// Tail and Remembered are small, so that consumers fall behind and the feed drops records.
	Tail, Remembered int
	// Retention is how far back the log goes, as far as the feed knows. A short retention makes
	// offsets expire.
	Retention time.Duration
	// Lanes, LaneBuffer and Batch are those of the router: how many records are handled at a time,
	// how many wait for each of them, and how many are handled together.
	Lanes, LaneBuffer, Batch int
	// MaxParked is the number of parked orders beyond which a consumer stops.
	MaxParked int
	// Start says what the processes are at the beginning.
	Start [Processes]Program
	// Targets is the number of targets that publishers may have, 1 or 2.
	Targets int
	// NewerShare, unless 0, makes one of so many events an event of a newer version, if a newer
	// program writes it. NewerView, unless empty, is a view whose reducer is newer as well.
	NewerShare int
	NewerView  string
	Poison     Poison
	// Forged, unless 0, makes the feed one that others write to as well: one of so many deliveries
	// comes with a forged one.
	Forged int

	Steps []Step
}

// Program is what a process runs.
type Program struct {
	// Newer reports whether the program knows more versions of events than others.
	Newer bool
	// Target is where it publishes to, from 1.
	Target int
}

// Poison are events that a consumer cannot handle until the cause is removed.
type Poison struct {
	// Consumer fails on them. It is empty if there is no poison.
	Consumer string
	// Share makes it fail on one of so many events.
	Share int
	// Panics reports whether it panics, instead of returning an error.
	Panics bool
}

// Total returns the number of commands in a round.
func (s Schedule) Total() int { return s.Writers * s.Commands }

// New draws the schedule of a seed. size is about how many commands it has.
func New(seed uint64, size int) Schedule {
	d := stream(seed, 1)
	s := Schedule{
		Seed: seed, Tablets: d.IntN(4) == 0,
		Orders: 5 + d.IntN(40), Writers: 2 + d.IntN(5),
		Patience: pick(d, 2*time.Millisecond, 20*time.Millisecond, 200*time.Millisecond),
		Tail:     pick(d, 4, 32, 1024), Remembered: pick(d, 16, 65536),
		Retention: pick(d, 2*Confidence, 24*time.Hour, 24*time.Hour),
		MaxParked: manyParked, Targets: 1,
		Start: [Processes]Program{{Target: 1}, {Target: 1}},
	}
	s.Commands = size / s.Writers
	s.drawSize(stream(seed, 11))
	for range 6 + d.IntN(size/8) {
		s.add(d.step(s)...)
	}
	if d.IntN(2) == 0 { // an event that is lost at the end is not healed by a later one
		s.add(Step{After: s.Total() - 1 - d.IntN(10), What: Crash, Process: AllProcesses, Fault: d.moment()})
	}
	s.drawOperators(stream(seed, 12))
	s.drawUpgrade(stream(seed, 13))
	s.drawTargets(stream(seed, 14))
	s.drawPoison(stream(seed, 15))
	s.drawStrangers(stream(seed, 16))
	s.drawFullDisk(stream(seed, 17))
	s.drawServers(stream(seed, 18))
	slices.SortStableFunc(s.Steps, func(a, b Step) int { return a.After - b.After })
	return s
}

// manyParked is more than a round parks, and fewParked is not.
const (
	manyParked = 1000
	fewParked  = 2
)

// add adds steps, none of them after the last command.
func (s *Schedule) add(steps ...Step) {
	for _, step := range steps {
		step.After = min(step.After, s.Total()-1)
		s.Steps = append(s.Steps, step)
	}
}

// draw draws parts of a schedule.
type draw struct{ *rand.Rand }

// stream returns one of the random streams of a seed.
func stream(seed, number uint64) draw { return draw{rand.New(rand.NewPCG(seed, number))} }

func pick[T any](d draw, from ...T) T { return from[d.IntN(len(from))] }

// one is true once in n times.
func (d draw) one(n int) bool { return d.IntN(n) == 0 }

// drawSize draws how large the cluster and the lanes are.
func (s *Schedule) drawSize(d draw) {
	size := pick(d, [2]int{3, 3}, [2]int{3, 3}, [2]int{3, 3}, [2]int{1, 1}, [2]int{3, 1}, [2]int{5, 3})
	s.Nodes, s.Replication = size[0], size[1]
	s.Lanes, s.LaneBuffer, s.Batch = pick(d, 1, 2, 4, 8), pick(d, 1, 2, 16), pick(d, 1, 2, 3, 128)
}
