package plan

import (
	"slices"
	"time"
)

// Shrink makes a schedule simpler as long as what remains fails. It removes steps, first many at
// once, at the end one by one. Then it takes the settings back that make a round special. A
// schedule does not fail every time, so a simpler failing schedule may be missed.
func Shrink(s Schedule, fails func(Schedule) bool) Schedule {
	for chunk := len(s.Steps); chunk > 0; chunk /= 2 {
		for from := 0; from < len(s.Steps); {
			shorter := s
			shorter.Steps = slices.Delete(slices.Clone(s.Steps), from, min(from+chunk, len(s.Steps)))
			if fails(shorter) {
				s = shorter
			} else {
				from += chunk
			}
		}
	}
	for _, simplify := range simpler {
		simplified := s
		if simplify(&simplified); simplified.String() != s.String() && fails(simplified) {
			s = simplified
		}
	}
	return s
}

// simpler are settings of a round that is not special.
var simpler = []func(*Schedule){
	func(s *Schedule) { s.Forged = 0 },
	func(s *Schedule) { s.Poison = Poison{} },
	func(s *Schedule) { s.NewerView = "" },
	func(s *Schedule) { s.NewerShare, s.NewerView = 0, "" },
	func(s *Schedule) { s.Targets, s.Start[0].Target, s.Start[1].Target = 1, 1, 1 },
	func(s *Schedule) { s.MaxParked = manyParked },
	func(s *Schedule) { s.Retention = 24 * time.Hour },
	func(s *Schedule) { s.Tail, s.Remembered = 1024, 65536 },
	func(s *Schedule) { s.Patience = 20 * time.Millisecond },
	func(s *Schedule) { s.Tablets = false },
	func(s *Schedule) { s.Nodes, s.Replication = 3, 3 },
	func(s *Schedule) { s.Batch = 1 },
}
