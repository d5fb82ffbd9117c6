package portkit

import "testing"

func lengths(bound int) *Recent[int, string] {
	return NewRecent[int, string](bound, func(s string) int { return len(s) })
}

// However many values pass, and however large they are, those that are held stay within the bound,
// and the last one is among them.
func TestRecent_IsBounded(t *testing.T) {
	t.Parallel()
	const bound = 10_000
	r := lengths(bound)
	text := string(make([]byte, bound))
	for i := range 5_000 {
		value := text[:1+i%(bound/16)]
		r.Put(i, value)
		held := 0
		for _, part := range []map[int]string{r.newer, r.older} {
			for _, s := range part {
				held += len(s)
			}
		}
		if held > bound {
			t.Fatalf("%d bytes are held, more than %d", held, bound)
		}
		if i%3 == 0 {
			if got, ok := r.Take(i); !ok || got != value {
				t.Fatalf("%d is %d bytes, %v; want %d", i, len(got), ok, len(value))
			}
		}
	}
}

func TestRecent_TakesOnce(t *testing.T) {
	t.Parallel()
	r := lengths(160)
	for i := range 15 { // some are in the older part
		r.Put(i, "0123456789")
	}
	for i := 8; i < 15; i++ {
		if _, ok := r.Take(i); !ok {
			t.Errorf("%d is not there", i)
		}
		if _, ok := r.Take(i); ok {
			t.Errorf("%d was taken and is still there", i)
		}
	}
}

func TestRecent_LeavesOutWhatIsLarge(t *testing.T) {
	t.Parallel()
	r := lengths(160)
	r.Put(1, "01234567890")
	if _, ok := r.Take(1); ok {
		t.Error("a value of more than a sixteenth is held")
	}
}

func TestRecent_HoldsNothing(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*Recent[int, string]{"without room": lengths(0), "zero": {}} {
		r.Put(1, "a")
		if _, ok := r.Take(1); ok {
			t.Errorf("%s: it holds something", name)
		}
	}
	r := lengths(160)
	r.Put(1, "a")
	r.Clear()
	if _, ok := r.Take(1); ok {
		t.Error("it holds something after Clear")
	}
}

// The maps are used again: once both parts were full, values come and go without new memory.
func TestRecent_UsesItsMapsAgain(t *testing.T) { //nolint:paralleltest // it counts allocations
	r := lengths(16_000)
	next := 0
	fill := func() {
		for range 3_000 { // more than all that is held
			r.Put(next, "0123456789")
			next++
		}
	}
	fill()
	if n := testing.AllocsPerRun(10, fill); n > 10 {
		t.Errorf("%v allocations for 3,000 values", n)
	}
}
