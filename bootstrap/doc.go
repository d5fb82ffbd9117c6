// Package bootstrap builds the service from its parts. It checks the configuration, opens the
// store, connects the ports to adapters, and runs the service until it is stopped. It has no
// business logic.
//
// [Open] does I/O and leaves nothing behind when it fails. [App.Run] blocks until its context ends
// or a part fails. [App.Close] closes what Open opened. A stop is orderly: requests in progress are
// answered, then the consumers finish the records that they are handling, then the store is closed.
// Records that they have not reached are delivered again after the next start.
//
// # On ScyllaDB
//
// The outbox is a table with CDC. The feed reads its log twice, once fast and once safely. The
// schema is in adapters/scylla/schema, in CQL with comments. Package scylla documents the protocol
// of writing, and package cdc the readers.
//
//	orderflow schema apply --scylla-hosts=10.0.0.1,10.0.0.2 --scylla-replication=dc1=3
//	orderflow serve --store=scylla --scylla-hosts=10.0.0.1,10.0.0.2 --scylla-local-dc=dc1
//
// To try it without a server, start the simulator first and use --scylla-hosts=127.0.0.1:9042. The
// simulator keeps everything in memory.
//
//	go run ./tests/scyllasim/cmd/scyllasim
//
// Several processes may run at once. All of them take commands and answer queries. Each consumer
// runs in one of them, which holds its lease, and the others are on standby. When that process
// stops, another one takes over at once. When it dies, another one takes over when the lease of ten
// seconds has ended.
//
// A process that was suspended for longer than its lease does not know that it has lost it. It can
// do no harm: offsets carry the epoch of the lease, and views the sequence numbers, so its writes
// lose. At worst its publisher sends some events twice. --consumers=a,b restricts the consumers
// that a process may run.
//
// # On Redpanda
//
//	orderflow serve --sink=redpanda --brokers=127.0.0.1:9092
//
// publishes every event to the topic order-events as a CloudEvent in binary mode. The key is the
// order id. Delivery is at least once, in order within each order. "orderflow asyncapi" prints the
// description of the topic, and "orderflow verify topic" compares the topic with the event store.
// Another service keeps, for each order, the last ce_sequence that it has handled, in the same
// transaction as its effects, and drops every event that is not above it. Package watermillkafka
// does that for services that use Watermill. A topic that brokers compact (cleanup.policy) is
// refused, because compaction by the order id deletes histories; --allow-compacted uses it anyway.
//
// scripts/kafka starts a real broker without Docker, for trying. scripts/show-redpanda publishes
// 100,000 events, kills the broker and the service meanwhile, and then compares the topic with the
// store.
//
// With --source=redpanda on ScyllaDB, the projections read the topic instead of the CDC log, and
// the broker divides the partitions among processes. Use it when one process is too slow for a
// consumer. The processes share every projection, except while it catches up or is rebuilt, which
// one process does alone.
//
// # Operations
//
// "orderflow consumers" shows the state of each consumer:
//
//   - running: it follows the change feed;
//   - parked(n): it runs, and n aggregates are parked;
//   - catching-up, expired: it is being brought up to date from the event store;
//   - rebuilding: its reducer has changed, and queries read the old rows until the new ones are
//     complete;
//   - paused: an operator has paused it;
//   - standby: another process runs it;
//   - failing: it retries, and the message says what fails;
//   - failed: it has stopped itself, because too many events failed.
//
// What to do when:
//
//   - An aggregate is parked. A consumer could not handle one of its events in six attempts.
//     "orderflow parked show CONSUMER ORDER" says why. Later events of the same aggregate wait; all
//     others are handled. After the fix run "orderflow parked retry CONSUMER". If the event must
//     never be handled, run "orderflow parked skip CONSUMER ORDER --reason=TEXT". The skip is
//     stored, and verify knows it. "orderflow parked unskip" takes it back.
//   - A read model is wrong. "orderflow verify" shows the differences, and "orderflow verify
//     --repair" repairs them. "orderflow consumers rebuild NAME" fills a new generation while live
//     traffic continues, compares it with the events and with the live generation, and switches to
//     it. --rollback goes back. A rebuild continues after a crash, and never publishes anything
//     again.
//   - A consumer was away for longer than the feed keeps records. Nothing has to be done: it
//     catches up from the event store and counts that.
//   - /readyz answers 503. It names the part that is dead. A heartbeat goes through the store, the
//     feed and every consumer, and for a publisher on to the broker. So a dead reader is not taken
//     for an idle one, and the lag is 0 only when a heartbeat has passed.
//   - The lag grows. The consumer or its target is slow. No other consumer waits for it. "orderflow
//     explain ORDER" shows where the time goes.
//
// scripts/observability has a Grafana dashboard, Prometheus alert rules, and a runbook with a
// section for each alert. The metrics are at /metrics. What clients send never makes a new series.
//
// The log has one line when the service starts to serve and one when it has stopped. "orderflow
// log-level debug" shows more of a running process. --access-log writes each request to the
// standard error, as JSON with the attribute names of OpenTelemetry. Its paths have the ids of
// orders, and no customers. With --pprof administrators take profiles: "go tool pprof
// ADDRESS/debug/pprof/profile", with the address of operators.
//
// OpenTelemetry is on when the environment says so, for example with
// OTEL_EXPORTER_OTLP_ENDPOINT=http://…, or with OTEL_TRACES_EXPORTER=console for trying. One trace
// goes from the request through append and feed to every consumer, because its context is stored
// with the events. See package tracing.
//
// # A publisher and its target
//
// A publisher is bound to its target. Another file, topic or cluster has not received what the
// first one has, so it gets a consumer of its own, with its own offset. --publish-from says
// whether that consumer starts with the first event or with new ones.
//
// # Size
//
// The package has about 3,500 lines, because it connects all parts. Each file connects one of them
// (storage, consumers, access, listeners, the API, the topic), and all share the unexported App.
package bootstrap
