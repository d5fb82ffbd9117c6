// Package fault runs the whole service on a simulated ScyllaDB, injects the faults of a schedule,
// and then checks the promises of the service.
//
// # A round
//
// A seed decides a schedule (see [orderflow/tests/fault/plan]): how many writers send which
// commands for which orders, how the feed is configured, and which faults happen after how many
// commands. Two processes run at a time. Each has everything that the service has except for HTTP:
// command handler, store, sweeper, change feed, router, the projections and a publisher. Both have
// the same consumers, and leases decide which process runs which. Meanwhile
//
//   - requests fail, before or after they took effect, in each phase of Paxos, by a timeout, a lost
//     connection, an overloaded node, or an answer after the driver has given up; nodes go down and
//     forget prepared statements;
//   - the driver sends a conditional batch twice, and gets the answer to the second one;
//   - rows of the CDC log come late, with an old time, or twice; generations of streams change, and
//     may be listed after they are in use;
//   - processes are killed, at any moment or at a chosen request: their network is cut and their
//     memory is lost, without a drain and without a last offset, and another process starts;
//   - clocks of processes jump, which is what a process that was stopped between its intent and its
//     commit sees;
//   - the disk is full for some writes, and others write to the feed as well (see
//     [orderflow/tests/fault/outside]);
//   - the sink refuses events, also after it has stored them, and publishers get another target;
//   - other programs replace the processes, in a rolling upgrade whose new version writes events
//     that the old one cannot read;
//   - consumers fail on some events, are too slow for a feed with a short memory, and offsets
//     expire;
//   - operators pause, resume and reset consumers, rebuild views, abort that and roll back, and
//     retry parked orders, skip events and take skips back;
//   - clients repeat a command by its id, send it to two processes at once, give up, or cancel.
//
// Then the faults end, and the round waits until the service has recovered. No check depends on
// when something happens. On a slow machine a round takes longer.
//
// # What is checked
//
//   - P1: Histories have no gap. A command that named a head took effect at that head. A command
//     that was refused, or answered with ErrUnavailable only, is nowhere, or first there after its
//     client sent it again.
//   - P2: Every acknowledged command is in the history, with the answer that its client got. Every
//     event in the store was sent by a client and has reached every consumer. No intent is left.
//     Each process accepts commands again. A rebuild that was started is completed.
//   - P3: For each order the first publications are in order and equal the history. All rows and
//     states equal the fold of package verify, and the live generation has no other row.
//   - P4: While the sink refuses everything, the projections read to the end.
//   - P5: A row that every reader missed is healed and counted. This has its own test, because a
//     process that dies loses its counters.
//   - P6: A command id has one answer, across processes and restarts, and its events are in the
//     history once.
//   - P7: While some events fail, all orders that are not parked are handled to their last event.
//     Each decision that an operator got an answer for holds. No order stays parked after the cause
//     is removed and operators have decided.
//   - P8: The records of a consumer in flight, and the tail of the feed, stay below their
//     configured bounds.
//   - P10: Nothing is stored of generations that are over.
//   - P11: A target always has the same consumer, and gets everything. Orders that only a newer
//     program can read are handled without an operator. Nothing is stored of orders that do not
//     exist.
//
// After an acknowledged reset of a publisher, everything comes to its target once more, in order
// for each order; receivers know duplicates by the event id (P3).
//
// P9 is not checked here. The clocks of the processes are moved; those of the servers are moved
// only at the end, to make intents old, and single ones differ a little. Rows that are later than
// the window of the safe reader have their own test, because the feed promises the last event of an
// order only within that window.
//
// # Running it
//
//	go test ./tests/fault                          some rounds, one of them with a new seed
//	go test ./tests/fault -run 'TestRun$' -fault.duration=10m       rounds with new seeds
//	go test ./tests/fault -run 'TestRun$' -fault.seed=7 -fault.log  one round, with its log
//
// The tests named TestRun_Catches show that a round can fail: they run services that are broken on
// purpose. What has no such test of its own is checked by what another one breaks: streams that are
// listed late, and nodes that lag behind, by rows that the feed misses; batches that are sent twice
// by outcomes that are denied; skips that are taken back by skips that are forgotten. (ScyllaDB
// cannot replace the rows of one order. So an event that a view has passed stays skipped, and an
// operator who takes the skip back gets a refusal.)
//
// Rounds of random schedules also caught, within two rounds each, a consumer that ignores a gap, a
// handler that does not look for the command id, and a view store that writes the state before the
// rows. With the race detector no round runs, because of a race inside the driver.
//
// A failure prints the seed, the schedule, and the shortest schedule that was found to fail as
// well. The seed decides the schedule and the commands but not the interleaving. So a failure may
// need a few attempts to be reproduced.
package fault
