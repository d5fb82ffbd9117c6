package embedded

import "orderflow/ports/portkit"

// sequences holds the sequence numbers of the states that were written last, by their keys. It
// saves a read for most changes. Only the changes of this store write states, and no other process
// has the directory open.
//
// A number is taken out before its state is written, and put back when that has worked. So after a
// failure there is none, and the next change reads what is stored.
type sequences = portkit.Recent[string, uint64]

// mostSequences bounds how many numbers are held. Each takes about 150 bytes.
const mostSequences = 16_384

func newSequences() *sequences {
	return portkit.NewRecent[string](mostSequences, func(uint64) int { return 1 })
}
