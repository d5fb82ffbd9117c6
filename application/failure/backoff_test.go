package failure

import "testing"

func TestBackoff_GrowsUpToItsLimit(t *testing.T) {
	t.Parallel()
	b := Backoff{First: 20, Max: 1000}
	for attempt, longest := range map[int]int64{1: 20, 2: 40, 3: 80, 6: 640, 7: 1000, 8: 1000, 1000: 1000} {
		for range 200 {
			if d := b.pause(attempt); int64(d) > longest || int64(d) < longest/2 {
				t.Fatalf("pause after attempt %d = %d, want %d to %d", attempt, d, longest/2, longest)
			}
		}
	}
}
