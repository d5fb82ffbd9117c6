package browser_test

// failingConsumers is the state of the consumers on a bad day, as the API describes it.
const failingConsumers = `{"consumers": [
{"name": "order-read-model", "state": "paused", "live": {"number": 1, "version": 1},
 "lag": {"events": 18234, "age_seconds": 4210.5, "known": true, "headroom_seconds": 82000}, "parked": 0, "waiting": 0,
 "handled": 81233, "duplicates": 3, "healed": 0, "retries": 0, "expired": 0, "reconciled": 0, "foreign": 0},
{"name": "orders-by-customer", "state": "parked", "live": {"number": 1, "version": 1},
 "lag": {"events": 0, "age_seconds": 0, "known": true, "headroom_seconds": 86390}, "parked": 2, "waiting": 1,
 "oldest_parked": "2026-03-01T12:00:00.000Z",
 "handled": 99120, "duplicates": 0, "healed": 2, "retries": 31, "expired": 0, "reconciled": 0, "foreign": 0},
{"name": "orders-by-status", "state": "failed", "live": {"number": 4, "version": 2}, "previous": {"number": 3, "version": 1},
 "lag": {"events": 0, "age_seconds": 0, "known": false, "error": "the consumer does not run"}, "parked": 0, "waiting": 0,
 "failure": {"kind": "store", "error": "append: disk is gone", "attempts": 17, "since": "2026-03-01T12:00:00Z"},
 "handled": 4411, "duplicates": 0, "healed": 0, "retries": 17, "expired": 0, "reconciled": 0, "foreign": 0},
{"name": "orders-by-sku", "state": "running", "live": {"number": 2, "version": 1},
 "lag": {"events": 0, "age_seconds": 0, "known": false}, "parked": 0, "waiting": 0,
 "rebuild": {"phase": "filling", "generation": {"number": 3, "version": 1}, "done": 41200, "total": 120000, "per_second": 830,
  "started_at": "2026-03-01T12:00:00Z"},
 "handled": 0, "duplicates": 0, "healed": 0, "retries": 0, "expired": 0, "reconciled": 0, "foreign": 0},
{"name": "redpanda-publisher", "state": "failing", "live": {"number": 1, "version": 1},
 "lag": {"events": 312, "age_seconds": 41.2, "known": true, "headroom_seconds": 86300}, "parked": 0, "waiting": 0,
 "failure": {"aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "aggregate_type": "order",
  "order_id": "0195f3a0-0000-7000-8000-000000000001", "sequence_number": 2, "kind": "refused",
  "error": "produce: topic order-events: MESSAGE_TOO_LARGE", "attempts": 12, "since": "2026-03-01T12:00:00Z"},
 "handled": 98010, "duplicates": 0, "healed": 0, "retries": 12, "expired": 0, "reconciled": 0, "foreign": 0}
]}`

// refusedRebuild is a consumer whose rebuild has found differences.
const refusedRebuild = `{"consumers": [
{"name": "orders-by-status", "state": "running", "live": {"number": 4, "version": 2}, "previous": {"number": 1, "version": 1},
 "lag": {"events": 0, "age_seconds": 0, "known": true, "headroom_seconds": 86390}, "parked": 0, "waiting": 0,
 "rebuild": {"phase": "refused", "generation": {"number": 7, "version": 2}, "done": 3, "total": 3, "started_at": "2026-03-01T12:00:00Z",
  "report": {"orders": 3, "events": 9, "rows": 3, "skipped": 0, "repaired": 0, "differences": 1,
   "shown": [{"aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "aggregate_type": "order", "consumer": "orders-by-status",
    "detail": "a row is missing"}]}},
 "handled": 9, "duplicates": 0, "healed": 0, "retries": 0, "expired": 0, "reconciled": 0, "foreign": 0}]}`

const parkedGroups = `{"groups": [
{"fingerprint": "8f14e45fceea", "kind": "bug", "event_type": "order.items_updated", "aggregates": 12,
 "error": "reduce: panic: no price for article \"TEA-100\"", "oldest": "2026-03-01T12:00:00.000Z", "newest": "2026-03-01T14:10:00.000Z"},
{"fingerprint": "c9f0f895fb98", "kind": "newer", "event_type": "order.created", "aggregates": 1,
 "error": "version 4 is newer than this program: it knows 1 to 3", "oldest": "2026-03-01T13:00:00.000Z", "newest": "2026-03-01T13:00:00.000Z"}]}`

const parkedList = `{"parked": [
{"aggregate_id": "ORDER", "aggregate_type": "order", "order_id": "ORDER", "sequence_number": 2,
 "event_id": "0195f3a0-0000-7000-8000-0000000000e2", "event_type": "order.items_updated", "kind": "bug", "fingerprint": "8f14e45fceea",
 "error": "reduce: panic: no price for article \"MUG-03\"", "attempts": 6, "failed_at": "2026-03-01T11:59:30.000Z",
 "parked_at": "2026-03-01T12:00:00.000Z"}]}`

const parkedOne = `{"parked": {"aggregate_id": "ORDER", "aggregate_type": "order", "sequence_number": 2}, "waiting": [
{"aggregate_type": "order", "sequence_number": 2, "event_id": "0195f3a0-0000-7000-8000-0000000000e2", "event_type": "order.items_updated",
 "event_version": 1, "created_at": "2026-03-01T11:59:00.000Z"},
{"aggregate_type": "order", "sequence_number": 3, "event_id": "0195f3a0-0000-7000-8000-0000000000e3", "event_type": "order.confirmed",
 "event_version": 1, "created_at": "2026-03-01T12:01:00.000Z"}]}`

const topicWithFindings = `{"report": {"orders": 40, "unjudged": 1, "messages": 120, "expired": 0, "doubled": 3, "missing": 1,
"out_of_order": 0, "unknown": 0, "scattered": 0,
"shown": [{"kind": "missing", "aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "sequence_number": 2,
"detail": "partition 3: event 2 has no message"}]}}`

const verificationInProgress = `{"running": true, "phase": "reading rows", "done": 88400, "total": 240000, "per_second": 5120,
"started_at": "2026-03-01T12:00:00Z"}`

const operationsLog = `{"operations": [
{"id": "0195f3a0-0000-7000-8000-0000000000f3", "at": "2026-03-01T12:10:00.000Z", "subject": "token:ci", "action": "skip",
 "target": "orders-by-customer", "aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "reason": "ticket 4711: written by a test",
 "detail": "event 2", "failure": "the event does not fail any more"},
{"id": "0195f3a0-0000-7000-8000-0000000000f2", "at": "2026-03-01T12:09:59.000Z", "subject": "token:ci", "action": "skip",
 "target": "orders-by-customer", "aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "reason": "ticket 4711: written by a test",
 "detail": "event 2"},
{"id": "0195f3a0-0000-7000-8000-0000000000f1", "at": "2026-03-01T11:00:00.000Z", "action": "pause", "target": "order-read-model"}]}`

const readyWithNotes = `{"status": "ok", "notes": [
"warning: replication: the keyspace has 1 replica, and a node that fails takes the service with it: use at least 3"]}`
