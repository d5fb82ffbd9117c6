// Package explain reports what happened to every event of an aggregate: when each consumer received
// it, when the consumer finished it, and where a broker has put it. It needs no tracing backend.
//
// # Two sources
//
// Events, and how far each consumer is with the aggregate, come from the stores. So they are
// correct for every aggregate and after every restart. Times and topic offsets are not stored. A
// [Recorder] keeps them in the memory of the process while records pass, and drops the oldest when
// it is full. An [Explainer] combines the two. For an event without times it says why there are
// none.
//
// # Cost
//
// For each record and consumer a Recorder takes one lock twice, for a short time. Its memory is
// bounded. With five consumers it needs about 290 bytes for each event, which is 19 MB when it is
// full, and nothing before there are events.
//
// # What the times mean
//
// The times of the consumers come from the clock of this process. They are counted from the time
// that is stored with the event, which comes from the clock of the writer. A record is seen when
// its lane gets to it. So the time before that contains the commit, the feed, and the wait for
// earlier events of the lane. A record is handled when the consumer has finished it. A consumer
// also finishes an event whose aggregate it parks; therefore "applied" comes from the view.
package explain
