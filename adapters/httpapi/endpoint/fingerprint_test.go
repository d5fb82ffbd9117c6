package endpoint_test

import (
	"testing"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

func TestFingerprint(t *testing.T) {
	t.Parallel()
	of := func(kind ports.FailureKind, eventType, text string) string {
		return endpoint.Fingerprint(ports.ParkedAggregate{Kind: kind, EventType: eventType, Error: text})
	}
	first := of("bug", "order.created", `order 018f4e5a-0000-7000-8000-000000000001: line 3: no price for "A-1"`)
	if len(first) != 12 {
		t.Errorf("%q has not 12 characters", first)
	}
	for name, same := range map[string]string{
		"another id":     of("bug", "order.created", `order 0195f3a0-0000-7000-8000-00000000000a: line 3: no price for "A-1"`),
		"another number": of("bug", "order.created", `order 018f4e5a-0000-7000-8000-000000000001: line 12: no price for "A-1"`),
		"another text":   of("bug", "order.created", `order 018f4e5a-0000-7000-8000-000000000001: line 3: no price for "tea, green"`),
	} {
		if same != first {
			t.Errorf("with %s it is %s, want %s", name, same, first)
		}
	}
	for name, other := range map[string]string{
		"another kind":  of("store", "order.created", `order 018f4e5a-0000-7000-8000-000000000001: line 3: no price for "A-1"`),
		"another event": of("bug", "order.shipped", `order 018f4e5a-0000-7000-8000-000000000001: line 3: no price for "A-1"`),
		"another error": of("bug", "order.created", `order 018f4e5a-0000-7000-8000-000000000001: line 3: no article for "A-1"`),
	} {
		if other == first {
			t.Errorf("with %s it is the same", name)
		}
	}
}
