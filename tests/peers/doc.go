// Package peers gives the same commands to Orderflow and to what else one could build an event-sourced order service on, and
// measures how many each carries out in a second. It is a module of its own, so that the dependencies of the others stay out
// of Orderflow's. scripts/bench starts the PostgreSQL that two of them need and prints the comparison.
//
// # The systems
//
//   - orderflow: the command handler over the embedded store.
//   - postgres: the same command handler over a table of events and a table as outbox, written in one transaction, with the
//     primary key (aggregate id, sequence number) as the concurrency check; pgx, two round trips a command.
//   - watermill-sql: as before, but the outbox is watermill's: its forwarder publisher over its SQL publisher, inside the
//     transaction of the insert; pgx, five round trips a command.
//   - hallgren: an aggregate of github.com/hallgren/eventsourcing, which tracks the events of the same domain, on its SQLite
//     store with a single writer, as its documentation recommends.
//
// All take the commands of [orderflow/tests/bench/workload], load the history of the order, decide with the same domain
// code, encode the events as JSON, check that nobody else was faster, and answer when the events are on disk. Every one of
// them syncs: Pebble syncs its log, SQLite runs in WAL mode with synchronous=FULL, PostgreSQL with fsync=on and
// synchronous_commit=on.
//
// # What is not the same
//
// Orderflow and the two on PostgreSQL write every event twice, to the history and to the outbox. hallgren has no outbox, its
// feed is the table of events, so it writes less. Orderflow and SQLite live in the process that measures, PostgreSQL is a
// process of its own behind a Unix socket; that is how they are used. Orderflow alone remembers command ids apart from
// the history. Nobody reads the outboxes meanwhile.
package peers
