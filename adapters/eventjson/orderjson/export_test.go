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
