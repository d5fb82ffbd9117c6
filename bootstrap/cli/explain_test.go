package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const explained = `{"order_id":"0195f3a0-0000-7000-8000-000000000001","events":[
 {"sequence_number":1,"event_type":"order.created","command_id":"0195f3a0-0000-7000-8000-00000000000a",
  "trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","created_at":"2026-03-01T12:00:00.000Z","consumers":[
  {"consumer":"order-read-model","applied":true,"seen_at":"2026-03-01T12:00:00.0021Z","handled_at":"2026-03-01T12:00:00.003Z","deliveries":1},
  {"consumer":"orders-by-sku","applied":true,"seen_at":"2026-03-01T12:00:00.002Z","handled_at":"2026-03-01T12:00:00.002Z","deliveries":3},
  {"consumer":"orders-by-status","applied":false,"seen_at":"2026-03-01T12:00:00.004Z","handled_at":"2026-03-01T12:00:00.006Z","deliveries":1},
  {"consumer":"orders-by-customer","applied":false,"seen_at":"2026-03-01T12:00:00.004Z","deliveries":1},
  {"consumer":"redpanda-publisher","applied":true,"seen_at":"2026-03-01T12:00:00.002Z","handled_at":"2026-03-01T12:00:00.012Z","deliveries":1,
   "placement":{"partition":12,"offset":0}}]},
 {"sequence_number":2,"event_type":"order.confirmed","command_id":"0195f3a0-0000-7000-8000-00000000000b",
  "created_at":"2026-03-01T12:00:01.000Z","consumers":[
  {"consumer":"order-read-model","applied":true,"unknown":"before_start"},
  {"consumer":"orders-by-sku","applied":true,"unknown":"forgotten"},
  {"consumer":"orders-by-status","applied":true,"unknown":"elsewhere"},
  {"consumer":"orders-by-customer","applied":false,"unknown":"waiting"},
  {"consumer":"redpanda-publisher","applied":true,"unknown":"elsewhere","placement":{"partition":3,"offset":123456789}}]}]}`

func TestPrintExplanation(t *testing.T) {
	t.Parallel()
	var told explanation
	if err := json.Unmarshal([]byte(explained), &told); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printExplanation(&out, told, true); err != nil {
		t.Fatal(err)
	}
	const want = `order 0195f3a0-0000-7000-8000-000000000001

1  order.created  committed 2026-03-01T12:00:00.000Z
   command 0195f3a0-0000-7000-8000-00000000000a
   trace   4bf92f3577b34da6a3ce929d0e0e4736
                            seen     done  0             12.0ms
   order-read-model        2.1ms    3.0ms  ...##
   orders-by-sku           2.0ms    2.0ms  ...#                 x3
   orders-by-status        4.0ms       no  ......####           failed
   orders-by-customer      4.0ms  not yet  ......>
   redpanda-publisher      2.0ms   12.0ms  ...################# partition 12 offset 0

2  order.confirmed  committed 2026-03-01T12:00:01.000Z
   command 0195f3a0-0000-7000-8000-00000000000b
                            seen     done
   order-read-model                        applied; committed before this process started
   orders-by-sku                           applied; no longer remembered
   orders-by-status                        applied by another process, or from the event store
   orders-by-customer                      not applied yet
   redpanda-publisher                      applied from the store, partition 3 offset 123456789
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line has at most 100 columns, whatever the times are.
func TestPrintExplanation_fitsTheScreen(t *testing.T) {
	t.Parallel()
	for _, seen := range []time.Duration{-300 * time.Hour, -time.Second, 0, 1, 9999 * time.Millisecond, time.Minute, 99_999 * time.Hour} {
		for _, handled := range []time.Duration{-300 * time.Hour, 0, time.Second, 99_999 * time.Hour} {
			committed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			c := explainedConsumer{
				Consumer: "a-consumer-with-quite-a-long-name", Applied: true, SeenAt: committed.Add(seen), HandledAt: committed.Add(handled), Deliveries: 65535,
			}
			if err := json.Unmarshal([]byte(`{"partition":99,"offset":12345678}`), &c.Placement); err != nil {
				t.Fatal(err)
			}
			told := explanation{Events: []explainedEvent{{SequenceNumber: 10_000, EventType: "order.items_updated", CreatedAt: committed, Consumers: []explainedConsumer{c}}}}
			var out strings.Builder
			if err := printExplanation(&out, told, true); err != nil {
				t.Fatal(err)
			}
			for text := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(text, "\n")); n > 100 {
					t.Errorf("seen %s, handled %s: %d columns: %s", seen, handled, n, text)
				}
			}
		}
	}
}
