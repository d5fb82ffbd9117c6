package filling

import (
	"testing"

	"github.com/google/uuid"
)

// However many aggregates pass, and however large their states are, memory stays within its bound.
func TestMoving_IsBounded(t *testing.T) {
	t.Parallel()
	const bound = 100_000
	m := newMoving(bound)
	var last uuid.UUID
	for i := range 10_000 {
		last = uuid.New()
		m.put(last, stand{sequence: 1, data: make([]byte, i%8_000)})
		held := 0
		for _, part := range []map[uuid.UUID]stand{m.newer, m.older} {
			for _, s := range part {
				held += s.size()
			}
		}
		if held > bound {
			t.Fatalf("%d bytes are held, more than %d", held, bound)
		}
	}
	m.put(last, stand{sequence: 7})
	if s, ok := m.take(last); !ok || s.sequence != 7 {
		t.Errorf("the last one is %v, %v", s, ok)
	}
	if _, ok := m.take(last); ok {
		t.Error("what was taken is still there")
	}
}

func TestMoving_HoldsNothingWithoutMemory(t *testing.T) {
	t.Parallel()
	m, id := newMoving(0), uuid.New()
	m.put(id, stand{sequence: 1})
	if _, ok := m.take(id); ok {
		t.Error("it holds something")
	}
}
