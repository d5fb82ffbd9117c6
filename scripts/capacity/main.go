// Command capacity estimates what a load needs on ScyllaDB and Redpanda, which limit comes first,
// and what to do then:
//
//	go run ./scripts/capacity --orders=1000
//
// It multiplies; it measures nothing. The sizes of records are those of 'orderflow demo'. What one
// server or one process can do must be measured on the machines that are meant, with 'scripts/bench
// scylla' and 'orderflow demo --rate'. How processes divide events and queries is measured on
// doubles, by 'scripts/bench fleet'. The defaults for these are low: they come from one shard of
// a development build of ScyllaDB 5.1 and from two cores with four views.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"orderflow/domain/order/views"
	"orderflow/domain/projection"
)

// load is what is asked for, and what the parts can do.
type load struct {
	// Orders is how many are placed in a second. Each has Events events and Lines lines.
	Orders, Events, Lines float64
	// Copies is the replication factor, and Days how long the read models and the event store have
	// been filled.
	Copies, Days float64
	// HotSKU is the part of all orders that have the most popular article, and HotCustomer the
	// orders a second of the largest customer.
	HotSKU, HotCustomer float64

	// Shards is the number of shards (cores) of all ScyllaDB servers of one data centre together.
	// ConditionalPerShard and WritesPerShard are how many conditional writes and plain writes one
	// of them does in a second.
	Shards, ConditionalPerShard, WritesPerShard float64
	// Streams is the number of CDC streams in use: of tablets of the outbox, or of vnodes.
	Streams float64
	// Processes is how many there are, and EventsPerProcess what one of them handles for all views.
	Processes, EventsPerProcess float64
	// Partitions is that of the topic.
	Partitions float64
}

func defaults() load {
	return load{
		Orders: 100, Events: 3.07, Lines: 2.5, Copies: 3, Days: 365, HotSKU: 0.1, HotCustomer: 0.1,
		Shards: 24, ConditionalPerShard: 1_000, WritesPerShard: 10_000, Streams: 64,
		Processes: 3, EventsPerProcess: 5_000, Partitions: 12,
	}
}

// What does not depend on the load.
const (
	// eventRow is about how many bytes a row of event_store has before compression: 97 of payload,
	// 30 of metadata, 112 of ids, numbers and times, and the names and times of cells.
	eventRow = 320
	// viewRow is the same for a row of a list.
	viewRow = 160
	// compressed is what LZ4 leaves, as on the embedded store.
	compressed = 0.5
	// appendWrites are the plain writes of a command beside its conditional write: the intent, the
	// outbox, the log of the outbox, and the deletion of the intent.
	appendWrites = 4
	// outboxHours is how long the outbox and its log are kept.
	outboxHours = 24
	// fastPasses and safePasses are how often the log is read in a second, under load and at rest.
	fastPasses, idlePasses, unusedPasses, safePasses = 1 / 0.015, 1 / 0.1, 1, 1 / 10.
	// streamsPerQuery is how many streams one query of the log names.
	streamsPerQuery = 100
	// goodPartition is how many rows a partition should have at most.
	goodPartition = 500_000
	// topicRecord is about how many bytes a message has on the topic, with its headers.
	topicRecord = 900
	secondsADay = 86_400
)

// limit is something that cannot be exceeded. Used is the part of it that the load takes.
type limit struct {
	name, way string
	used      float64
}

// plan is what the load needs.
type plan struct {
	load
	events, conditional, writes, viewWrites float64
	eventStore, outbox, lists, topic        float64 // bytes
	feedBusy, feedIdle                      float64 // queries a second
	limits                                  []limit
}

func newPlan(l load) plan {
	p := plan{load: l, events: l.Orders * l.Events}
	p.conditional = p.events // a command has one event
	// For each event: the row and the state of the order's own model, the row of the customer, two
	// rows of the status (it moves) and a state each, and a row for each line.
	p.viewWrites = p.events * (2 + 2 + 3 + l.Lines + 1)
	p.writes = p.conditional*appendWrites + p.viewWrites
	seconds := l.Days * secondsADay
	p.eventStore = p.events * seconds * eventRow * compressed * l.Copies
	p.outbox = p.events * outboxHours * 3600 * 2 * eventRow * compressed * l.Copies
	p.lists = l.Orders * seconds * viewRow * (3 + l.Lines) * compressed * l.Copies
	p.topic = p.events * topicRecord
	queries := divided(l.Streams, streamsPerQuery)
	p.feedBusy = l.Processes * queries * (fastPasses + safePasses)
	p.feedIdle = l.Processes * queries * (idlePasses + safePasses)
	p.limits = p.findLimits()
	return p
}

// divided is a / b, rounded up.
func divided(a, b float64) float64 { return float64((int64(a) + int64(b) - 1) / int64(b)) }

func (p plan) findLimits() []limit {
	limits := []limit{
		{
			"conditional writes", "add ScyllaDB servers or cores; commands of one order are one after the other in any case",
			p.conditional / (p.Shards * p.ConditionalPerShard),
		},
		{
			"plain writes", "add ScyllaDB servers or cores, or read the topic with fewer views in this keyspace",
			p.writes * p.Copies / (p.Shards * p.WritesPerShard),
		},
		{
			"events a process", "add processes with --source=redpanda, which share the partitions of the topic; " +
				"with --source=cdc one process runs each consumer",
			p.events / (p.EventsPerProcess * min(p.Processes, p.Partitions)),
		},
		{
			"processes on the topic", "more partitions; a topic that exists keeps the order of an order's events only if it is made anew",
			p.Processes / p.Partitions,
		},
	}
	return append(limits, p.hotPartitions()...)
}

// hotPartitions compares the largest partition of each list with what is good for a server.
func (p plan) hotPartitions() (limits []limit) {
	rates := map[string]float64{
		"orders_by_status": p.Orders, "orders_by_sku": p.Orders * p.HotSKU, "orders_by_customer": p.HotCustomer,
	}
	hours := map[projection.Width]float64{projection.Hour: 1, projection.Day: 24, projection.Month: 30 * 24}
	for _, v := range views.All() {
		rate, listed := rates[v.Table.Name]
		if !listed {
			continue // its rows are spread by the order
		}
		shards := float64(v.Table.ShardCount())
		limits = append(limits,
			limit{
				v.Table.Name + ": rows of a partition", "more shards or smaller buckets in its declaration, with a new version",
				rate * 3600 * hours[v.Table.Bucket] / shards / goodPartition,
			},
			limit{
				v.Table.Name + ": writes to a partition", "more shards in its declaration, with a new version",
				rate * p.Events / shards / p.WritesPerShard,
			},
		)
	}
	return limits
}

// first returns the limit that comes first.
func (p plan) first() limit {
	first := p.limits[0]
	for _, l := range p.limits {
		if l.used > first.used {
			first = l
		}
	}
	return first
}

func (p plan) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", what, fmt.Sprintf(format, args...)) }
	row("events and commands", "%.0f/s", p.events)
	row("conditional writes", "%.0f/s, %.0f/s a shard", p.conditional, p.conditional/p.Shards)
	row("plain writes", "%.0f/s, of these %.0f/s for views; with %.0f copies %.0f/s a shard",
		p.writes, p.viewWrites, p.Copies, p.writes*p.Copies/p.Shards)
	row("queries of the change feed", "%.0f/s under load, %.0f/s at rest, %.0f/s in a process without consumers",
		p.feedBusy, p.feedIdle, divided(p.Streams, streamsPerQuery)*(unusedPasses+safePasses))
	row("event store", "%s in %.0f days, on all servers; it is kept for ever", bytes(p.eventStore), p.Days)
	row("outbox and its log", "%s, constant", bytes(p.outbox))
	row("lists", "%s in %.0f days", bytes(p.lists), p.Days)
	row("topic", "%s/s before compression", bytes(p.topic))
	fmt.Fprintln(w)
	for _, l := range p.limits {
		row(l.name, "%.0f %%", 100*l.used)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	first := p.first()
	_, err := fmt.Fprintf(out, "\nThe first limit is %s: it is reached at %.0f orders/s.\nThen: %s.\n",
		first.name, p.Orders/first.used, first.way)
	return err
}

// bytes returns a number of bytes for people.
func bytes(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for ; n >= 1000 && i < len(units)-1; i++ {
		n /= 1000
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}

func main() {
	l := defaults()
	for name, flagged := range map[string]struct {
		value *float64
		usage string
	}{
		"orders":                {&l.Orders, "orders a second"},
		"events":                {&l.Events, "events of an order"},
		"lines":                 {&l.Lines, "lines of an order"},
		"copies":                {&l.Copies, "replication factor"},
		"days":                  {&l.Days, "days that are kept"},
		"hot-sku":               {&l.HotSKU, "part of all orders that have the most popular article"},
		"hot-customer":          {&l.HotCustomer, "orders a second of the largest customer"},
		"shards":                {&l.Shards, "shards (cores) of all ScyllaDB servers of a data centre"},
		"conditional-per-shard": {&l.ConditionalPerShard, "conditional writes a second that a shard does"},
		"writes-per-shard":      {&l.WritesPerShard, "plain writes a second that a shard does"},
		"streams":               {&l.Streams, "CDC streams in use, see 'orderflow schema status'"},
		"processes":             {&l.Processes, "processes of the service"},
		"events-per-process":    {&l.EventsPerProcess, "events a second that a process handles in all views"},
		"partitions":            {&l.Partitions, "partitions of the topic"},
	} {
		flag.Float64Var(flagged.value, name, *flagged.value, flagged.usage)
	}
	flag.Parse()
	if err := l.check(); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(2)
	}
	if err := newPlan(l).print(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(1)
	}
}

// check refuses numbers that would divide by nothing.
func (l load) check() error {
	for name, value := range map[string]float64{
		"orders": l.Orders, "shards": l.Shards, "conditional-per-shard": l.ConditionalPerShard, "streams": l.Streams,
		"writes-per-shard": l.WritesPerShard, "processes": l.Processes, "events-per-process": l.EventsPerProcess,
		"partitions": l.Partitions,
	} {
		if !(value > 0) {
			return fmt.Errorf("--%s=%g: it must be positive", name, value)
		}
	}
	return nil
}
