// Package explain tells what became of every event of an order: when each consumer took it in hand, when it was done with it, and
// where a broker has put it. It needs no tracing backend.
//
// # Two sources
//
// Events, and how far each consumer is with the order, come from the stores, so they are right for every order and after every
// restart. Times and places are kept nowhere; a [Recorder] notes them in the memory of the process while records pass by, and
// forgets the oldest when it is full. An [Explainer] puts the two together. For an event without times it says why there are
// none, and never makes one up.
//
// # What it costs
//
// A Recorder takes two short looks under one lock for a record and consumer, and a bounded amount of memory: with five consumers
// about 290 bytes for each event that it remembers, so 19 MB when it is full, and nothing before there are events.
//
// # What the times mean
//
// They are those of this process's clock, and count from the time that is stored with the event, which is that of the writer's
// clock. A record is seen when its turn in its lane has come, so the time before holds the commit, the feed and the wait for
// earlier events of the lane. It is handled when the consumer has answered for it. A consumer also answers for an event whose
// order it sets aside, which is why "applied" comes from the view.
package explain
