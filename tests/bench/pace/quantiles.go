package pace

import (
	"math"
	"time"
)

// Quantiles is a sorted sample.
type Quantiles []time.Duration

// At returns, in milliseconds, the smallest value that a fraction of the sample does not exceed. It
// returns 0 for an empty sample.
func (q Quantiles) At(fraction float64) float64 {
	if len(q) == 0 {
		return 0
	}
	rank := max(1, int(math.Ceil(fraction*float64(len(q)))))
	return float64(q[rank-1]) / float64(time.Millisecond)
}
