package embedded

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/ports"
)

// Whatever happens in whatever order, what the sequences say is what is stored. They may say
// nothing about it.
func TestSequences_SayWhatIsStored(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			view ports.ViewID
			id   uuid.UUID
		}
		s := newSequences(rapid.IntRange(2, 12).Draw(t, "most"))
		ids := rapid.Map(rapid.IntRange(1, 8), func(n int) uuid.UUID { return uuid.UUID{byte(n)} })
		views := rapid.Map(rapid.IntRange(1, mostViews+3), func(n int) ports.ViewID {
			return ports.ViewID{Consumer: []string{"a", "b"}[n%2], Generation: n / 2}
		})
		stored := map[key]uint64{}
		begun := map[uuid.UUID]bool{} // has events
		check := func(t *rapid.T, at key, said uint64, ok bool) {
			if ok && said != stored[at] {
				t.Fatalf("%v: it says %d, but %d is stored", at, said, stored[at])
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"born": func(t *rapid.T) {
				if id := ids.Draw(t, "id"); !begun[id] {
					begun[id] = true
					s.born(id)
				}
			},
			"read": func(t *rapid.T) {
				at := key{views.Draw(t, "view"), ids.Draw(t, "id")}
				check(t, at, 0, s.none(at.view, at.id))
			},
			"write": func(t *rapid.T) {
				at := key{views.Draw(t, "view"), ids.Draw(t, "id")}
				if !begun[at.id] {
					t.Skip("a view has nothing of an aggregate without events")
				}
				said, ok := s.take(at.view, at.id)
				check(t, at, said, ok)
				check(t, at, 0, s.none(at.view, at.id))
				stored[at] = rapid.Uint64Range(0, 3).Draw(t, "sequence")
				if rapid.Bool().Draw(t, "and it is known whether that worked") {
					s.put(at.view, at.id, stored[at])
				}
			},
			"clear": func(*rapid.T) { s.clear() },
			"": func(t *rapid.T) {
				if len(s.newer) > max(s.half, 1) || len(s.older) > max(s.half, 1) {
					t.Fatalf("%d and %d aggregates in halves of %d", len(s.newer), len(s.older), s.half)
				}
			},
		})
	})
}

func TestSequences_KnowWhatIsNew(t *testing.T) {
	t.Parallel()
	s := newSequences(mostStandings)
	id, view, other := uuid.UUID{1}, ports.ViewID{Consumer: "a", Generation: 1}, ports.ViewID{Consumer: "b", Generation: 1}
	if s.none(view, id) {
		t.Error("nothing is known, and it says that there is nothing")
	}
	s.born(id)
	if !s.none(view, id) {
		t.Error("no view has anything of a new aggregate")
	}
	if sequence, ok := s.take(view, id); !ok || sequence != 0 {
		t.Errorf("a new aggregate is at %d, %v; want 0", sequence, ok)
	}
	if s.none(view, id) {
		t.Error("a write began, and it says that there is nothing")
	}
	s.put(view, id, 7)
	if !s.none(other, id) || s.none(view, id) {
		t.Error("one view has something, the other one has nothing")
	}
	s.born(id) // it is not
	if sequence, ok := s.take(view, id); !ok || sequence != 7 {
		t.Errorf("it is at %d, %v; want 7", sequence, ok)
	}
}
