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
 "rebuild": {"phase": "filling", "generation": {"number": 3, "version": 1}, "done": 41200, "total": 120000,
  "started_at": "2026-03-01T12:00:00Z"},
 "handled": 0, "duplicates": 0, "healed": 0, "retries": 0, "expired": 0, "reconciled": 0, "foreign": 0},
{"name": "redpanda-publisher", "state": "failing", "live": {"number": 1, "version": 1},
 "lag": {"events": 312, "age_seconds": 41.2, "known": true, "headroom_seconds": 86300}, "parked": 0, "waiting": 0,
 "failure": {"aggregate_id": "0195f3a0-0000-7000-8000-000000000001", "aggregate_type": "order",
  "order_id": "0195f3a0-0000-7000-8000-000000000001", "sequence_number": 2, "kind": "refused",
  "error": "produce: topic order-events: MESSAGE_TOO_LARGE", "attempts": 12, "since": "2026-03-01T12:00:00Z"},
 "handled": 98010, "duplicates": 0, "healed": 0, "retries": 12, "expired": 0, "reconciled": 0, "foreign": 0}
]}`
