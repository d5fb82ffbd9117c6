package watermark

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"orderflow/ports"
)

// Whatever the order of completion, the mark of a stream is the last position before the first one
// that is not done.
func TestWatermark_PropMarksTheUnbrokenRun(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := New()
		type open struct {
			stream string
			number int
			done   func() (Reach, bool)
		}
		var inFlight []open
		issued := map[string]int{}
		done := map[string]map[int]bool{}
		mark := map[string]int{} // what the watermark has reported
		expected := func(stream string) int {
			n := 0
			for done[stream][n+1] {
				n++
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"issue": func(t *rapid.T) {
				stream := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "stream")
				issued[stream]++
				n := issued[stream]
				inFlight = append(inFlight, open{stream, n, w.Issue(Reach{Position: ports.Position{Stream: stream, Offset: strconv.Itoa(n)}})})
			},
			"complete": func(t *rapid.T) {
				if len(inFlight) == 0 {
					t.Skip("nothing in flight")
				}
				i := rapid.IntRange(0, len(inFlight)-1).Draw(t, "which")
				o := inFlight[i]
				inFlight = append(inFlight[:i:i], inFlight[i+1:]...)
				if done[o.stream] == nil {
					done[o.stream] = map[int]bool{}
				}
				done[o.stream][o.number] = true
				reached, moved := o.done()
				position := reached.Position
				want := expected(o.stream)
				if moved != (want > mark[o.stream]) {
					t.Fatalf("moved = %v, but the mark of %q goes from %d to %d", moved, o.stream, mark[o.stream], want)
				}
				if moved {
					if position != (ports.Position{Stream: o.stream, Offset: strconv.Itoa(want)}) {
						t.Fatalf("mark = %v, want %d of %q", position, want, o.stream)
					}
					mark[o.stream] = want
				}
			},
		})
	})
}
