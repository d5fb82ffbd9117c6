// Package peers sends the same commands to Orderflow and to other systems on which one could build
// an event-sourced order service, and measures how many commands each handles a second. It is a
// module of its own, so that the dependencies of the others stay out of Orderflow's go.mod.
// scripts/bench starts the PostgreSQL that two of them need and prints the comparison.
//
// # The systems
//
//   - orderflow: the command handler on the embedded store.
//   - postgres: the same command handler on a table of events and a table as outbox. Both are
//     written in one transaction. The primary key (aggregate id, sequence number) is the
//     concurrency check. It uses pgx, with two round trips a command.
//   - watermill-sql: as before, but with watermill's outbox: its forwarder publisher on its SQL
//     publisher, inside the transaction of the insert. It uses pgx, with five round trips a
//     command.
//   - hallgren: an aggregate of github.com/hallgren/eventsourcing that tracks the events of the
//     same domain, on its SQLite store with a single writer, as its documentation recommends.
//
// All systems take the commands of [orderflow/tests/bench/workload], load the history of the order,
// decide with the same domain code, encode the events as JSON, check that no other writer was
// faster, and answer when the events are on disk. All of them sync: Pebble syncs its log, SQLite
// runs in WAL mode with synchronous=FULL, PostgreSQL with fsync=on and synchronous_commit=on.
//
// # The same read models
//
// BenchmarkService measures a whole service: commands, and four subscribers of watermill-sql that
// keep the read models of Orderflow, with the same reducers. A subscriber handles up to 1,000
// messages in one transaction, which also stores its offset, and looks for new ones every 10 ms.
// There are two forms:
//
//   - watermill-sql-documented: the handler works in the transaction of the subscriber, and the
//     publisher in that of the command, one statement after the other. A command takes five round
//     trips.
//   - watermill-sql: at its best. A command takes two round trips. The statements of a
//     subscriber's transaction go to the server together with its end. The states of up to 20,000
//     orders are kept in memory. The subscribers have connections of their own.
//
// At the end every row of every view is compared with a fold of all events. Over HTTP the service
// runs in a process of its own, behind a server that does no more than decode the commands.
//
// # Differences
//
// Orderflow and the two systems on PostgreSQL write every event twice, to the history and to the
// outbox. hallgren has no outbox (its feed is the table of events), so it writes less. Orderflow
// and SQLite run in the process that measures. PostgreSQL is a separate process behind a Unix
// socket. That is how they are used. Only Orderflow keeps command ids apart from the history.
// Nothing reads the outboxes during the measurement.
package peers
