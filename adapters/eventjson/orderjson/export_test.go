package orderjson

// Versions returns the newest version of every event type, for tests that compare it with the
// corpus.
func Versions() map[string]int {
	newest := map[string]int{}
	for name, s := range schemas() {
		newest[name] = s.Newest()
	}
	return newest
}

// ToPayload returns the value that is an event's payload, for tests that marshal it with
// encoding/json.
var ToPayload = toPayload
