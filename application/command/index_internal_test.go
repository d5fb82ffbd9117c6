package command

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// Whenever the index is sorted, saved or shortened, it says of each command where all its events
// are, or that the command is at or before index.before.
func TestIndex_PropKnowsEveryCommandAfterBefore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var x index
		var all []span
		head := uint64(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				x.sorted, x.recent = x.merged(), nil // as through a snapshot
			case 1:
				x.forget(rapid.IntRange(0, 5).Draw(t, "some"))
			case 2: // one more event of the last command
				if len(all) > 0 {
					head++
					x.add(all[len(all)-1].command, head)
					all[len(all)-1].count++
				}
			default:
				id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "command"))
				count := rapid.Uint32Range(1, 3).Draw(t, "events")
				for i := range count {
					x.add(id, head+1+uint64(i))
				}
				all, head = append(all, span{id, head + 1, count}), head+uint64(count)
			}
			for _, want := range all {
				got, found := x.find(want.command)
				switch last := want.first + uint64(want.count) - 1; {
				case found && got != want:
					t.Fatalf("found %+v, want %+v", got, want)
				case !found && last > x.before:
					t.Fatalf("%+v is missing, and the index begins after %d", want, x.before)
				case want.first <= x.before && last > x.before:
					t.Fatalf("%+v is cut at %d", want, x.before)
				}
			}
			if _, found := x.find(uuid.New()); found {
				t.Fatal("found a command that nobody sent")
			}
		}
	})
}
